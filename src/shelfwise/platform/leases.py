"""Work that one process at a time may do: a lease in the database, which ends by itself when its holder dies."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa

from shelfwise.platform.columns import Instant
from shelfwise.platform.database import Database, insert_into
from shelfwise.platform.problems import ConflictError


def leases_table(metadata: sa.MetaData) -> sa.Table:
    """``leases`` of one service."""
    return sa.Table(
        "leases",
        metadata,
        sa.Column("tenant_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("ends_at", Instant, nullable=False),
    )


class LeaseHeldError(ConflictError):
    """Another process is at it."""

    slug, title = "in_progress", "Under way in another process"

    def __init__(self, name: str, ends_at: datetime, now: datetime) -> None:
        seconds = max(1, round((ends_at - now).total_seconds()))
        super().__init__(
            f"Another process is at {name!r} for this tenant. If that one died, this can be repeated in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )


class LeaseLostError(ConflictError):
    """The lease ended before the work did, and another process has it."""

    slug, title = "lease_lost", "Taken over by another process"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The lease on {name!r} ended before the work did, and another process took over. What was done is kept."
        )


class Lease:
    """A lease that this process has; :meth:`renew` it in good time."""

    def __init__(self, database: Database, table: sa.Table, name: str, seconds: float) -> None:
        self.holder = secrets.token_hex(8)
        self._database = database
        self._table = table
        self._name = name
        self._time = timedelta(seconds=seconds)
        self._tenant_id = ""

    async def take(self, tenant_id: str, now: datetime) -> None:
        """Raises LeaseHeldError when another process has it."""
        self._tenant_id = tenant_id
        table = self._table
        values = {"holder": self.holder, "ends_at": now + self._time}
        async with self._database.write(tenant_id) as connection:
            taken = await connection.execute(
                insert_into(connection, table)
                .values(tenant_id=tenant_id, name=self._name, **values)
                .on_conflict_do_update(index_elements=["tenant_id", "name"], set_=values, where=table.c.ends_at <= now)
            )
            if taken.rowcount == 0:
                ends_at = await connection.scalar(sa.select(table.c.ends_at).where(*self._row()))
                raise LeaseHeldError(self._name, ends_at or now, now)

    async def renew(self, now: datetime) -> None:
        """Raises LeaseLostError when it had ended and another process has it."""
        async with self._database.write(self._tenant_id) as connection:
            kept = await connection.execute(
                sa.update(self._table)
                .where(*self._row(), self._table.c.holder == self.holder)
                .values(ends_at=now + self._time)
            )
        if kept.rowcount == 0:
            raise LeaseLostError(self._name)

    async def give_back(self) -> None:
        """Lets the next one have it at once."""
        async with self._database.write(self._tenant_id) as connection:
            await connection.execute(sa.delete(self._table).where(*self._row(), self._table.c.holder == self.holder))

    def _row(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (self._table.c.tenant_id == self._tenant_id, self._table.c.name == self._name)


class Leases:
    """The leases of one service; time is the service's clock, which all its processes must share within seconds."""

    def __init__(self, database: Database, table: sa.Table, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._table = table
        self._clock = clock

    @asynccontextmanager
    async def hold(self, tenant_id: str, name: str, seconds: float) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Holds ``name`` of the tenant; gives the call that renews it for ``seconds`` more.

        Raises:
            LeaseHeldError: another process has it.
        """
        lease = Lease(self._database, self._table, name, seconds)
        await lease.take(tenant_id, self._clock())
        try:
            yield lambda: lease.renew(self._clock())
        finally:
            await lease.give_back()
