"""Writes that a person asks for: effect, answer, audit entry and Idempotency-Key in one transaction."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from litestar import Request
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.tables import AUDIT_LOG, IDEMPOTENCY_KEYS
from shelfwise.platform.audit import SYSTEM, Actor, AuditLog, Change
from shelfwise.platform.database import Database
from shelfwise.platform.edge import REQUEST_ID
from shelfwise.platform.guards import principal_of
from shelfwise.platform.idempotency import IdempotencyKeys, RequestIdentity, StoredAnswer


class Outcome(NamedTuple):
    """What is answered, and what was changed."""

    answer: object
    changes: Sequence[Change] = ()


Effect = Callable[[AsyncConnection, datetime], Awaitable[Outcome]]


class Effects:
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def once(
        self,
        tenant_id: str,
        identity: RequestIdentity | None,
        status: int,
        effect: Effect,
        actor: Actor = SYSTEM,
    ) -> StoredAnswer:
        """The effect and its answer in one transaction; repeated with its key, the answer alone.

        Raises:
            IdempotencyMismatchError, InProgressError: as the key says.
            UnavailableError: the database is busy.
        """

        async def work(connection: AsyncConnection) -> StoredAnswer:
            now = self._clock()
            keys = IdempotencyKeys(IDEMPOTENCY_KEYS, connection)
            if identity is not None:
                stored = await keys.stored(identity, now)
                if stored is not None:
                    return stored
            outcome = await effect(connection, now)
            answer = StoredAnswer(status, msgspec.json.encode(outcome.answer))
            await AuditLog(AUDIT_LOG, connection, tenant_id).record(actor, outcome.changes, now)
            if identity is not None:
                await keys.store(identity, answer, now)
            return answer

        return await self._database.in_transaction(tenant_id, work)


def actor_of(request: Request[Any, Any, Any]) -> Actor:
    """Who sent a request, for the audit log."""
    return Actor(principal_of(request).subject, request.scope["state"].get(REQUEST_ID))
