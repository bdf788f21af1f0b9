"""One run of the demo: both services up, the sample loaded if it is not, then waiting until it is stopped."""

import asyncio
import contextlib
import os
import signal
import sys
import webbrowser
from datetime import date
from pathlib import Path

from shelfwise.cli.console import err, out, progress_display
from shelfwise.cli.demo import processes
from shelfwise.cli.demo.api import Api, DemoError, ready
from shelfwise.cli.demo.folder import DemoFolder, FolderError, demo_folder
from shelfwise.cli.demo.loader import forecast_and_plan, load
from shelfwise.cli.demo.processes import ServiceProcess
from shelfwise.cli.demo.welcome import TENANTS, TOKEN_DAYS, Welcome
from shelfwise.cli.services import open_inventory
from shelfwise.http import HTTPClient
from shelfwise.inventory.config import Settings as InventorySettings
from shelfwise.platform.auth import PERSON_SCOPES, mint_token
from shelfwise.platform.server import check_port_free
from shelfwise.platform.settings import SettingsError, generated_secret
from shelfwise.platform.telemetry import configure_logging
from shelfwise.sales.config import SalesSettings
from shelfwise.sample import demo_tenant, documented_tenant

HOST = "127.0.0.1"
_START_SECONDS = 60.0
_SETTINGS_KEPT = frozenset({"LOG_LEVEL", "LOG_FORMAT"})


def run(data_dir: Path, ports: dict[str, int], products: int, *, browser: bool, reset: bool) -> int:
    """Runs until it is stopped and gives the exit code: 1 when a service had ended by itself.

    Raises:
        SettingsError: a port is taken, the folder is somebody else's, or a service failed while loading.
    """
    if ports["inventory"] == ports["sales"]:
        raise SettingsError("The two services need two ports: change --inventory-port or --sales-port.")
    for service, port in ports.items():
        check_port_free(HOST, port, f"--{service}-port")
    try:
        with demo_folder(data_dir, reset=reset) as folder:
            _leave_other_settings_behind(folder.path)
            configure_logging(level="warning", style="console", service="demo")
            return asyncio.run(_Session(folder, ports, products, browser=browser).run())
    except FolderError as error:
        raise SettingsError(str(error)) from error


def _leave_other_settings_behind(folder: Path) -> None:
    """No setting of the environment or of a .env may lead the demo to another database."""
    for name in {*InventorySettings.model_fields, *SalesSettings.model_fields} - _SETTINGS_KEPT:
        os.environ.pop(name, None)
    os.chdir(folder)


class _Session:
    def __init__(self, folder: DemoFolder, ports: dict[str, int], products: int, *, browser: bool) -> None:
        self._folder = folder
        self._ports = ports
        self._urls = {name: f"http://localhost:{port}" for name, port in ports.items()}
        self._products = products
        self._browser = browser
        self._stop = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        err.print("Starting Sales and Inventory ...")
        services = [await self._start(name) for name in ("sales", "inventory")]
        try:
            failed = await self._until_stopped(services)
        finally:
            err.print("Stopping both services ...")
            await processes.stop(services)
            with contextlib.suppress(Exception):
                await HTTPClient.aclose()
        stays = f"The data stays in {self._folder.path}."
        err.print(f"Stopped. {stays if self._folder.is_loaded else 'The next start loads afresh.'}", markup=False)
        return 1 if failed else 0

    async def _start(self, name: str) -> ServiceProcess:
        environment = {
            "DATA_DIR": str(self._folder.path),
            "SALES_SERVICE_URL": self._urls["sales"],
            "INVENTORY_SERVICE_URL": self._urls["inventory"],
            "OPS_PUBLIC": "true",
            "DRAIN_SECONDS": "0",
        }
        arguments = ["--host", HOST, "--port", str(self._ports[name])]
        return await processes.start(name, arguments, environment, self._folder.log(name))

    async def _prepare(self, services: list[ServiceProcess]) -> None:
        for name, url in self._urls.items():
            if not await ready(url.replace("localhost", HOST), seconds=_START_SECONDS):
                raise DemoError(f"{name} did not start within a minute. Its log: {self._folder.log(name)}")
        token = self._token()
        if not self._folder.is_loaded:
            await self._load(token)
        await self._welcome(token, services)

    async def _load(self, token: str) -> None:
        today = date.today()  # noqa: DTZ011  the user's own day
        samples = documented_tenant(today), await asyncio.to_thread(demo_tenant, today, products=self._products)
        with progress_display() as progress:
            for sample in samples:
                await load(sample, self._api(token, sample.tenant_id), self._folder.path, progress)
                await forecast_and_plan(sample, self._folder.path, self._urls["sales"], progress)
        for sample in samples:
            err.print(f"{sample.tenant_id}: {len(sample.products)} products, {len(sample.lines)} order lines.")
        self._folder.set_loaded()

    async def _welcome(self, token: str, services: list[ServiceProcess]) -> None:
        async with open_inventory(self._folder.path) as inventory:
            settings = (await inventory.tenants.show("demo")).settings
        api = self._api(token, "demo")
        dashboard = await api.inventory("GET", "/api/inventory/dashboard")
        best = [(entry["product_id"], entry["product_name"]) for entry in dashboard["top_selling_products"]]
        Welcome(
            urls=self._urls,
            process_ids={service.name: service.process.pid for service in services},
            data_dir=self._folder.path,
            token=token,
            business_date=settings.business_date or date.today(),  # noqa: DTZ011  unpinned: the user's own day
            products=dashboard["inventory_stats"]["total_products"],
            example=best[0] if best else None,
        ).show(out)
        sys.stdout.flush()
        if self._browser and sys.stdout.isatty():
            webbrowser.open(f"{self._urls['inventory']}/docs")

    def _api(self, token: str, tenant_id: str) -> Api:
        return Api(self._urls["inventory"], self._urls["sales"], token, tenant_id)

    def _token(self) -> str:
        return mint_token(
            generated_secret(self._folder.path),
            subject="demo",
            tenants=list(TENANTS),
            scopes=PERSON_SCOPES,
            ttl_seconds=TOKEN_DAYS * 24 * 3600,
        )

    async def _until_stopped(self, services: list[ServiceProcess]) -> bool:
        """Prepares, then waits for Ctrl-C or for both services to end; says when one does. True when one did.

        Raises:
            DemoError: the demo could not be prepared.
        """
        preparing = asyncio.create_task(self._prepare(services))
        stopping = asyncio.create_task(self._stop.wait())
        ended = {asyncio.create_task(service.ended()): service for service in services}
        failed = False
        try:
            while ended and not self._stop.is_set():
                waiting = {stopping, *ended, *({preparing} if not preparing.done() else ())}
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done & ended.keys():
                    failed = True
                    _report_end(ended.pop(task), prepared=preparing.done(), others_run=bool(ended))
                if preparing in done:
                    preparing.result()
        finally:
            for task in (preparing, stopping, *ended):
                task.cancel()
            await asyncio.gather(preparing, stopping, *ended, return_exceptions=True)
        return failed


def _report_end(service: ServiceProcess, *, prepared: bool, others_run: bool) -> None:
    how = f"{service.name} has ended ({service.how_it_ended()})."
    if not prepared:
        raise DemoError(f"{how} The demo cannot go on. The end of {service.log}:\n{service.last_words()}")
    err.print(f"{how} Its log: {service.log}", style="bold red", markup=False)
    if others_run:
        err.print("The other service goes on. Ctrl-C stops it; start the demo again to have both.")
