"""Reading who did what."""

from shelfwise.inventory.audit.schemas import AuditEntries, entry_out
from shelfwise.inventory.tables import AUDIT_LOG
from shelfwise.inventory.tenants.service import require_tenant
from shelfwise.inventory.values import decode_cursor, encode_cursor
from shelfwise.platform.audit import AuditFilter, AuditLog
from shelfwise.platform.database import Database


class AuditService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, tenant_id: str, wanted: AuditFilter, *, limit: int, cursor: str | None) -> AuditEntries:
        """Entries, newest first."""
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            found = await AuditLog(AUDIT_LOG, connection, tenant_id).page(
                wanted, before=decode_cursor(cursor), limit=limit + 1
            )
        following = encode_cursor(found[limit - 1].audit_id) if len(found) > limit else None
        return AuditEntries([entry_out(entry) for entry in found[:limit]], following)
