"""Serving one of the two services in this process."""

from pathlib import Path
from typing import Never

import structlog
import uvloop
from sqlalchemy.engine import make_url

from shelfwise.cli.console import ServiceName
from shelfwise.cli.services import migrate
from shelfwise.cli.settings import load
from shelfwise.inventory.config import Settings as InventorySettings
from shelfwise.inventory.main import create_app as create_inventory
from shelfwise.platform.ports import check_port_free
from shelfwise.platform.server import leave
from shelfwise.platform.server import serve as serve_app
from shelfwise.platform.telemetry import configure_logging
from shelfwise.sales.config import SalesSettings
from shelfwise.sales.main import create_app as create_sales

logger = structlog.get_logger("shelfwise.server")


def serve(service: ServiceName, *, host: str | None, port: int | None, data_dir: Path | None) -> Never:
    """Serves until SIGTERM or SIGINT, and ends the process; what is None is what the settings say."""
    uvloop.run(_serve(service, host, port, data_dir))
    leave()


async def _serve(service: ServiceName, host: str | None, port: int | None, data_dir: Path | None) -> None:
    settings: InventorySettings | SalesSettings
    if service == "inventory":
        settings = load(InventorySettings, data_dir, HOST=host, INVENTORY_PORT=port)
        chosen_port = settings.INVENTORY_PORT
    else:
        settings = load(SalesSettings, data_dir, HOST=host, SALES_PORT=port)
        chosen_port = settings.SALES_PORT
    configure_logging(level=settings.LOG_LEVEL, style=settings.LOG_FORMAT, service=service)
    check_port_free(settings.HOST, chosen_port, "--port")
    if settings.ENVIRONMENT == "development":
        await migrate(service, data_dir)
    database = make_url(settings.database_url).render_as_string(hide_password=True)
    logger.info("server.starting", environment=settings.ENVIRONMENT, database=database)
    app = create_inventory(settings) if isinstance(settings, InventorySettings) else create_sales(settings)
    await serve_app(
        app.asgi,
        host=settings.HOST,
        port=chosen_port,
        drain_seconds=settings.DRAIN_SECONDS,
        readiness=app.readiness,
    )
