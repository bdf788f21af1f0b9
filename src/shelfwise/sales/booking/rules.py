"""What a line of an order does to the figures: pure, over what is already known of the orders it touches.

A cancellation goes back to the business day, the product and the price of the line that it cancels. A return is booked
on its own day in fields of its own and never reduces what was sold.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

Kind = Literal["sale", "cancellation", "return"]
KINDS: tuple[Kind, ...] = ("sale", "cancellation", "return")
MAX_QUANTITY = 10**9
MAX_AMOUNT = Decimal(10**12)
ZERO = Decimal(0)
BEFORE_ORDER = "must not be before the order was placed"


class LineDraft(NamedTuple):
    """One line as it came in. ``source`` says where it stands in its file, for the error report.

    ``business_day`` is the day of ``occurred_at`` for the tenant. ``entry_no`` tells apart several cancellations or
    returns of one line; a sale, and every row of a file, has 0.
    """

    source: int
    order_id: str
    line_no: int
    kind: Kind
    entry_no: int
    product: str
    quantity: int
    unit_price: Decimal | None
    occurred_at: datetime
    business_day: date
    name: str | None = None
    location_id: str | None = None
    refers_order_id: str | None = None
    refers_line_no: int | None = None
    resellable: bool = True

    @property
    def identity(self) -> "LineIdentity":
        return (self.order_id, self.line_no, self.kind, self.entry_no)


LineIdentity = tuple[str, int, str, int]


class BookedLine(NamedTuple):
    """A draft as it is recorded: with its product (None: not resolved yet), its price and the day it counts on."""

    draft: LineDraft
    product_id: str | None
    unit_price: Decimal
    counts_on: date
    location_id: str | None


@dataclass(slots=True)
class SoldLine:
    """A sale line and what has become of it since."""

    product: str
    product_id: str | None
    business_day: date
    location_id: str | None
    unit_price: Decimal
    quantity: int
    cancelled: int = 0
    returned: int = 0

    @property
    def left(self) -> int:
        return self.quantity - self.cancelled - self.returned


@dataclass(slots=True)
class DailyDelta:
    """What a booking adds to one row of the daily rollup."""

    quantity: int = 0
    revenue: Decimal = ZERO
    orders: int = 0
    returned_quantity: int = 0
    refunded_revenue: Decimal = ZERO
    last_sold_at: datetime | None = None


class LineProblem(NamedTuple):
    source: int
    reason: str


ProductDay = tuple[str, date, str]


@dataclass(slots=True)
class Book:
    """Books drafts one by one and gathers what they change. Begin it with ``remember`` of every known line."""

    order_days: dict[str, date] = field(default_factory=dict)
    lines: dict[LineIdentity, tuple[str, int]] = field(default_factory=dict)
    sold: dict[tuple[str, int], SoldLine] = field(default_factory=dict)
    booked: list[BookedLine] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)
    duplicates: int = 0
    daily: dict[ProductDay, DailyDelta] = field(default_factory=dict)
    days: dict[date, DailyDelta] = field(default_factory=dict)
    _live: dict[str, int] = field(default_factory=dict)
    _live_rows: dict[tuple[str, ProductDay], int] = field(default_factory=dict)

    def remember(self, known: Iterable[BookedLine]) -> None:
        """Takes lines that are recorded already: they change nothing, but later lines may refer to them."""
        for line in sorted(known, key=lambda line: _not_sale(line.draft)):
            draft = line.draft
            self.lines[draft.identity] = (draft.product, draft.quantity)
            if draft.kind == "sale":
                self._sell(line)
                continue
            target = self._target(draft)
            if target is not None:
                self._take_back(target, draft)

    def book(self, drafts: Iterable[LineDraft], products: dict[str, str]) -> None:
        """Books drafts, sales before what refers to them; ``products`` maps each known code to its product."""
        for draft in sorted(drafts, key=_not_sale):
            identity = draft[1:5]
            known = self.lines.get(identity)
            if known is not None:
                self._repeated(draft, known)
                continue
            line = self._booked(draft, products)
            if isinstance(line, str):
                self.problems.append(LineProblem(draft.source, line))
                continue
            self.lines[identity] = (line.draft.product, draft.quantity)
            self.booked.append(line)
            if draft.kind == "sale":
                self._count_sale(line)
            else:
                self._count_taken_back(line)

    def _repeated(self, draft: LineDraft, known: tuple[str, int]) -> None:
        # What refers to a sale line is recorded under that line's code, whichever code the row itself gave.
        if known[1] != draft.quantity or (draft.kind == "sale" and known[0] != draft.product):
            reason = f"order {draft.order_id!r} line {draft.line_no} is recorded already with other values"
            self.problems.append(LineProblem(draft.source, reason))
        else:
            self.duplicates += 1

    def _booked(self, draft: LineDraft, products: dict[str, str]) -> BookedLine | str:
        """The line to record, or the reason why it cannot be."""
        target = self._target(draft)
        if target is not None:
            return _referring(draft, target, products)
        if draft.kind == "cancellation" or draft.refers_order_id is not None:
            return f"refers to order {draft.refers_order_id!r} line {draft.refers_line_no}, which is not known"
        if draft.unit_price is None:
            return "unit_price is missing"
        product_id = products.get(draft.product)
        return BookedLine(draft, product_id, draft.unit_price, draft.business_day, draft.location_id)

    def _target(self, draft: LineDraft) -> SoldLine | None:
        if draft.refers_order_id is None or draft.refers_line_no is None:
            return None
        return self.sold.get((draft.refers_order_id, draft.refers_line_no))

    def _count_sale(self, line: BookedLine) -> None:
        draft = line.draft
        row_begins, order_begins = self._sell(line)
        if line.product_id is None:
            return
        amount = draft.quantity * line.unit_price
        by_product, by_day = self._deltas(line)
        by_product.quantity += draft.quantity
        by_product.revenue += amount
        by_product.orders += row_begins
        if by_product.last_sold_at is None or draft.occurred_at > by_product.last_sold_at:
            by_product.last_sold_at = draft.occurred_at
        by_day.quantity += draft.quantity
        by_day.revenue += amount
        if order_begins:
            self._add_order(draft.order_id, 1)

    def _count_taken_back(self, line: BookedLine) -> None:
        draft = line.draft
        target = self._target(draft)
        row_ends, order_ends = (False, False) if target is None else self._take_back(target, draft)
        if line.product_id is None:
            return
        amount = draft.quantity * line.unit_price
        deltas = self._deltas(line)
        for delta in deltas:
            if draft.kind == "cancellation":
                delta.quantity -= draft.quantity
                delta.revenue -= amount
            else:
                delta.returned_quantity += draft.quantity
                delta.refunded_revenue += amount
        deltas[0].orders -= row_ends
        if order_ends:
            self._add_order(draft.refers_order_id or "", -1)

    def _add_order(self, order_id: str, count: int) -> None:
        # An order counts on its own day, wherever its lines do.
        self.days.setdefault(self.order_days[order_id], DailyDelta()).orders += count

    def _deltas(self, line: BookedLine) -> tuple[DailyDelta, DailyDelta]:
        key = _row(line.product_id, line.counts_on, line.location_id)
        by_product = self.daily.get(key)
        if by_product is None:
            by_product = self.daily[key] = DailyDelta()
        by_day = self.days.get(line.counts_on)
        if by_day is None:
            by_day = self.days[line.counts_on] = DailyDelta()
        return by_product, by_day

    def _sell(self, line: BookedLine) -> tuple[bool, bool]:
        """Keeps a sale line; says whether its order is new to the product's row, and new to the day."""
        draft = line.draft
        self.sold[draft.order_id, draft.line_no] = SoldLine(
            draft.product, line.product_id, line.counts_on, line.location_id, line.unit_price, draft.quantity
        )
        if line.product_id is None:
            return False, False
        key = (draft.order_id, _row(line.product_id, line.counts_on, line.location_id))
        row, order = self._live_rows.get(key, 0), self._live.get(draft.order_id, 0)
        self._live_rows[key] = row + draft.quantity
        self._live[draft.order_id] = order + draft.quantity
        return row == 0, order == 0

    def _take_back(self, target: SoldLine, draft: LineDraft) -> tuple[bool, bool]:
        """Notes a cancellation or return; says whether the order has now left the product's row, and the day."""
        if draft.kind == "return":
            target.returned += draft.quantity
            return False, False
        target.cancelled += draft.quantity
        if target.product_id is None:
            return False, False
        order_id = draft.refers_order_id or ""
        key = (order_id, _row(target.product_id, target.business_day, target.location_id))
        self._live_rows[key] -= draft.quantity
        self._live[order_id] -= draft.quantity
        return self._live_rows[key] == 0, self._live[order_id] == 0


def _referring(draft: LineDraft, target: SoldLine, products: dict[str, str]) -> BookedLine | str:
    if draft.product and draft.product != target.product and products.get(draft.product) != target.product_id:
        return f"refers to a line of another product, {target.product!r}"
    # By days, because a row may name no time of day.
    if draft.business_day < target.business_day:
        return f"ordered_at: {BEFORE_ORDER}"
    if draft.quantity > target.left:
        return f"takes back {draft.quantity}, of which {target.left} are left"
    # The product as it was sold: so an unresolved sale and its cancellation are resolved together.
    draft = draft._replace(product=target.product)
    if draft.kind == "cancellation":
        return BookedLine(draft, target.product_id, target.unit_price, target.business_day, target.location_id)
    price = target.unit_price if draft.unit_price is None else draft.unit_price
    return BookedLine(draft, target.product_id, price, draft.business_day, draft.location_id or target.location_id)


def _row(product_id: str | None, day: date, location_id: str | None) -> ProductDay:
    return (product_id or "", day, location_id or "")


def _not_sale(draft: LineDraft) -> bool:
    return draft.kind != "sale"
