"""Imports: how far each has come, and the rows that it could not take."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.sales.imports.rules import BadRow
from shelfwise.sales.tables import IMPORT_ERRORS, IMPORTS


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """``imported`` counts unresolved rows too; ``rows`` = imported + duplicates + errors."""

    import_id: str
    status: str
    history: bool
    rows: int
    imported: int
    duplicates: int
    unresolved: int
    errors: int
    bytes_read: int
    started_at: datetime
    finished_at: datetime | None = None
    failure: str | None = None


_NAMES = tuple(ImportRecord.__dataclass_fields__)


class ImportsRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, record: ImportRecord) -> None:
        """Begins an import."""
        values = {name: getattr(record, name) for name in _NAMES}
        await self._connection.execute(sa.insert(IMPORTS).values(tenant_id=self._tenant_id, **values))

    async def update(self, record: ImportRecord) -> None:
        """Notes how far an import has come."""
        values = {name: getattr(record, name) for name in _NAMES if name != "import_id"}
        await self._connection.execute(
            sa.update(IMPORTS)
            .where(IMPORTS.c.tenant_id == self._tenant_id, IMPORTS.c.import_id == record.import_id)
            .values(**values)
        )

    async def add_errors(self, import_id: str, errors: Sequence[BadRow]) -> None:
        """Keeps rows that could not be imported."""
        if errors:
            await self._connection.execute(
                sa.insert(IMPORT_ERRORS),
                [
                    {"tenant_id": self._tenant_id, "import_id": import_id, "line": bad.line, "reason": bad.reason}
                    for bad in errors
                ],
            )

    async def get(self, import_id: str) -> ImportRecord | None:
        """One import, or None."""
        query = sa.select(*(IMPORTS.c[name] for name in _NAMES)).where(
            IMPORTS.c.tenant_id == self._tenant_id, IMPORTS.c.import_id == import_id
        )
        row = (await self._connection.execute(query)).first()
        return None if row is None else ImportRecord(*row)

    async def page(self, *, before: str | None, limit: int) -> list[ImportRecord]:
        """Imports, the newest first; their ids rise with time."""
        query = sa.select(*(IMPORTS.c[name] for name in _NAMES)).where(IMPORTS.c.tenant_id == self._tenant_id)
        if before is not None:
            query = query.where(IMPORTS.c.import_id < before)
        rows = await self._connection.execute(query.order_by(IMPORTS.c.import_id.desc()).limit(limit))
        return [ImportRecord(*row) for row in rows]

    async def errors(self, import_id: str, *, after: int, limit: int) -> list[BadRow]:
        """Rows that an import could not take, by line."""
        c = IMPORT_ERRORS.c
        query = (
            sa.select(c.line, c.reason)
            .where(c.tenant_id == self._tenant_id, c.import_id == import_id, c.line > after)
            .order_by(c.line)
            .limit(limit)
        )
        return [BadRow(row[0], row[1]) for row in await self._connection.execute(query)]
