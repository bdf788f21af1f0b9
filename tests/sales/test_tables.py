"""The schema on both databases."""

import pytest

from fixtures.databases import tables_without_forced_row_level_security
from shelfwise.platform.migrate import VERSION_TABLE, current_revision, drift, head_revision
from shelfwise.sales.tables import METADATA, MIGRATIONS


async def test_the_migrated_schema_agrees_with_the_tables_in_the_code(databases):
    urls = await databases.fresh(MIGRATIONS)
    assert await drift(MIGRATIONS, urls.owner) == []
    assert await current_revision(MIGRATIONS, urls.database) == head_revision(MIGRATIONS)


def test_every_key_leads_with_the_tenant_but_the_outboxs_own():
    for table in METADATA.sorted_tables:
        keys = [table.primary_key, *table.indexes]
        leading = {key.name: next(iter(key.columns)).name for key in keys if key.name != "ix_outbox_pending"}
        if table.name != "outbox":
            assert set(leading.values()) == {"tenant_id"}, table.name


async def test_row_level_security_is_forced_on_every_table_with_a_tenant(databases):
    urls = await databases.fresh(MIGRATIONS)
    if urls.database.startswith("sqlite"):
        pytest.skip("row-level security is PostgreSQL's")
    assert await tables_without_forced_row_level_security(urls.owner, MIGRATIONS.service) == {VERSION_TABLE}
