"""The migrations make exactly the tables that the code declares."""

import pytest
import sqlalchemy as sa

from fixtures.databases import tables_without_forced_row_level_security
from shelfwise.inventory.tables import METADATA, MIGRATIONS
from shelfwise.platform.database import Database
from shelfwise.platform.migrate import VERSION_TABLE, current_revision, drift, head_revision


async def test_the_migrated_schema_is_the_declared_one(databases):
    urls = await databases.fresh(MIGRATIONS)
    assert await drift(MIGRATIONS, urls.owner) == []
    assert await current_revision(MIGRATIONS, urls.database) == head_revision(MIGRATIONS)


async def test_the_serving_role_without_a_tenant_sees_no_row(inventory, laptop, databases):
    database = inventory.database
    if database.is_sqlite:
        return
    async with database.read(None) as connection:
        for table in METADATA.sorted_tables:
            assert await connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0, table.name


async def test_every_unique_key_leads_with_the_tenant():
    for table in METADATA.sorted_tables:
        if table.name != "outbox":
            assert next(iter(table.primary_key.columns)).name == "tenant_id", table.name
        for constraint in table.constraints:
            if isinstance(constraint, sa.UniqueConstraint):
                assert next(iter(constraint.columns)).name == "tenant_id", constraint.name


async def test_a_database_of_its_own_needs_no_setting(tmp_path):
    assert isinstance(Database(f"sqlite:///{tmp_path / 'x.db'}", schema="inventory"), Database)


async def test_row_level_security_is_forced_on_every_table_with_a_tenant(databases):
    urls = await databases.fresh(MIGRATIONS)
    if urls.database.startswith("sqlite"):
        pytest.skip("row-level security is PostgreSQL's")
    assert await tables_without_forced_row_level_security(urls.owner, MIGRATIONS.service) == {VERSION_TABLE}
