"""Who did what: one row for each write that a person asked for, in the write's own transaction, never changed again.

The database itself refuses to change or remove a row (a trigger that the services' migrations make).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.columns import Instant

_ENCODER = msgspec.json.Encoder()


def audit_table(metadata: sa.MetaData) -> sa.Table:
    """``audit_log`` of one service."""
    return sa.Table(
        "audit_log",
        metadata,
        sa.Column("tenant_id", sa.Text, primary_key=True),
        # Rises with the time of recording.
        sa.Column("audit_id", sa.Text, primary_key=True),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("object_type", sa.Text, nullable=False),
        sa.Column("object_id", sa.Text, nullable=False),
        # JSON; null: there was, or is, no such object.
        sa.Column("before", sa.LargeBinary),
        sa.Column("after", sa.LargeBinary),
        sa.Column("request_id", sa.Text),
        sa.Index("ix_audit_log_object", "tenant_id", "object_type", "object_id", "audit_id"),
        sa.Index("ix_audit_log_subject", "tenant_id", "subject", "audit_id"),
    )


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for a write, and in which request."""

    subject: str
    request_id: str | None = None


#: The service itself: a sweep, a schedule.
SYSTEM = Actor("system")


@dataclass(frozen=True, slots=True)
class Change:
    """What a write did to one object; ``before`` and ``after`` are what the API would show of it."""

    action: str
    object_type: str
    object_id: str
    before: object | None
    after: object | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    audit_id: str
    recorded_at: datetime
    subject: str
    change: Change
    request_id: str | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; what is None does not matter. ``since`` is inclusive, ``until`` is not."""

    object_type: str | None = None
    object_id: str | None = None
    subject: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditLog:
    """The log of one tenant, inside the caller's transaction."""

    def __init__(self, table: sa.Table, connection: AsyncConnection, tenant_id: str) -> None:
        self._table = table
        self._connection = connection
        self._tenant_id = tenant_id

    async def record(self, actor: Actor, changes: Sequence[Change], now: datetime) -> None:
        """Appends what an actor changed."""
        if not changes:
            return
        stem = f"{int(now.timestamp() * 1_000_000):014x}{secrets.token_hex(4)}"
        rows = [
            {
                "tenant_id": self._tenant_id,
                "audit_id": f"{stem}{number:05x}",
                "recorded_at": now,
                "subject": actor.subject,
                "action": change.action,
                "object_type": change.object_type,
                "object_id": change.object_id,
                "before": None if change.before is None else _ENCODER.encode(change.before),
                "after": None if change.after is None else _ENCODER.encode(change.after),
                "request_id": actor.request_id,
            }
            for number, change in enumerate(changes)
        ]
        await self._connection.execute(sa.insert(self._table), rows)

    async def page(self, wanted: AuditFilter, *, before: str, limit: int) -> list[AuditEntry]:
        """Entries, newest first, those recorded before an id."""
        c = self._table.c
        query = sa.select(self._table).where(c.tenant_id == self._tenant_id)
        for name in ("object_type", "object_id", "subject", "action"):
            value = getattr(wanted, name)
            if value is not None:
                query = query.where(c[name] == value)
        if wanted.since is not None:
            query = query.where(c.recorded_at >= wanted.since)
        if wanted.until is not None:
            query = query.where(c.recorded_at < wanted.until)
        if before:
            query = query.where(c.audit_id < before)
        rows = await self._connection.execute(query.order_by(c.audit_id.desc()).limit(limit))
        return [
            AuditEntry(
                row.audit_id,
                row.recorded_at,
                row.subject,
                Change(row.action, row.object_type, row.object_id, _raw(row.before), _raw(row.after)),
                row.request_id,
            )
            for row in rows
        ]


def _raw(document: bytes | None) -> msgspec.Raw | None:
    return None if document is None else msgspec.Raw(document)
