"""Bodies and answers of the routes about orders."""

from typing import Annotated, Literal, TypedDict

import msgspec

from shelfwise.contracts.events import Identifier

MAX_LINES = 1000

Quantity = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
Price = Annotated[float, msgspec.Meta(ge=0, le=10**12)]
LineNo = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
Moment = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Name = Annotated[str, msgspec.Meta(max_length=512)]


class OrderLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``product`` is a product id, SKU, barcode or alias; they are looked for in that order."""

    line_no: LineNo
    product: Identifier
    quantity: Quantity
    unit_price: Price
    name: Name | None = None
    location_id: Identifier | None = None


class NewOrder(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``ordered_at`` is an ISO 8601 instant, or without an offset a wall time in the tenant's time zone."""

    order_id: Identifier
    ordered_at: Moment
    lines: Annotated[list[OrderLine], msgspec.Meta(min_length=1, max_length=MAX_LINES)]
    location_id: Identifier | None = None


class LineQuantity(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """So many of one line; without a quantity, all that are left."""

    line_no: LineNo
    quantity: Quantity | None = None


class Cancellation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is cancelled: the lines named, or all of the order. ``cancelled_at`` is now unless given."""

    lines: Annotated[list[LineQuantity], msgspec.Meta(max_length=MAX_LINES)] = msgspec.field(default_factory=list)
    cancelled_at: Moment | None = None


class ReturnedLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """So many of one sold line came back; ``unit_price`` is the refund per unit, as sold unless given."""

    line_no: LineNo
    quantity: Quantity
    unit_price: Price | None = None
    resellable: bool = True


class OrderReturn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What came back of one order, booked on the day of ``returned_at`` (now unless given)."""

    lines: Annotated[list[ReturnedLine], msgspec.Meta(min_length=1, max_length=MAX_LINES)]
    returned_at: Moment | None = None


class AnyReturn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """As OrderReturn, with the order in the body."""

    order_id: Identifier
    lines: Annotated[list[ReturnedLine], msgspec.Meta(min_length=1, max_length=MAX_LINES)]
    returned_at: Moment | None = None


class LineView(TypedDict):
    """One recorded line; ``product_id`` is null while its code names no product."""

    line_no: int
    kind: Literal["sale", "cancellation", "return"]
    product: str
    product_id: str | None
    name: str | None
    quantity: int
    unit_price: float
    location_id: str | None
    occurred_at: str
    business_date: str
    refers_line_no: int | None


class OrderView(TypedDict):
    """An order with all that happened to it. The totals are of what was sold and not cancelled."""

    order_id: str
    ordered_at: str
    business_date: str
    location_id: str | None
    status: Literal["open", "partly_cancelled", "cancelled"]
    currency: str
    quantity: int
    revenue: float
    unresolved_lines: int
    lines: list[LineView]


class OrderReceipt(TypedDict):
    """What was recorded of a posted order; posting the same order again gives the same receipt."""

    order_id: str
    business_date: str
    lines: int
    unresolved_lines: int
    quantity: int
    revenue: float
    currency: str


class UnresolvedItem(TypedDict):
    product: str
    lines: int
    quantity: int


class UnresolvedPage(TypedDict):
    items: list[UnresolvedItem]
    next: str | None


class ResolveAnswer(TypedDict):
    """How many lines found their product."""

    resolved: int
