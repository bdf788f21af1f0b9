"""Facts that leave a service: written in the transaction that makes them true, delivered until they are taken.

A relay claims unpublished rows by their status under a lease, never by a high-water mark: the order of a sequence is
not the order of commits, so a mark would skip rows that commit late. Delivery repeats until the receiver answers; the
receiver's inbox makes the effect happen once.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.bulk import append
from shelfwise.platform.columns import BigId, Instant
from shelfwise.platform.database import Database

RETENTION = timedelta(days=7)
LEASE = timedelta(seconds=30)
BATCH_ROWS = 1000
_MAX_BACKOFF_SECONDS = 5.0
_POLL_SECONDS = 0.25
_PRUNE_EVERY_SECONDS = 600.0

logger = structlog.get_logger("shelfwise.outbox")


def outbox_table(metadata: sa.MetaData) -> sa.Table:
    """``outbox`` of one service. ``id`` orders the relay's reading and is the one index without the tenant."""
    return sa.Table(
        "outbox",
        metadata,
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("published_at", Instant),
        sa.Column("available_at", Instant, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lease_owner", sa.Text),
        sa.UniqueConstraint("tenant_id", "topic", "event_id", name="uq_outbox_event"),
        sa.Index(
            "ix_outbox_pending",
            "id",
            postgresql_where=sa.text("published_at IS NULL"),
            sqlite_where=sa.text("published_at IS NULL"),
        ),
    )


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One fact: ``payload`` is the encoded contract message."""

    topic: str
    event_id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class OutboxBatch:
    """Messages of one tenant and topic that go out together, oldest first."""

    tenant_id: str
    topic: str
    ids: tuple[int, ...]
    messages: tuple[OutboxMessage, ...]
    attempts: int


Deliver = Callable[[OutboxBatch], Awaitable[None]]


class Outbox:
    """Writes facts inside the caller's transaction."""

    def __init__(self, table: sa.Table, connection: AsyncConnection, tenant_id: str) -> None:
        self._table = table
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, messages: Sequence[OutboxMessage], now: datetime) -> None:
        """Keeps the messages for delivery; they leave when the transaction has committed."""
        await append(
            self._connection,
            self._table,
            ("tenant_id", "topic", "event_id", "payload", "created_at", "available_at"),
            [(self._tenant_id, message.topic, message.event_id, message.payload, now, now) for message in messages],
        )


@dataclass(frozen=True, slots=True)
class OutboxLag:
    """How far delivery is behind: rows that wait, and since when the oldest does."""

    pending: int
    oldest: datetime | None


class Relay:
    """Delivers a service's outbox. One task per process; leases keep several processes apart."""

    def __init__(
        self,
        database: Database,
        table: sa.Table,
        deliver: Deliver,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        self._database = database
        self._table = table
        self._deliver = deliver
        self._clock = clock
        self._batch_rows = batch_rows
        self._owner = secrets.token_hex(8)
        self._wake = asyncio.Event()
        self._last_prune = float("-inf")
        self._stopping = False

    def stop(self) -> None:
        """Ends ``run`` after what it is doing: a cancelled delivery would leave a connection half open."""
        self._stopping = True
        self._wake.set()

    def wake(self) -> None:
        """Says that something was committed, so that it leaves at once instead of at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Delivers until stopped. A failure is logged and tried again later; it never ends the relay."""
        while not self._stopping:
            try:
                busy = await self.deliver_once()
                await self._prune_now_and_then()
            except Exception:
                logger.exception("outbox.relay_failed")
                busy = False
                await asyncio.sleep(1.0)
            if not busy:
                self._wake.clear()
                try:
                    async with asyncio.timeout(_POLL_SECONDS):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def deliver_once(self) -> bool:
        """Claims and delivers what is due; True when something was delivered and more may wait."""
        batches = await self._claim()
        delivered = False
        for batch in batches:
            try:
                await self._deliver(batch)
            except Exception as error:  # noqa: BLE001  whatever the receiver did, the rows stay and are tried again
                logger.warning(
                    "outbox.delivery_failed",
                    topic=batch.topic,
                    messages=len(batch.ids),
                    attempts=batch.attempts + 1,
                    reason=type(error).__name__,
                )
                await self._release(batch)
            else:
                await self._mark_published(batch)
                delivered = True
        return delivered

    async def lag(self) -> OutboxLag:
        """Rows not yet delivered, over all tenants."""
        c = self._table.c
        async with self._database.read(None) as connection:
            row = (
                await connection.execute(
                    sa.select(sa.func.count(), sa.func.min(c.created_at)).where(c.published_at.is_(None))
                )
            ).one()
        return OutboxLag(row[0], row[1])

    async def _claim(self) -> list[OutboxBatch]:
        c = self._table.c
        now = self._clock()
        async with self._database.read(None) as connection:
            # A look without a lock first: an idle relay must not take SQLite's writer four times a second.
            due = sa.select(c.id).where(c.published_at.is_(None), c.available_at <= now).order_by(c.id).limit(1)
            if (await connection.execute(due)).first() is None:
                return []
        async with self._database.write(None) as connection:
            query = (
                sa.select(c.id, c.tenant_id, c.topic, c.event_id, c.payload, c.attempts)
                .where(c.published_at.is_(None), c.available_at <= now)
                .order_by(c.id)
                .limit(self._batch_rows)
                .with_for_update(skip_locked=True)
            )
            rows = (await connection.execute(query)).all()
            # Claimed rows become due again when the lease ends: a relay that dies loses nothing.
            await connection.execute(
                sa.update(self._table)
                .where(c.id.in_([row.id for row in rows]))
                .values(available_at=now + LEASE, lease_owner=self._owner)
            )
        return _batches(rows)

    async def _mark_published(self, batch: OutboxBatch) -> None:
        async with self._database.write(None) as connection:
            await connection.execute(
                sa.update(self._table)
                .where(self._table.c.id.in_(batch.ids))
                .values(published_at=self._clock(), lease_owner=None)
            )

    async def _release(self, batch: OutboxBatch) -> None:
        wait = min(0.25 * 2.0 ** min(batch.attempts, 10), _MAX_BACKOFF_SECONDS)
        c = self._table.c
        async with self._database.write(None) as connection:
            await connection.execute(
                sa.update(self._table)
                .where(c.id.in_(batch.ids), c.lease_owner == self._owner)
                .values(
                    available_at=self._clock() + timedelta(seconds=wait),
                    lease_owner=None,
                    attempts=c.attempts + 1,
                )
            )

    async def _prune_now_and_then(self) -> None:
        loop_time = asyncio.get_running_loop().time()
        if loop_time - self._last_prune < _PRUNE_EVERY_SECONDS:
            return
        self._last_prune = loop_time
        async with self._database.write(None) as connection:
            await connection.execute(
                sa.delete(self._table).where(self._table.c.published_at < self._clock() - RETENTION)
            )


def _batches(rows: Sequence[Any]) -> list[OutboxBatch]:
    grouped: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        grouped.setdefault((row.tenant_id, row.topic), []).append(row)
    return [
        OutboxBatch(
            tenant_id=tenant_id,
            topic=topic,
            ids=tuple(row.id for row in members),
            messages=tuple(OutboxMessage(topic, row.event_id, row.payload) for row in members),
            attempts=max(row.attempts for row in members),
        )
        for (tenant_id, topic), members in grouped.items()
    ]
