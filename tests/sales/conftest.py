"""A composed Sales service on each database, with a clock that stands still."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fixtures.sales import SECRET, Clock
from shelfwise.sales.config import SalesSettings
from shelfwise.sales.main import Sales, compose
from shelfwise.sales.tables import MIGRATIONS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def settings(databases, tmp_path: Path) -> SalesSettings:
    urls = await databases.fresh(MIGRATIONS)
    return SalesSettings(
        _env_file=None,
        DATA_DIR=tmp_path,
        AUTH_SECRET=SECRET,
        SALES_DATABASE_URL=urls.database,
        SALES_MIGRATION_URL=urls.migration,
        SALES_RELAY_URL=urls.relay,
        INVENTORY_SERVICE_URL="http://127.0.0.1:9",
        OPS_PUBLIC=True,
    )


@pytest.fixture
async def sales(settings: SalesSettings, clock: Clock) -> AsyncIterator[Sales]:
    composed = compose(settings, clock=clock)
    yield composed
    await composed.aclose()
