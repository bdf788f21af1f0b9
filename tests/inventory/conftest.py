"""A whole Inventory on a fresh database, with a tenant; and the same behind HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fixtures.inventory import SECRET, TENANT, Caller, clock
from fixtures.sales_like import SalesLike
from fixtures.servers import running
from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.config import Settings
from shelfwise.inventory.main import Inventory, compose, create_app
from shelfwise.inventory.tables import MIGRATIONS
from shelfwise.inventory.tenants.rules import TenantSettings


@pytest.fixture
async def settings(databases, tmp_path: Path) -> Settings:
    """Settings of a migrated database; Sales is on a port where nobody listens."""
    urls = await databases.fresh(MIGRATIONS)
    return Settings(
        _env_file=None,
        DATA_DIR=tmp_path,
        AUTH_SECRET=SECRET,
        INVENTORY_DATABASE_URL=urls.database,
        INVENTORY_MIGRATION_URL=urls.migration,
        INVENTORY_RELAY_URL=urls.relay,
        SALES_SERVICE_URL="http://127.0.0.1:9",
        OPS_PUBLIC=True,
    )


@pytest.fixture
async def inventory(settings: Settings) -> AsyncIterator[Inventory]:
    """The composed service without HTTP and with an empty tenant ``tenant-1``."""
    service = compose(settings, clock=clock)
    await service.tenants.create(TENANT, TenantSettings("One", time_zone="Europe/London", currency="GBP"))
    yield service
    await service.aclose()


@pytest.fixture
async def call(inventory: Inventory, settings: Settings) -> AsyncIterator[Caller]:
    """The service behind HTTP, on the database of ``inventory``."""
    app = create_app(settings, clock=clock)
    async with running(app.asgi) as server:
        yield Caller(server)


@pytest.fixture
async def laptop(inventory: Inventory) -> Product:
    """The document's product."""
    product = Product("PRD-123", "LAP-001", "Laptop", pack_size=100)
    await inventory.catalogue.create(TENANT, product)
    return product


@pytest.fixture
async def sales_like() -> AsyncIterator[SalesLike]:
    """What answers as Sales; ``sales_like.url`` is where."""
    fake = SalesLike()
    async with running(fake) as server:
        fake.url = server.url
        yield fake


@pytest.fixture
async def connected(inventory: Inventory, settings: Settings, sales_like: SalesLike) -> AsyncIterator[Caller]:
    """The service behind HTTP, with a Sales that answers."""
    app = create_app(settings.model_copy(update={"SALES_SERVICE_URL": sales_like.url}), clock=clock)
    async with running(app.asgi) as server:
        yield Caller(server)
