"""Purchase orders: draft -> submitted -> partially received -> received | cancelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from shelfwise.platform.problems import ConflictError, InvalidError
from shelfwise.platform.tenancy import FIRST_YEAR, LAST_YEAR, in_calendar

Status = Literal["draft", "submitted", "partially_received", "received", "cancelled"]
#: What is under way: it counts as on order.
OPEN: tuple[Status, ...] = ("submitted", "partially_received")


@dataclass(frozen=True, slots=True)
class OrderLine:
    """``quantity`` base units of a product, ``received_quantity`` of them (or more) already in."""

    line_no: int
    product_id: str
    quantity: int
    received_quantity: int = 0
    unit_cost: Decimal | None = None

    @property
    def outstanding(self) -> int:
        return max(self.quantity - self.received_quantity, 0)


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """A draft has no dates yet. ``version`` rises with every change."""

    order_id: str
    supplier_id: str
    status: Status
    lines: tuple[OrderLine, ...]
    ordered_on: date | None = None
    expected_on: date | None = None
    version: int = 1


def redrafted(order: PurchaseOrder, lines: tuple[OrderLine, ...], version: int | None) -> PurchaseOrder:
    """The draft with other lines; with the same ones, itself. ``version``: refuse when it is not the order's.

    Raises:
        ConflictError: it is no draft any more, or was changed meanwhile.
    """
    if version is not None and version != order.version:
        raise ConflictError(f"The purchase order is at version {order.version}, not {version}. Read it again.")
    if order.status != "draft":
        raise ConflictError(f"Only a draft can be edited; purchase order {order.order_id!r} is {order.status}.")
    return order if lines == order.lines else replace(order, lines=lines, version=order.version + 1)


def submitted(order: PurchaseOrder, ordered_on: date, expected_on: date) -> PurchaseOrder:
    """The order as sent to its supplier.

    Raises:
        ConflictError: it is not a draft.
        InvalidError: a date out of the calendar, or expected before it is ordered.
    """
    if order.status != "draft":
        raise ConflictError(f"Only a draft can be submitted; purchase order {order.order_id!r} is {order.status}.")
    check_day("ordered_on", ordered_on)
    check_day("expected_on", expected_on)
    if expected_on < ordered_on:
        raise InvalidError.of("expected_on", f"must not be before ordered_on, {ordered_on}")
    return replace(order, status="submitted", ordered_on=ordered_on, expected_on=expected_on, version=order.version + 1)


def received(order: PurchaseOrder, quantities: Mapping[int, int], *, final: bool) -> PurchaseOrder:
    """The order after a receipt of units by line number; more than was ordered is taken as it came.

    ``final``: nothing more will come, so a short delivery closes the order too.

    Raises:
        ConflictError: the order is not under way.
    """
    if order.status not in OPEN:
        raise ConflictError(f"Only a submitted purchase order can be received; {order.order_id!r} is {order.status}.")
    lines = tuple(
        replace(line, received_quantity=line.received_quantity + quantities.get(line.line_no, 0))
        for line in order.lines
    )
    complete = final or not any(line.outstanding for line in lines)
    return replace(
        order, lines=lines, status="received" if complete else "partially_received", version=order.version + 1
    )


def cancelled(order: PurchaseOrder) -> PurchaseOrder:
    """The order of which nothing more is expected; what was received stays received.

    Raises:
        ConflictError: it is received or cancelled already.
    """
    if order.status in ("received", "cancelled"):
        raise ConflictError(f"Purchase order {order.order_id!r} is {order.status} already.")
    return replace(order, status="cancelled", version=order.version + 1)


def check_day(field: str, day: date) -> date:
    """The day itself when it can be reckoned with.

    Raises:
        InvalidError: it cannot.
    """
    if not in_calendar(day):
        raise InvalidError.of(field, f"must be between {FIRST_YEAR} and {LAST_YEAR}")
    return day


def lines_by_product(lines: Sequence[OrderLine]) -> dict[str, OrderLine]:
    """The lines by product; a product stands on one line only."""
    return {line.product_id: line for line in lines}
