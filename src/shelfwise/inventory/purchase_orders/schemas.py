"""Purchase orders as JSON."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from shelfwise.contracts.events import Identifier
from shelfwise.inventory.purchase_orders.rules import PurchaseOrder, Status
from shelfwise.inventory.values import Amount, Quantity, cost_number

MAX_LINES = 1000


class OrderLineIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``unit_cost`` left out is the supplier item's, in the tenant's currency per base unit."""

    product_id: Identifier
    quantity: Quantity
    unit_cost: Amount | None = None


class PurchaseOrderIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A draft, or with ``status`` submitted an order that is under way already.

    ``order_id`` left out is made up. Dates are for submitted orders: ``ordered_on`` left out is today,
    ``expected_on`` follows from the supplier's calendar and lead times, and an ``ordered_on`` is taken to be before
    that day's cut-off.
    """

    supplier_id: Identifier
    lines: Annotated[list[OrderLineIn], msgspec.Meta(min_length=1, max_length=MAX_LINES)]
    order_id: Identifier | None = None
    status: Literal["draft", "submitted"] = "draft"
    ordered_on: date | None = None
    expected_on: date | None = None


class DraftChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The lines that the draft has from now on. ``version``: refuse when it is not the current one."""

    lines: Annotated[list[OrderLineIn], msgspec.Meta(min_length=1, max_length=MAX_LINES)]
    version: int | None = None


class SubmitIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    ordered_on: date | None = None
    expected_on: date | None = None


class ReceivedLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``unit_cost`` left out is the order line's."""

    product_id: Identifier
    quantity: Quantity
    unit_cost: Amount | None = None


class ReceiveIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What arrived. ``lines`` left out: everything that is outstanding. ``final``: nothing more will come."""

    lines: Annotated[list[ReceivedLine], msgspec.Meta(min_length=1, max_length=MAX_LINES)] | None = None
    location_id: Identifier | None = None
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    final: bool = False


class OrderLineOut(msgspec.Struct, frozen=True):
    line_no: int
    product_id: str
    quantity: int
    received_quantity: int
    outstanding_quantity: int
    over_received_quantity: int
    unit_cost: float | None


class PurchaseOrderOut(msgspec.Struct, frozen=True):
    order_id: str
    supplier_id: str
    status: Status
    ordered_on: date | None
    expected_on: date | None
    lines: list[OrderLineOut]
    version: int


class PurchaseOrders(msgspec.Struct, frozen=True):
    items: list[PurchaseOrderOut]
    next: str | None


def order_out(order: PurchaseOrder) -> PurchaseOrderOut:
    return PurchaseOrderOut(
        order.order_id,
        order.supplier_id,
        order.status,
        order.ordered_on,
        order.expected_on,
        [
            OrderLineOut(
                line.line_no,
                line.product_id,
                line.quantity,
                line.received_quantity,
                line.outstanding,
                max(line.received_quantity - line.quantity, 0),
                cost_number(line.unit_cost),
            )
            for line in order.lines
        ],
        order.version,
    )
