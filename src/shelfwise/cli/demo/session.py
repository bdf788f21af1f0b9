"""One run of the demo: both services up, everything prepared, then waiting until it is stopped.

The services are started before anything heavy is imported: while they start, this process imports what loads them.
"""

import asyncio
import os
import signal
from pathlib import Path

from shelfwise.cli.console import err
from shelfwise.cli.demo import processes
from shelfwise.cli.demo.errors import DemoError
from shelfwise.cli.demo.folder import DemoFolder, demo_folder
from shelfwise.cli.demo.processes import ServiceProcess
from shelfwise.cli.lazy import preparation
from shelfwise.inventory.config import Settings as InventorySettings
from shelfwise.platform.ports import check_port_free
from shelfwise.platform.settings import SettingsError
from shelfwise.sales.config import SalesSettings

HOST = "127.0.0.1"
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
    with demo_folder(data_dir, reset=reset) as folder:
        _leave_other_settings_behind(folder.path)
        return asyncio.run(_Session(folder, ports, products, browser=browser).run())


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
        # The import takes seconds; in a thread, it leaves the loop free to hear Ctrl-C.
        prepare = await asyncio.to_thread(lambda: preparation.prepare)
        await prepare(
            self._folder,
            self._urls,
            {service.name: service.process.pid for service in services},
            products=self._products,
            browser=self._browser,
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
