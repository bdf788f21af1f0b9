"""Purchase orders from draft to receipt; a receipt and its stock movements are one transaction."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.catalogue.service import product_costs
from shelfwise.inventory.effects import Effects, Outcome
from shelfwise.inventory.purchase_orders.repository import PurchaseOrderRepository
from shelfwise.inventory.purchase_orders.rules import (
    OPEN,
    OrderLine,
    PurchaseOrder,
    Status,
    cancelled,
    check_day,
    lines_by_product,
    received,
    redrafted,
    submitted,
)
from shelfwise.inventory.purchase_orders.schemas import (
    DraftChange,
    OrderLineIn,
    PurchaseOrderIn,
    PurchaseOrderOut,
    PurchaseOrders,
    ReceivedLine,
    ReceiveIn,
    SubmitIn,
    order_out,
)
from shelfwise.inventory.purchasing.service import Supplier, expected_delivery, find_supplier
from shelfwise.inventory.stock.schemas import MovementIn
from shelfwise.inventory.stock.service import StockService
from shelfwise.inventory.tenants.service import Tenant, require_tenant
from shelfwise.inventory.values import (
    MAX_QUANTITY,
    check_amount,
    check_id,
    check_quantity,
    decode_cursor,
    encode_cursor,
)
from shelfwise.platform.audit import SYSTEM, Actor, Change
from shelfwise.platform.database import Database
from shelfwise.platform.idempotency import RequestIdentity, StoredAnswer
from shelfwise.platform.problems import ConflictError, InvalidError, NotFoundError

__all__ = ["OPEN", "PurchaseOrderService"]

#: What the movements of receipts are recorded as; the event is the receipt, the reference the order.
SOURCE = "purchase_orders"


class PurchaseOrderService:
    def __init__(self, database: Database, stock: StockService, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._stock = stock
        self._effects = Effects(database, clock)

    async def create(
        self, tenant_id: str, wanted: PurchaseOrderIn, identity: RequestIdentity | None = None, actor: Actor = SYSTEM
    ) -> StoredAnswer:
        """A new draft, or an order that is under way already.

        Raises:
            InvalidError: an unknown supplier or product, a product twice, an impossible date or amount.
            ConflictError: the order id is taken.
        """

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            tenant = await require_tenant(connection, tenant_id)
            repository = PurchaseOrderRepository(connection, tenant_id)
            supplier = await find_supplier(connection, tenant_id, wanted.supplier_id)
            if supplier is None:
                raise InvalidError.of("supplier_id", "there is no such supplier")
            lines = await _lines(connection, repository, tenant_id, supplier.supplier_id, wanted.lines)
            order_id = check_id("order_id", wanted.order_id or f"PO-{secrets.token_hex(6)}")
            order = PurchaseOrder(order_id, supplier.supplier_id, "draft", lines)
            if wanted.status == "submitted":
                order = _submitted(order, supplier, tenant, SubmitIn(wanted.ordered_on, wanted.expected_on), now)
            elif wanted.ordered_on is not None or wanted.expected_on is not None:
                raise InvalidError.of("ordered_on", "a draft has no dates yet: they are given when it is submitted")
            if not await repository.add(order, now):
                raise ConflictError(f"There is a purchase order {order_id!r} already.")
            return _outcome("create", None, order)

        return await self._effects.once(tenant_id, identity, 201, effect, actor)

    async def edit(
        self,
        tenant_id: str,
        order_id: str,
        wanted: DraftChange,
        identity: RequestIdentity | None = None,
        actor: Actor = SYSTEM,
    ) -> StoredAnswer:
        """Gives a draft other lines.

        Raises:
            NotFoundError: no such order.
            ConflictError: it is no draft any more, or at another version.
            InvalidError: an unknown product, a product twice, an impossible quantity or amount.
        """

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            del now
            await require_tenant(connection, tenant_id)
            order = await _require(connection, tenant_id, order_id)
            repository = PurchaseOrderRepository(connection, tenant_id)
            lines = await _lines(connection, repository, tenant_id, order.supplier_id, wanted.lines)
            after = redrafted(order, lines, wanted.version)
            if after is order:
                return Outcome(order_out(order))
            await repository.replace_lines(after)
            return _outcome("edit", order, after)

        return await self._effects.once(tenant_id, identity, 200, effect, actor)

    async def submit(
        self,
        tenant_id: str,
        order_id: str,
        dates: SubmitIn,
        identity: RequestIdentity | None = None,
        actor: Actor = SYSTEM,
    ) -> StoredAnswer:
        """Raises NotFoundError; ConflictError when it is no draft; InvalidError for impossible dates."""

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            tenant = await require_tenant(connection, tenant_id)
            order = await _require(connection, tenant_id, order_id)
            supplier = await find_supplier(connection, tenant_id, order.supplier_id)
            if supplier is None:
                raise NotFoundError(f"There is no supplier {order.supplier_id!r}.")
            after = _submitted(order, supplier, tenant, dates, now)
            await PurchaseOrderRepository(connection, tenant_id).save(after)
            return _outcome("submit", order, after)

        return await self._effects.once(tenant_id, identity, 200, effect, actor)

    async def receive(
        self,
        tenant_id: str,
        order_id: str,
        receipt: ReceiveIn,
        identity: RequestIdentity | None = None,
        actor: Actor = SYSTEM,
    ) -> StoredAnswer:
        """Records what arrived, in the order and in the stock ledger, or in neither.

        Raises:
            NotFoundError: no such order.
            ConflictError: it is not under way.
            InvalidError: a product that is not on the order or stands twice in the receipt, an unknown location.
        """

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            del now
            await require_tenant(connection, tenant_id)
            order = await _require(connection, tenant_id, order_id)
            arrived = _arrived(order, receipt.lines)
            after = received(order, {line.line_no: entry.quantity for line, entry in arrived}, final=receipt.final)
            await PurchaseOrderRepository(connection, tenant_id).save(after)
            event_id = secrets.token_hex(16)
            movements = [
                MovementIn(
                    kind="receipt",
                    product_id=line.product_id,
                    quantity=entry.quantity,
                    location_id=receipt.location_id,
                    occurred_at=receipt.occurred_at,
                    unit_cost=line.unit_cost if entry.unit_cost is None else entry.unit_cost,
                    reference=order_id,
                    event_id=event_id,
                    line_no=line.line_no,
                )
                for line, entry in arrived
            ]
            if movements:
                await self._stock.record(connection, tenant_id, movements, source=SOURCE)
            return _outcome("receive", order, after)

        return await self._effects.once(tenant_id, identity, 200, effect, actor)

    async def cancel(
        self, tenant_id: str, order_id: str, identity: RequestIdentity | None = None, actor: Actor = SYSTEM
    ) -> StoredAnswer:
        """Raises NotFoundError; ConflictError when it is received or cancelled already."""

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            del now
            await require_tenant(connection, tenant_id)
            order = await _require(connection, tenant_id, order_id)
            after = cancelled(order)
            await PurchaseOrderRepository(connection, tenant_id).save(after)
            return _outcome("cancel", order, after)

        return await self._effects.once(tenant_id, identity, 200, effect, actor)

    async def order(self, tenant_id: str, order_id: str) -> PurchaseOrderOut:
        """Raises NotFoundError."""
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            return order_out(await _require(connection, tenant_id, order_id, lock=False))

    async def orders(
        self, tenant_id: str, *, status: Status | None, supplier_id: str | None, limit: int, cursor: str | None
    ) -> PurchaseOrders:
        """Orders by id."""
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            found = await PurchaseOrderRepository(connection, tenant_id).page(
                after=decode_cursor(cursor), limit=limit + 1, status=status, supplier_id=supplier_id
            )
        following = encode_cursor(found[limit - 1].order_id) if len(found) > limit else None
        return PurchaseOrders([order_out(order) for order in found[:limit]], following)


def _submitted(
    order: PurchaseOrder, supplier: Supplier, tenant: Tenant, dates: SubmitIn, now: datetime
) -> PurchaseOrder:
    if dates.ordered_on is not None:
        check_day("ordered_on", dates.ordered_on)
    expected_on = dates.expected_on or expected_delivery(supplier, tenant, now, dates.ordered_on)
    return submitted(order, dates.ordered_on or tenant.today(now), expected_on)


def _outcome(action: str, before: PurchaseOrder | None, after: PurchaseOrder) -> Outcome:
    answer = order_out(after)
    known = None if before is None else order_out(before)
    return Outcome(answer, [Change(action, "purchase_orders", after.order_id, known, answer)])


async def _require(connection: AsyncConnection, tenant_id: str, order_id: str, *, lock: bool = True) -> PurchaseOrder:
    found = await PurchaseOrderRepository(connection, tenant_id).get(order_id, lock=lock)
    if found is None:
        raise NotFoundError(f"There is no purchase order {order_id!r}.")
    return found


async def _lines(
    connection: AsyncConnection,
    repository: PurchaseOrderRepository,
    tenant_id: str,
    supplier_id: str,
    wanted: Sequence[OrderLineIn],
) -> tuple[OrderLine, ...]:
    ids = [line.product_id for line in wanted]
    known = await product_costs(connection, tenant_id, sorted(set(ids)))
    costs = await repository.item_costs(supplier_id, ids)
    for number, line in enumerate(wanted):
        if line.product_id not in known:
            raise InvalidError.of(f"lines[{number}].product_id", "there is no such product")
        if line.product_id in ids[:number]:
            raise InvalidError.of(f"lines[{number}].product_id", "stands on an earlier line: add the quantities up")
        check_quantity(f"lines[{number}].quantity", line.quantity)
        check_amount(f"lines[{number}].unit_cost", line.unit_cost)
    return tuple(
        OrderLine(
            number,
            line.product_id,
            line.quantity,
            unit_cost=costs.get(line.product_id) if line.unit_cost is None else line.unit_cost,
        )
        for number, line in enumerate(wanted, start=1)
    )


def _arrived(order: PurchaseOrder, entries: Sequence[ReceivedLine] | None) -> list[tuple[OrderLine, ReceivedLine]]:
    """What arrived, beside its order line; everything outstanding when nothing is named."""
    if entries is None:
        return [(line, ReceivedLine(line.product_id, line.outstanding)) for line in order.lines if line.outstanding > 0]
    by_product = lines_by_product(order.lines)
    found: dict[str, tuple[OrderLine, ReceivedLine]] = {}
    for number, entry in enumerate(entries):
        line = by_product.get(entry.product_id)
        if line is None:
            raise InvalidError.of(f"lines[{number}].product_id", "is not on this purchase order")
        if entry.product_id in found:
            raise InvalidError.of(f"lines[{number}].product_id", "stands on an earlier line: add the quantities up")
        if line.received_quantity + entry.quantity > MAX_QUANTITY:
            raise InvalidError.of(f"lines[{number}].quantity", "comes to more than 10^9 received")
        found[entry.product_id] = (line, entry)
    return list(found.values())
