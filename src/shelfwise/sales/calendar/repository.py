"""The days of a tenant's calendar."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.bulk import append
from shelfwise.platform.database import insert_into
from shelfwise.sales.calendar.rules import Entry
from shelfwise.sales.tables import CALENDAR_EVENTS

_C = CALENDAR_EVENTS.c


class CalendarRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def between(
        self,
        start: date | None,
        end: date | None,
        *,
        after: tuple[date, str] | None = None,
        limit: int | None = None,
    ) -> list[Entry]:
        """Entries of ``start <= day < end`` by day and name, those ``after`` one; an end that is None is open."""
        query = sa.select(_C.day, _C.name, _C.kind).where(_C.tenant_id == self._tenant_id)
        if start is not None:
            query = query.where(_C.day >= start)
        if end is not None:
            query = query.where(_C.day < end)
        if after is not None:
            query = query.where((_C.day > after[0]) | ((_C.day == after[0]) & (_C.name > after[1])))
        return [Entry(*row) for row in await self._connection.execute(query.order_by(_C.day, _C.name).limit(limit))]

    async def clear(self) -> None:
        """Forgets all entries."""
        await self._connection.execute(sa.delete(CALENDAR_EVENTS).where(_C.tenant_id == self._tenant_id))

    async def put(self, entries: Sequence[Entry]) -> None:
        """Keeps entries; one of a day and name that is there is replaced."""
        statement = insert_into(self._connection, CALENDAR_EVENTS)
        await append(
            self._connection,
            CALENDAR_EVENTS,
            ("tenant_id", "day", "name", "kind"),
            [(self._tenant_id, entry.day, entry.name, entry.kind) for entry in entries],
            statement=statement.on_conflict_do_update(
                index_elements=["tenant_id", "day", "name"], set_={"kind": statement.excluded["kind"]}
            ),
        )
