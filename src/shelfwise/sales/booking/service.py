"""The one way in which lines become figures: single orders, streams, files and late resolution all book here.

Lines, rollups, sequences and outbox are written in the caller's transaction. Locks are taken in one order - orders by
id, products by id, days - so that two bookings cannot wait for each other in a circle.
"""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.contracts.events import SaleEvent
from shelfwise.platform.database import Database
from shelfwise.platform.outbox import Outbox, OutboxMessage
from shelfwise.platform.problems import UnavailableError
from shelfwise.platform.tenancy import business_day
from shelfwise.sales.booking.repository import BookingRepository, OrderHead, UnresolvedCode
from shelfwise.sales.booking.rules import (
    BEFORE_ORDER,
    KINDS,
    MAX_AMOUNT,
    MAX_QUANTITY,
    Book,
    BookedLine,
    Kind,
    LineDraft,
    LineProblem,
    SoldLine,
)
from shelfwise.sales.product_refs.service import LockedProduct, ProductRefsService, Tenant
from shelfwise.sales.tables import OUTBOX

__all__ = [
    "BEFORE_ORDER",
    "KINDS",
    "MAX_AMOUNT",
    "MAX_QUANTITY",
    "TOPIC",
    "BookedLine",
    "Booking",
    "BookingService",
    "Kind",
    "KnownOrder",
    "LineDraft",
    "LineProblem",
    "OrderHead",
    "SoldLine",
    "UnresolvedCode",
]

TOPIC = "sales-events"
_RESOLVE_ROWS = 2000
_DEADLOCK_RETRIES = 4
#: serialization_failure and deadlock_detected.
_RETRYABLE = frozenset({"40001", "40P01"})

T = TypeVar("T")

#: From so many lines on, the arithmetic runs beside the event loop instead of on it.
_THREAD_LINES = 100


@dataclass(slots=True)
class Booking:
    """What became of a batch of drafts. ``conflicts`` are orders posted before with another payload."""

    booked: list[BookedLine] = field(default_factory=list)
    duplicates: int = 0
    problems: list[LineProblem] = field(default_factory=list)
    conflicts: set[str] = field(default_factory=set)

    @property
    def unresolved(self) -> int:
        return sum(line.product_id is None for line in self.booked)


class KnownOrder:
    """An order with its lines, its sale lines as they stand, and what else refers to them."""

    def __init__(self, head: OrderHead, lines: Sequence[BookedLine]) -> None:
        self.head = head
        self.lines = sorted(
            lines, key=lambda line: (line.draft.kind != "sale", line.draft.occurred_at, line.draft[1:5])
        )
        book = Book()
        book.remember(lines)
        self.sold = {line_no: sold for (order_id, line_no), sold in book.sold.items() if order_id == head.order_id}

    def next_entry(self, line_no: int, kind: Kind) -> int:
        """A number that no cancellation or return of the line has; rows of files have 0."""
        own = (line.draft for line in self.lines if line.draft.order_id == self.head.order_id)
        return 1 + max((draft.entry_no for draft in own if (draft.line_no, draft.kind) == (line_no, kind)), default=0)


class BookingService:
    def __init__(
        self,
        database: Database,
        product_refs: ProductRefsService,
        *,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._product_refs = product_refs
        self._clock = clock
        self._wake = wake

    async def in_transaction(self, tenant_id: str, effect: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs ``effect`` in a writing transaction and, when it has committed, has the relay deliver at once.

        Where PostgreSQL ends a circle of waiting bookings by refusing one, that one is run again.
        """
        for _ in range(_DEADLOCK_RETRIES):
            try:
                return await self._commit(tenant_id, effect)
            except (DBAPIError, UnavailableError) as error:
                if not _ended_by_database(error):
                    raise
                await asyncio.sleep(random.uniform(0.01, 0.1))  # noqa: S311  a pause, not a secret
        return await self._commit(tenant_id, effect)

    async def _commit(self, tenant_id: str, effect: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async with self._database.write(tenant_id) as connection:
            result = await effect(connection)
        self._wake()
        return result

    async def book(
        self,
        connection: AsyncConnection,
        tenant: Tenant,
        heads: Mapping[str, OrderHead],
        drafts: Sequence[LineDraft],
        *,
        history: bool,
    ) -> Booking:
        """Books drafts in the caller's transaction. ``heads`` has one entry for each order that the drafts belong to.

        A head with a payload hash is an order posted whole: if the order exists with another payload, none of its
        drafts is booked and the order is among ``conflicts``. Events are published unless this is ``history``.
        """
        repository = BookingRepository(connection, tenant.tenant_id)
        now = self._clock()
        referred = {draft.refers_order_id for draft in drafts if draft.refers_order_id is not None}
        known = await repository.heads(sorted(referred.union(heads)))
        missing = [head for name, head in heads.items() if name not in known]
        await repository.add_heads(missing, now)
        existing = set(known)
        if missing and connection.dialect.name != "sqlite":
            # Another transaction may have added an order between the two statements.
            existing.update(head.order_id for head in missing)
            known = await repository.heads(sorted(existing))
        orders = {head.order_id: head for head in missing} | known
        conflicts = {name for name, head in heads.items() if _conflict(head, orders[name])}
        wanted = [draft for draft in drafts if draft.order_id not in conflicts] if conflicts else list(drafts)
        codes = {draft.product for draft in wanted if draft.product}
        products = await self._product_refs.resolve(connection, tenant.tenant_id, codes)
        book = Book(order_days={name: head.business_day for name, head in orders.items()})
        book.remember(await repository.lines(sorted(existing)))
        if len(wanted) > _THREAD_LINES:
            await asyncio.to_thread(book.book, wanted, products)
        else:
            book.book(wanted, products)
        await self._record(connection, tenant, book, history=history, now=now)
        return Booking(book.booked, book.duplicates, book.problems, conflicts)

    async def order(
        self, connection: AsyncConnection, tenant_id: str, order_id: str, *, lock: bool = False
    ) -> "KnownOrder | None":
        """An order and every line of it or about it, or None; locked until the transaction ends when asked."""
        repository = BookingRepository(connection, tenant_id)
        head = (await repository.heads([order_id], lock=lock)).get(order_id)
        return None if head is None else KnownOrder(head, await repository.lines([order_id]))

    async def unresolved_codes(self, tenant_id: str, *, after: str, limit: int) -> list[UnresolvedCode]:
        """Codes that name no product yet, with what waits for them, by code."""
        async with self._database.read(tenant_id) as connection:
            return await BookingRepository(connection, tenant_id).unresolved_codes(after=after, limit=limit)

    async def resolve_unresolved(self, tenant_id: str) -> int:
        """Books the unresolved lines whose code names a product by now; says how many there were."""
        tenant = await self._product_refs.tenant(tenant_id)
        total = 0
        while True:
            done, more = await self.in_transaction(tenant_id, partial(self._resolve_some, tenant=tenant))
            total += done
            if not (done and more):
                return total

    async def _resolve_some(self, connection: AsyncConnection, tenant: Tenant) -> tuple[int, bool]:
        repository = BookingRepository(connection, tenant.tenant_id)
        taken, history = await repository.take_resolvable(_RESOLVE_ROWS)
        heads = await repository.heads(sorted({line.draft.order_id for line in taken}))
        booked = 0
        # History first: what refers to it may be newer.
        for flag in (True, False):
            lines = [line for line, old in zip(taken, history, strict=True) if old is flag]
            drafts = [_own_day(line, tenant)._replace(source=index) for index, line in enumerate(lines)]
            if not drafts:
                continue
            own = {draft.order_id: replace(heads[draft.order_id], payload_hash=None) for draft in drafts}
            booking = await self.book(connection, tenant, own, drafts, history=flag)
            booked += len(booking.booked)
            failed = [lines[problem.source] for problem in booking.problems]
            await repository.add_lines(failed, history=flag, now=self._clock())
        return booked, len(taken) == _RESOLVE_ROWS

    async def _record(
        self, connection: AsyncConnection, tenant: Tenant, book: Book, *, history: bool, now: datetime
    ) -> None:
        if not book.booked:
            return
        repository = BookingRepository(connection, tenant.tenant_id)
        ids = sorted({line.product_id for line in book.booked if line.product_id is not None})
        locked = await self._product_refs.lock(connection, tenant.tenant_id, ids)
        changed, messages = _published(book.booked, locked, with_events=not history)
        await self._product_refs.store_locked(connection, tenant.tenant_id, changed)
        await repository.add_lines(book.booked, history=history, now=now)
        await repository.add_daily(book.daily)
        await repository.add_days(book.days)
        await Outbox(OUTBOX, connection, tenant.tenant_id).add(messages, now)


def _ended_by_database(error: Exception) -> bool:
    cause = error if isinstance(error, DBAPIError) else error.__cause__
    return isinstance(cause, DBAPIError) and getattr(cause.orig, "sqlstate", None) in _RETRYABLE


def _conflict(head: OrderHead, stored: OrderHead) -> bool:
    return head.payload_hash is not None and stored.payload_hash != head.payload_hash


def _own_day(line: BookedLine, tenant: Tenant) -> LineDraft:
    """The draft with the day on which it happened: a cancellation is stored under its order's day."""
    if line.draft.kind != "cancellation":
        return line.draft
    return line.draft._replace(business_day=business_day(line.draft.occurred_at, tenant.time_zone))


def _published(
    lines: Collection[BookedLine], locked: Mapping[str, LockedProduct], *, with_events: bool
) -> tuple[dict[str, LockedProduct], list[OutboxMessage]]:
    """What changes of the products that lines are of, and the events to publish, numbered by product."""
    sequences = {name: product.event_sequence for name, product in locked.items()}
    listed = {name: product.listed_from for name, product in locked.items()}
    messages: list[OutboxMessage] = []
    encode = msgspec.json.Encoder().encode
    for line in lines:
        name = line.product_id
        if name is None:
            continue
        listed[name] = min(listed[name], line.counts_on)
        if with_events:
            sequences[name] += 1
            event = _event(line, name, sequences[name])
            messages.append(OutboxMessage(TOPIC, event.event_id, encode(event)))
    now = {name: LockedProduct(sequences[name], listed[name]) for name in locked}
    return {name: product for name, product in now.items() if product != locked[name]}, messages


def _event(line: BookedLine, product_id: str, sequence: int) -> SaleEvent:
    draft = line.draft
    return SaleEvent(
        event_id=event_id(draft),
        kind=draft.kind,
        order_id=draft.order_id,
        line_no=draft.line_no,
        product_id=product_id,
        quantity=draft.quantity,
        occurred_at=draft.occurred_at.isoformat(),
        business_date=draft.business_day.isoformat(),
        sequence=sequence,
        location_id=line.location_id,
        resellable=draft.resellable,
    )


def event_id(draft: LineDraft) -> str:
    """The line's identity as text; an order id too long for it is replaced by its hash."""
    tail = f":{draft.line_no}:{draft.kind}:{draft.entry_no}"
    if len(draft.order_id) + len(tail) <= 128:
        return draft.order_id + tail
    return hashlib.sha256(draft.order_id.encode()).hexdigest() + tail
