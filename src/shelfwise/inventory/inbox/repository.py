"""Which events were taken, and which could not be."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.tables import INBOX, INBOX_REJECTED
from shelfwise.platform.bulk import append
from shelfwise.platform.database import insert_into


class InboxRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str, source: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._source = source

    async def lock(self) -> None:
        """One batch of a tenant at a time: two deliveries of the same events must not both find them new."""
        if self._connection.dialect.name == "postgresql":
            name = f"inbox\x1f{self._tenant_id}\x1f{self._source}"
            number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
            await self._connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)").bindparams(number=number))

    async def taken(self, event_ids: Sequence[str]) -> set[str]:
        query = sa.select(INBOX.c.event_id).where(
            INBOX.c.tenant_id == self._tenant_id, INBOX.c.source == self._source, INBOX.c.event_id.in_(event_ids)
        )
        return set(await self._connection.scalars(query))

    async def take(self, outcomes: Mapping[str, str], now: datetime) -> None:
        """Keeps each event's outcome."""
        await append(
            self._connection,
            INBOX,
            ("tenant_id", "source", "event_id", "outcome", "received_at"),
            [(self._tenant_id, self._source, event_id, outcome, now) for event_id, outcome in outcomes.items()],
        )

    async def reject(self, events: Sequence[tuple[str, str, bytes]], now: datetime) -> None:
        """Keeps (event id, reason, payload) of events that cannot be applied, for a later retry."""
        if not events:
            return
        statement = insert_into(self._connection, INBOX_REJECTED)
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "source", "event_id"], set_={"reason": statement.excluded.reason}
            ),
            [
                {
                    "tenant_id": self._tenant_id,
                    "source": self._source,
                    "event_id": event_id,
                    "reason": reason,
                    "payload": payload,
                    "received_at": now,
                }
                for event_id, reason, payload in events
            ],
        )

    async def rejected(self, *, after: str, limit: int) -> list[tuple[str, str, bytes]]:
        """(event id, reason, payload), by event id."""
        query = (
            sa.select(INBOX_REJECTED.c.event_id, INBOX_REJECTED.c.reason, INBOX_REJECTED.c.payload)
            .where(
                INBOX_REJECTED.c.tenant_id == self._tenant_id,
                INBOX_REJECTED.c.source == self._source,
                INBOX_REJECTED.c.event_id > after,
            )
            .order_by(INBOX_REJECTED.c.event_id)
            .limit(limit)
        )
        return [(row.event_id, row.reason, row.payload) for row in await self._connection.execute(query)]

    async def forget_rejected(self, event_ids: Sequence[str]) -> None:
        """Drops rejections of events that were taken after all."""
        await self._connection.execute(
            sa.delete(INBOX_REJECTED).where(
                INBOX_REJECTED.c.tenant_id == self._tenant_id,
                INBOX_REJECTED.c.source == self._source,
                INBOX_REJECTED.c.event_id.in_(event_ids),
            )
        )


async def count_rejected(connection: AsyncConnection) -> int:
    """Rejected events of every tenant that the connection may see."""
    return int(await connection.scalar(sa.select(sa.func.count()).select_from(INBOX_REJECTED)) or 0)
