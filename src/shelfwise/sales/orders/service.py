"""Orders in: one, or a stream of them; cancellations and returns; and what an order looks like afterwards."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.columns import money_number
from shelfwise.platform.database import Database
from shelfwise.platform.idempotency import IdempotencyKeys, RequestIdentity, StoredAnswer
from shelfwise.platform.problems import InvalidError
from shelfwise.platform.tenancy import business_day
from shelfwise.sales.booking.service import (
    BEFORE_ORDER,
    Booking,
    BookingService,
    Kind,
    KnownOrder,
    LineDraft,
    OrderHead,
)
from shelfwise.sales.identifiers import code_problem, identifier_problem, text_problem
from shelfwise.sales.moments import TOO_FAR_AHEAD, Moment, is_ahead, read_moment
from shelfwise.sales.orders.errors import OrderExistsError, OrderNotFoundError
from shelfwise.sales.orders.schemas import (
    Cancellation,
    LineView,
    NewOrder,
    OrderReceipt,
    OrderReturn,
    OrderView,
    UnresolvedItem,
    UnresolvedPage,
)
from shelfwise.sales.product_refs.service import ProductRefsService, Tenant
from shelfwise.sales.tables import IDEMPOTENCY_KEYS

__all__ = ["NewOrder", "OrdersService", "drafts_of"]

_MAX_AMOUNT = Decimal(10**12)
_DAY_LENGTH = len("2026-01-31")

Effect = Callable[[AsyncConnection, Tenant], Awaitable[StoredAnswer]]


class OrdersService:
    def __init__(
        self,
        database: Database,
        product_refs: ProductRefsService,
        booking: BookingService,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._product_refs = product_refs
        self._booking = booking
        self._clock = clock

    async def post(self, tenant_id: str, order: NewOrder, identity: RequestIdentity | None = None) -> StoredAnswer:
        """Records an order; the answer's body is an OrderReceipt.

        The same order again gets the same answer, with or without an Idempotency-Key.

        Raises:
            InvalidError: a field is not valid.
            OrderExistsError: the order was recorded before with other values.
        """

        async def effect(connection: AsyncConnection, tenant: Tenant) -> StoredAnswer:
            head, drafts = drafts_of(order, tenant, self._clock())
            booking = await self._booking.book(connection, tenant, {head.order_id: head}, drafts, history=False)
            if booking.conflicts or booking.problems:
                raise OrderExistsError(order.order_id)
            known = await self._known(connection, tenant_id, order.order_id)
            return StoredAnswer(201, msgspec.json.encode(_receipt(known, tenant)))

        return await self._once(tenant_id, identity, effect)

    async def view(self, tenant_id: str, order_id: str) -> OrderView:
        """The order with all that happened to it.

        Raises:
            OrderNotFoundError: no such order.
        """
        tenant = await self._product_refs.tenant(tenant_id)
        async with self._database.read(tenant_id) as connection:
            known = await self._booking.order(connection, tenant_id, order_id)
        if known is None:
            raise OrderNotFoundError(order_id)
        return _view(known, tenant)

    async def cancel(
        self, tenant_id: str, order_id: str, what: Cancellation, identity: RequestIdentity | None = None
    ) -> StoredAnswer:
        """Cancels lines of an order, or all that is left of it; the answer's body is an OrderView.

        Raises:
            OrderNotFoundError: no such order.
            InvalidError: a line is not the order's, less is left of it, or the moment is before the order or ahead.
        """

        async def effect(connection: AsyncConnection, tenant: Tenant) -> StoredAnswer:
            known = await self._known(connection, tenant_id, order_id, lock=True)
            moment = self._moment(what.cancelled_at, tenant, known, "cancelled_at")
            wanted = [(line.line_no, line.quantity) for line in what.lines]
            if not wanted:
                wanted = [(line_no, sold.left) for line_no, sold in sorted(known.sold.items()) if sold.left]
            drafts = [
                _draft(known, index, "cancellation", line_no, quantity, moment)
                for index, (line_no, quantity) in enumerate(wanted)
            ]
            return await self._refer(connection, tenant, known, drafts)

        return await self._once(tenant_id, identity, effect)

    async def take_back(
        self, tenant_id: str, order_id: str, what: OrderReturn, identity: RequestIdentity | None = None
    ) -> StoredAnswer:
        """Books returned goods on the day they came back; the answer's body is an OrderView.

        Raises:
            OrderNotFoundError: no such order.
            InvalidError: a line is not the order's, less is left of it, or the moment is before the order or ahead.
        """

        async def effect(connection: AsyncConnection, tenant: Tenant) -> StoredAnswer:
            known = await self._known(connection, tenant_id, order_id, lock=True)
            moment = self._moment(what.returned_at, tenant, known, "returned_at")
            drafts = []
            for index, line in enumerate(what.lines):
                draft = _draft(known, index, "return", line.line_no, line.quantity, moment)
                price = None if line.unit_price is None else _price(line.unit_price)
                drafts.append(draft._replace(unit_price=price, resellable=line.resellable))
            return await self._refer(connection, tenant, known, drafts)

        return await self._once(tenant_id, identity, effect)

    async def unresolved(self, tenant_id: str, *, cursor: str, limit: int) -> UnresolvedPage:
        """Codes that name no product yet, and how much was sold under each."""
        await self._product_refs.tenant(tenant_id)
        codes = await self._booking.unresolved_codes(tenant_id, after=cursor, limit=limit + 1)
        items = [UnresolvedItem(product=c.product, lines=c.lines, quantity=c.quantity) for c in codes[:limit]]
        return UnresolvedPage(items=items, next=items[-1]["product"] if len(codes) > limit else None)

    async def prune(self, tenant_id: str) -> int:
        """Removes the answers kept under Idempotency-Keys that have expired; says how many there were."""
        async with self._database.write(tenant_id) as connection:
            return await IdempotencyKeys(IDEMPOTENCY_KEYS, connection).prune(tenant_id, self._clock())

    async def _once(self, tenant_id: str, identity: RequestIdentity | None, effect: Effect) -> StoredAnswer:
        tenant = await self._product_refs.tenant(tenant_id)
        now = self._clock()

        async def at_most_once(connection: AsyncConnection) -> StoredAnswer:
            keys = IdempotencyKeys(IDEMPOTENCY_KEYS, connection)
            stored = None if identity is None else await keys.stored(identity, now)
            if stored is not None:
                return stored
            answer = await effect(connection, tenant)
            if identity is not None:
                await keys.store(identity, answer, now)
            return answer

        return await self._booking.in_transaction(tenant_id, at_most_once)

    async def _known(
        self, connection: AsyncConnection, tenant_id: str, order_id: str, *, lock: bool = False
    ) -> KnownOrder:
        known = await self._booking.order(connection, tenant_id, order_id, lock=lock)
        if known is None:
            raise OrderNotFoundError(order_id)
        return known

    async def _refer(
        self, connection: AsyncConnection, tenant: Tenant, known: KnownOrder, drafts: Sequence[LineDraft]
    ) -> StoredAnswer:
        """Books what refers to an order's lines, all or nothing."""
        head = OrderHead(
            known.head.order_id, known.head.ordered_at, known.head.business_day, known.head.location_id, None
        )
        booking: Booking = await self._booking.book(connection, tenant, {head.order_id: head}, drafts, history=False)
        if booking.problems:
            problem = booking.problems[0]
            raise InvalidError.of(f"lines[{problem.source}]", problem.reason)
        after = await self._known(connection, tenant.tenant_id, head.order_id)
        return StoredAnswer(200, msgspec.json.encode(_view(after, tenant)))

    def _moment(self, text: str | None, tenant: Tenant, known: KnownOrder, field: str) -> Moment:
        """When lines of an order are taken back: now, or as told, but never before the order."""
        now = self._clock()
        if text is None:
            # An order may be dated a day ahead, and each row of a file has its own moment.
            sold = [line.draft.occurred_at for line in known.lines if line.draft.kind == "sale"]
            at = max(now, known.head.ordered_at, *sold)
            return Moment(at, business_day(at, tenant.time_zone))
        moment = _read_moment(text, ZoneInfo(tenant.time_zone), field)
        # A day without a time is the whole day.
        same_day = len(text) <= _DAY_LENGTH and moment.business_day == known.head.business_day
        _refuse(field, BEFORE_ORDER if moment.instant < known.head.ordered_at and not same_day else None)
        _refuse(field, TOO_FAR_AHEAD if is_ahead(moment, now, tenant.pinned) else None)
        return moment


def drafts_of(order: NewOrder, tenant: Tenant, now: datetime) -> tuple[OrderHead, list[LineDraft]]:
    """An order as it can be booked.

    Raises:
        InvalidError: a field is not valid, by its name.
    """
    _refuse("order_id", identifier_problem(order.order_id))
    _refuse("location_id", None if order.location_id is None else code_problem(order.location_id))
    moment = _read_moment(order.ordered_at, ZoneInfo(tenant.time_zone), "ordered_at")
    _refuse("ordered_at", TOO_FAR_AHEAD if is_ahead(moment, now, tenant.pinned) else None)
    drafts: list[LineDraft] = []
    seen: set[int] = set()
    for index, line in enumerate(order.lines):
        where = f"lines[{index}]"
        _refuse(f"{where}.line_no", "appears twice in the order" if line.line_no in seen else None)
        seen.add(line.line_no)
        _refuse(f"{where}.product", code_problem(line.product))
        _refuse(f"{where}.name", text_problem(line.name))
        place = line.location_id or order.location_id
        _refuse(f"{where}.location_id", None if place is None else code_problem(place))
        price = _price(line.unit_price)
        _refuse(f"{where}.unit_price", "comes to more than 10^12" if price * line.quantity > _MAX_AMOUNT else None)
        drafts.append(
            LineDraft(
                source=index,
                order_id=order.order_id,
                line_no=line.line_no,
                kind="sale",
                entry_no=0,
                product=line.product,
                quantity=line.quantity,
                unit_price=price,
                occurred_at=moment.instant,
                business_day=moment.business_day,
                name=line.name,
                location_id=place,
            )
        )
    total = sum((draft.unit_price or 0) * draft.quantity for draft in drafts)
    _refuse("lines", "come to more than 10^12" if total > _MAX_AMOUNT else None)
    digest = hashlib.sha256(msgspec.json.encode(order)).digest()
    return OrderHead(order.order_id, moment.instant, moment.business_day, order.location_id, digest), drafts


def _draft(known: KnownOrder, index: int, kind: Kind, line_no: int, quantity: int | None, moment: Moment) -> LineDraft:
    sold = known.sold.get(line_no)
    if sold is None:
        raise InvalidError.of(f"lines[{index}].line_no", f"the order has no sold line {line_no}")
    if quantity is None and not sold.left:
        raise InvalidError.of(f"lines[{index}].line_no", "nothing is left of this line")
    return LineDraft(
        source=index,
        order_id=known.head.order_id,
        line_no=line_no,
        kind=kind,
        # The index keeps two entries of one request apart when they are of the same line.
        entry_no=known.next_entry(line_no, kind) + index,
        product="",
        quantity=sold.left if quantity is None else quantity,
        unit_price=None,
        occurred_at=moment.instant,
        business_day=moment.business_day,
        refers_order_id=known.head.order_id,
        refers_line_no=line_no,
    )


def _price(value: float) -> Decimal:
    # The shortest text that means the float is what the caller wrote.
    return round(Decimal(repr(value)), 4)


def _read_moment(text: str, zone: ZoneInfo, field: str) -> Moment:
    try:
        return read_moment(text, zone)
    except ValueError as error:
        raise InvalidError.of(field, str(error)) from error


def _refuse(field: str, problem: str | None) -> None:
    if problem is not None:
        raise InvalidError.of(field, problem)


def _receipt(known: KnownOrder, tenant: Tenant) -> OrderReceipt:
    sales = [line for line in known.lines if line.draft.kind == "sale"]
    amount = sum((line.unit_price * line.draft.quantity for line in sales), Decimal(0))
    return OrderReceipt(
        order_id=known.head.order_id,
        business_date=known.head.business_day.isoformat(),
        lines=len(sales),
        unresolved_lines=sum(line.product_id is None for line in sales),
        quantity=sum(line.draft.quantity for line in sales),
        revenue=money_number(amount, tenant.currency),
        currency=tenant.currency,
    )


def _view(known: KnownOrder, tenant: Tenant) -> OrderView:
    sold = list(known.sold.values())
    ordered, kept = sum(s.quantity for s in sold), sum(s.quantity - s.cancelled for s in sold)
    amount = sum(((s.quantity - s.cancelled) * s.unit_price for s in sold), Decimal(0))
    return OrderView(
        order_id=known.head.order_id,
        ordered_at=_iso(known.head.ordered_at),
        business_date=known.head.business_day.isoformat(),
        location_id=known.head.location_id,
        status="open" if kept == ordered else "partly_cancelled" if kept else "cancelled",
        currency=tenant.currency,
        quantity=kept,
        revenue=money_number(amount, tenant.currency),
        unresolved_lines=sum(line.product_id is None for line in known.lines),
        lines=[
            LineView(
                line_no=line.draft.line_no,
                kind=line.draft.kind,
                product=line.draft.product,
                product_id=line.product_id,
                name=line.draft.name,
                quantity=line.draft.quantity,
                unit_price=money_number(line.unit_price, tenant.currency),
                location_id=line.location_id,
                occurred_at=_iso(line.draft.occurred_at),
                business_date=line.counts_on.isoformat(),
                refers_line_no=line.draft.refers_line_no,
            )
            for line in known.lines
        ],
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
