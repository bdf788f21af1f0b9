"""The two services as the command line knows them: their settings, migrations and applications."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from shelfwise.cli.console import ServiceName
from shelfwise.cli.settings import load
from shelfwise.inventory.config import Settings as InventorySettings
from shelfwise.inventory.main import Inventory
from shelfwise.inventory.main import compose as compose_inventory
from shelfwise.inventory.tables import MIGRATIONS as INVENTORY_MIGRATIONS
from shelfwise.platform.migrate import Migrations, MigrationUrls, current_revision, head_revision, upgrade
from shelfwise.platform.settings import SettingsError
from shelfwise.sales.config import SalesSettings
from shelfwise.sales.main import Sales
from shelfwise.sales.main import compose as compose_sales
from shelfwise.sales.tables import MIGRATIONS as SALES_MIGRATIONS

SERVICES: tuple[ServiceName, ...] = ("inventory", "sales")


def migrations_of(service: ServiceName, data_dir: Path | None) -> tuple[Migrations, MigrationUrls]:
    """The service's migrations and the URLs that its settings give."""
    if service == "sales":
        sales = load(SalesSettings, data_dir)
        return SALES_MIGRATIONS, MigrationUrls(sales.database_url, sales.SALES_MIGRATION_URL, sales.SALES_RELAY_URL)
    inventory = load(InventorySettings, data_dir)
    urls = MigrationUrls(inventory.database_url, inventory.INVENTORY_MIGRATION_URL, inventory.INVENTORY_RELAY_URL)
    return INVENTORY_MIGRATIONS, urls


async def migrate(service: ServiceName, data_dir: Path | None) -> None:
    """Brings the service's database to the newest revision, making the data directory when it is missing."""
    migrations, urls = migrations_of(service, data_dir)
    _make_folder(urls.owner)
    await upgrade(migrations, urls)


def _make_folder(url: str) -> None:
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True, mode=0o700)


def is_missing_file(url: str) -> bool:
    """Looking into a SQLite file that is not there would make an empty one."""
    path = url.removeprefix("sqlite:///")
    return path != url and not Path(path).exists()


async def _check_migrated(service: ServiceName, data_dir: Path | None) -> None:
    migrations, urls = migrations_of(service, data_dir)
    if is_missing_file(urls.database) or await current_revision(migrations, urls.database) != head_revision(migrations):
        raise SettingsError(
            f"The database of {service} is not there or not at this version's schema. Run `shelfwise migrate`, "
            "with the --data-dir or database URLs that the services use."
        )


@asynccontextmanager
async def open_inventory(data_dir: Path | None, **given: Any) -> AsyncIterator[Inventory]:  # noqa: ANN401  settings
    """Inventory's services without HTTP, on the same database that `shelfwise serve inventory` uses."""
    await _check_migrated("inventory", data_dir)
    inventory = compose_inventory(load(InventorySettings, data_dir, **given))
    try:
        yield inventory
    finally:
        await inventory.aclose()


@asynccontextmanager
async def open_sales(data_dir: Path | None, **given: Any) -> AsyncIterator[Sales]:  # noqa: ANN401  settings
    """Sales' services without HTTP, on the same database that `shelfwise serve sales` uses."""
    await _check_migrated("sales", data_dir)
    sales = compose_sales(load(SalesSettings, data_dir, **given))
    try:
        yield sales
    finally:
        await sales.aclose()
