"""The things service's database, on both back ends."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fixtures.things import things_migrations
from shelfwise.platform.database import Database
from shelfwise.platform.migrate import Migrations, MigrationUrls


@pytest.fixture
def migrations(tmp_path_factory: pytest.TempPathFactory) -> Migrations:
    return things_migrations(Path(str(tmp_path_factory.getbasetemp())) / "things_migrations")


@pytest.fixture
async def urls(databases, migrations) -> MigrationUrls:
    return await databases.fresh(migrations)


@pytest.fixture
async def database(urls) -> AsyncIterator[Database]:
    database = Database(urls.database, schema="things", busy_timeout_seconds=2)
    yield database
    await database.dispose()
