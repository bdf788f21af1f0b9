"""The command itself: from an empty folder to four `curl` calls that work."""

import asyncio
import contextlib
import shutil
import signal
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from shelfwise.cli.console import clear_errors, err, out
from shelfwise.cli.demo import processes
from shelfwise.cli.demo.api import Api, DemoError, ready
from shelfwise.cli.demo.loader import forecast_and_plan, load
from shelfwise.cli.demo.processes import ServiceProcess
from shelfwise.cli.services import open_inventory
from shelfwise.http import HTTPClient
from shelfwise.platform.auth import PERSON_SCOPES, mint_token
from shelfwise.platform.problems import TenantNotSetUpError
from shelfwise.platform.server import check_port_free
from shelfwise.platform.settings import SettingsError, generated_secret
from shelfwise.platform.telemetry import configure_logging
from shelfwise.sample import SampleTenant, demo_tenant, documented_tenant

HOST = "127.0.0.1"
DEFAULT_FOLDER = Path("shelfwise-demo")
#: Left in the folder when everything is loaded; without it a folder is only half loaded.
LOADED = "demo-loaded"
MARK = "this-is-a-shelfwise-demo"
TENANTS = ("demo", "tenant-1")
TOKEN_SECONDS = 30 * 24 * 3600
_START_SECONDS = 60.0


def demo(
    data_dir: Annotated[Path, typer.Option(help="Folder of the demo's databases and logs.")] = DEFAULT_FOLDER,
    inventory_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Inventory.")] = 5000,
    sales_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Sales.")] = 5001,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser when ready.")] = True,
    reset: Annotated[bool, typer.Option("--reset", help="Throw the demo's data away and load afresh.")] = False,
) -> None:
    """Start both services on a year of real sales and show what they say. Ctrl-C stops both.

    The sales are an extract of UCI Online Retail (Daqing Chen, CC BY 4.0); stock, suppliers and lead times are
    simulated from them. A second tenant, tenant-1, is simulated throughout.
    """
    with clear_errors():
        if inventory_port == sales_port:
            raise SettingsError("The two services need two ports: change --inventory-port or --sales-port.")
        check_port_free(HOST, inventory_port, "--inventory-port")
        check_port_free(HOST, sales_port, "--sales-port")
        prepare_folder(data_dir, reset=reset)
        configure_logging(level="warning", style="console", service="demo")
        code = asyncio.run(_Demo(data_dir, inventory_port, sales_port, browser=browser).run())
    raise typer.Exit(code)


def prepare_folder(data_dir: Path, *, reset: bool) -> None:
    """Makes the folder, or empties a demo's own. Raises SettingsError for a folder that is somebody else's."""
    mark, used = data_dir / MARK, data_dir.exists() and any(data_dir.iterdir())
    if used and not mark.exists():
        raise SettingsError(f"{data_dir} is not empty and not a demo's folder. Choose another with --data-dir.")
    half_loaded = used and not (data_dir / LOADED).exists()
    if used and (reset or half_loaded):
        shutil.rmtree(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    mark.touch()


class _Demo:
    def __init__(self, data_dir: Path, inventory_port: int, sales_port: int, *, browser: bool) -> None:
        self._data_dir = data_dir.resolve()
        self._ports = {"inventory": inventory_port, "sales": sales_port}
        self._urls = {name: f"http://localhost:{port}" for name, port in self._ports.items()}
        self._browser = browser
        self._stop = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        services = [await self._start(name) for name in ("sales", "inventory")]
        try:
            preparing = asyncio.create_task(self._prepare())
            failed = await self._until_stopped(services, preparing)
        finally:
            err.print("Stopping both services ...")
            await processes.stop(services)
            with contextlib.suppress(Exception):
                await HTTPClient.aclose()
        err.print(f"Stopped. The data stays in {self._data_dir}.", markup=False)
        return 1 if failed else 0

    async def _start(self, name: str) -> ServiceProcess:
        environment = {
            "DATA_DIR": str(self._data_dir),
            "SALES_SERVICE_URL": self._urls["sales"],
            "INVENTORY_SERVICE_URL": self._urls["inventory"],
            "OPS_PUBLIC": "true",
            "DRAIN_SECONDS": "0",
            "ENVIRONMENT": "development",
        }
        arguments = ["--host", HOST, "--port", str(self._ports[name])]
        return await processes.start(name, arguments, environment, self._data_dir / "logs" / f"{name}.log")

    async def _prepare(self) -> None:
        for name, url in self._urls.items():
            if not await ready(url.replace("localhost", HOST), seconds=_START_SECONDS):
                raise DemoError(f"{name} did not start within a minute.")
        today, fresh = await self._business_date()
        samples = (documented_tenant(today), await asyncio.to_thread(demo_tenant, today)) if fresh else ()
        token = self._token()
        with _progress() as progress:
            for sample in samples:
                api = Api(self._urls["inventory"], self._urls["sales"], token, sample.tenant_id)
                await load(sample, api, self._data_dir, progress)
                await forecast_and_plan(sample, self._data_dir, self._urls["sales"], progress)
        (self._data_dir / LOADED).touch()
        self._welcome(token, today, samples)

    async def _business_date(self) -> tuple[date, bool]:
        """The demo's pinned date and whether it is loaded for the first time now."""
        async with open_inventory(self._data_dir) as inventory:
            try:
                pinned = (await inventory.tenants.show("demo")).settings.business_date
            except TenantNotSetUpError:
                pinned = None
        return (pinned, False) if pinned is not None else (date.today(), True)  # noqa: DTZ011  the user's own day

    def _token(self) -> str:
        return mint_token(
            generated_secret(self._data_dir),
            subject="demo",
            tenants=list(TENANTS),
            scopes=PERSON_SCOPES,
            ttl_seconds=TOKEN_SECONDS,
        )

    def _welcome(self, token: str, today: date, samples: tuple[SampleTenant, ...]) -> None:
        url = self._urls["inventory"]
        for sample in samples:
            err.print(f"{sample.tenant_id}: {len(sample.products)} products, {len(sample.lines)} order lines.")
        out.print(f"\nShelfwise is ready: {url}/docs and {self._urls['sales']}/docs", markup=False)
        out.print(f"The business date is pinned to {today} (--reset loads afresh).")
        out.print("Stock, suppliers and lead times are simulated; the sales of tenant 'demo' are real:")
        out.print(
            "UCI Online Retail, Daqing Chen, CC BY 4.0, dates shifted. Tenant 'tenant-1' is simulated throughout."
        )
        out.print(f"\nA token for both tenants, good for 30 days:\n\n{token}\n", markup=False)
        out.print("Try, in another terminal:\n")
        for path in (
            "products/PRD-123/with-sales-data?days=30",
            "products/PRD-123/demand-forecast?forecast_days=30",
            "dashboard",
            "products/PRD-123/reorder-recommendation",
        ):
            headers = f'-H "Authorization: Bearer {token}" -H "X-Tenant-ID: tenant-1"'
            out.print(f'curl -X GET "{url}/api/inventory/{path}" {headers}\n', markup=False)
        out.print("The same with X-Tenant-ID: demo shows the wholesaler's products. Ctrl-C stops both services.")
        sys.stdout.flush()
        if self._browser and sys.stdout.isatty():
            webbrowser.open(f"{url}/docs")

    async def _until_stopped(self, services: list[ServiceProcess], preparing: "asyncio.Task[None]") -> bool:
        """Waits for Ctrl-C or for both services to end; says when one does. True when something failed."""
        stopping = asyncio.create_task(self._stop.wait())
        ended = {asyncio.create_task(service.ended()): service for service in services}
        failed = False
        try:
            while ended and not self._stop.is_set():
                waiting = {stopping, *ended, *({preparing} if not preparing.done() else ())}
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if preparing in done:
                    preparing.result()
                for task in done & ended.keys():
                    service = ended.pop(task)
                    failed = True
                    self._report_end(service, task.result(), others_run=bool(ended))
        finally:
            for task in (preparing, stopping, *ended):
                task.cancel()
            await asyncio.gather(preparing, stopping, *ended, return_exceptions=True)
        return failed

    def _report_end(self, service: ServiceProcess, code: int, *, others_run: bool) -> None:
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        err.print(f"{service.name} has ended ({how}). Its log: {service.log}", style="bold red", markup=False)
        if others_run:
            err.print("The other service goes on. Ctrl-C stops it; start the demo again to have both.")


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as progress:
        yield progress
