"""The tenant's calendar: part of what the next forecasts are made from."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.database import Database
from shelfwise.platform.idempotency import IdempotencyKeys, RequestIdentity, StoredAnswer
from shelfwise.platform.problems import InvalidError
from shelfwise.sales.calendar.repository import CalendarRepository
from shelfwise.sales.calendar.rules import (
    NEEDED,
    OPTIONAL,
    CalendarDays,
    calendar_problem,
    days_of,
    entry_problem,
    read_entry,
)
from shelfwise.sales.calendar.schemas import CalendarPage, CalendarStored, NewCalendar, entry_view
from shelfwise.sales.product_refs.service import ProductRefsService
from shelfwise.sales.rows import TableError, TableReport, read_table, report
from shelfwise.sales.tables import IDEMPOTENCY_KEYS

__all__ = ["CalendarDays", "CalendarService", "NewCalendar"]


class CalendarService:
    def __init__(self, database: Database, product_refs: ProductRefsService, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._product_refs = product_refs
        self._clock = clock

    async def replace(
        self, tenant_id: str, calendar: NewCalendar, identity: RequestIdentity | None = None
    ) -> StoredAnswer:
        """Keeps a calendar in place of the one before.

        Raises:
            InvalidError: an entry is not valid, or a day has a name twice.
            IdempotencyMismatchError, InProgressError: as the key says.
        """
        await self._product_refs.tenant(tenant_id)
        entries = {}
        for index, given in enumerate(calendar.entries):
            entry = given.entry()
            wrong = entry_problem(entry)
            if wrong is not None:
                raise InvalidError.of(f"entries[{index}].{wrong[0]}", wrong[1])
            if (entry.day, entry.name) in entries:
                raise InvalidError.of(f"entries[{index}].name", f"is on {entry.day} already")
            entries[entry.day, entry.name] = entry
        wrong = calendar_problem(entries.values())
        if wrong is not None:
            raise InvalidError.of(*wrong)
        now = self._clock()
        async with self._database.write(tenant_id) as connection:
            keys = IdempotencyKeys(IDEMPOTENCY_KEYS, connection)
            stored = None if identity is None else await keys.stored(identity, now)
            if stored is not None:
                return stored
            repository = CalendarRepository(connection, tenant_id)
            await repository.clear()
            await repository.put(sorted(entries.values()))
            answer = StoredAnswer(200, msgspec.json.encode(CalendarStored(entries=len(entries))))
            if identity is not None:
                await keys.store(identity, answer, now)
            return answer

    async def page(
        self,
        tenant_id: str,
        *,
        start: date | None = None,
        end: date | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> CalendarPage:
        """Entries of ``start <= day < end`` by day and name.

        Raises:
            InvalidError: the cursor is none of ours.
        """
        await self._product_refs.tenant(tenant_id)
        after = None if cursor is None else _position(cursor)
        async with self._database.read(tenant_id) as connection:
            repository = CalendarRepository(connection, tenant_id)
            found = await repository.between(start, end, after=after, limit=limit + 1)
        items = [entry_view(entry) for entry in found[:limit]]
        following = f"{items[-1]['day']}_{items[-1]['name']}" if len(found) > limit else None
        return CalendarPage(items=items, next=following)

    async def import_table(self, tenant_id: str, data: bytes) -> TableReport:
        """Adds the good rows of a CSV and lists the bad ones. Importing it again changes nothing.

        Raises:
            InvalidError: the file is no calendar, or with it there would be more entries or names than can be kept.
        """
        await self._product_refs.tenant(tenant_id)
        try:
            rows, bad = read_table(data, NEEDED, OPTIONAL, read_entry)
        except TableError as error:
            raise InvalidError.of("file", str(error)) from error
        async with self._database.write(tenant_id) as connection:
            repository = CalendarRepository(connection, tenant_id)
            known = {(entry.day, entry.name): entry for entry in await repository.between(None, None)}
            # The last row of a day and name counts.
            given = {(entry.day, entry.name): entry for _, entry in rows}
            new = [entry for key, entry in given.items() if known.get(key) != entry]
            wrong = calendar_problem((known | given).values())
            if wrong is not None:
                raise InvalidError.of("file", f"with it the {wrong[0]} {wrong[1]}")
            await repository.put(sorted(new))
        return report(len(new), len(rows) - len(new), bad)

    async def days(self, connection: AsyncConnection, tenant_id: str, start: date, days: int) -> CalendarDays:
        """What the calendar says of ``days`` days from ``start``."""
        end = start + timedelta(days=days)
        return days_of(await CalendarRepository(connection, tenant_id).between(start, end), start, days)


def _position(cursor: str) -> tuple[date, str]:
    day, _, name = cursor.partition("_")
    try:
        return date.fromisoformat(day), name
    except ValueError as error:
        raise InvalidError.of("cursor", "is none that a page gave", "query") from error
