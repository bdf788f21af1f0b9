"""Requests that may be repeated: the answer is stored in the effect's own transaction and given again.

A key is one of (tenant, subject, route). The same key with another payload is 409; a duplicate that arrives while the
first is being handled is 409 ``in_progress`` on PostgreSQL, and waits its turn on SQLite, whose writers queue anyway.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.columns import Instant
from shelfwise.platform.database import insert_into
from shelfwise.platform.problems import IdempotencyMismatchError, InProgressError, InvalidError

RETENTION = timedelta(hours=48)
MAX_KEY_LENGTH = 255


def idempotency_table(metadata: sa.MetaData) -> sa.Table:
    """``idempotency_keys`` of one service."""
    return sa.Table(
        "idempotency_keys",
        metadata,
        sa.Column("tenant_id", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("route", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Index("ix_idempotency_keys_expires", "tenant_id", "expires_at"),
    )


@dataclass(frozen=True, slots=True)
class RequestIdentity:
    """What makes a request the same request. ``route`` is the template with its method, not the URL."""

    tenant_id: str
    subject: str
    route: str
    key: str
    request_hash: bytes

    @classmethod
    def of(cls, *, tenant_id: str, subject: str, route: str, key: str, payload: bytes) -> "RequestIdentity":
        """Raises InvalidError when the key is empty or longer than 255 characters."""
        if not 0 < len(key) <= MAX_KEY_LENGTH:
            raise InvalidError.of("Idempotency-Key", f"must have 1 to {MAX_KEY_LENGTH} characters", "header")
        return cls(tenant_id, subject, route, key, hashlib.sha256(payload).digest())


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """Status and body that the first request was given."""

    status: int
    body: bytes


class IdempotencyKeys:
    """The keys of one service, inside the caller's transaction."""

    def __init__(self, table: sa.Table, connection: AsyncConnection) -> None:
        self._table = table
        self._connection = connection

    async def stored(self, request: RequestIdentity, now: datetime) -> StoredAnswer | None:
        """The answer that this request was given before, or None when it is new.

        Raises:
            IdempotencyMismatchError: the key belongs to another payload.
            InProgressError: the same key is being handled in another transaction.
        """
        if self._connection.dialect.name == "postgresql":
            await self._claim(request)
        table = self._table
        row = (
            await self._connection.execute(
                sa.select(table.c.request_hash, table.c.status, table.c.response).where(
                    *self._is(request), table.c.expires_at > now
                )
            )
        ).first()
        if row is None:
            return None
        if row.request_hash != request.request_hash:
            raise IdempotencyMismatchError
        return StoredAnswer(row.status, row.response)

    async def store(self, request: RequestIdentity, answer: StoredAnswer, now: datetime) -> None:
        """Keeps the answer for 48 hours; an expired key of the same name is replaced."""
        values = {
            "request_hash": request.request_hash,
            "status": answer.status,
            "response": answer.body,
            "expires_at": now + RETENTION,
        }
        statement = insert_into(self._connection, self._table).values(
            tenant_id=request.tenant_id,
            subject=request.subject,
            route=request.route,
            key=request.key,
            **values,
        )
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=["tenant_id", "subject", "route", "key"], set_=values)
        )

    async def prune(self, tenant_id: str, now: datetime) -> int:
        """Removes the tenant's expired keys and says how many there were."""
        table = self._table
        result = await self._connection.execute(
            sa.delete(table).where(table.c.tenant_id == tenant_id, table.c.expires_at <= now)
        )
        return result.rowcount

    def _is(self, request: RequestIdentity) -> tuple[sa.ColumnElement[bool], ...]:
        c = self._table.c
        return (
            c.tenant_id == request.tenant_id,
            c.subject == request.subject,
            c.route == request.route,
            c.key == request.key,
        )

    async def _claim(self, request: RequestIdentity) -> None:
        name = f"{request.tenant_id}\x1f{request.subject}\x1f{request.route}\x1f{request.key}"
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        claimed = await self._connection.scalar(
            sa.text("SELECT pg_try_advisory_xact_lock(:number)").bindparams(number=number)
        )
        if not claimed:
            raise InProgressError
