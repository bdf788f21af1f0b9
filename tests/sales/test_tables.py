"""The schema on both databases."""

from shelfwise.platform.migrate import current_revision, drift, head_revision
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
