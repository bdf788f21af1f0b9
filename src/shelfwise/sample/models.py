"""What a sample tenant consists of. Plain data: a loader posts it through the services' ordinary doors."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

LineKind = Literal["sale", "cancellation", "return"]


class SampleLine(NamedTuple):
    """One order line, its fields in the order of the sales CSV.

    ``ordered_at`` is a local wall time of the tenant, ``YYYY-MM-DDTHH:MM``; ``quantity`` is positive and ``kind``
    gives the direction; ``unit_price`` is the price's exact text. A cancellation names the line that it cancels.
    """

    order_id: str
    line_no: int
    ordered_at: str
    product: str
    quantity: int
    unit_price: str
    kind: LineKind
    cancels_order_id: str | None
    cancels_line_no: int | None

    @property
    def outflow(self) -> int:
        """Units that leave the shelf; negative when they come back."""
        return self.quantity if self.kind == "sale" else -self.quantity


@dataclass(frozen=True, slots=True)
class SampleProduct:
    """A product and its one supplier item; cost, pack, MOQ and supplier are simulated."""

    product_id: str
    sku: str
    name: str
    category: str | None
    price: Decimal
    unit_cost: Decimal
    pack_size: int
    moq: int
    supplier_id: str


@dataclass(frozen=True, slots=True)
class SampleSupplier:
    """A simulated supplier. ``lead_times`` are (calendar days, probability); weekdays count from Monday = 0."""

    supplier_id: str
    name: str
    lead_times: tuple[tuple[int, float], ...]
    order_weekdays: tuple[int, ...]
    min_order_value: Decimal

    @property
    def lead_time_days(self) -> int:
        """The mean lead time in whole calendar days."""
        return round(sum(days * probability for days, probability in self.lead_times))


@dataclass(frozen=True, slots=True)
class SampleMovement:
    """A simulated stock movement into the default location; ``occurred_at`` is aware, in the tenant's zone.

    An opening has neither supplier nor order day. A receipt's ``reference`` names its purchase order, and
    ``occurred_at`` less ``ordered_on`` is an observed lead time.
    """

    kind: Literal["opening", "receipt"]
    product_id: str
    quantity: int
    occurred_at: datetime
    unit_cost: Decimal
    reference: str
    reason: str
    supplier_id: str | None = None
    ordered_on: date | None = None


@dataclass(frozen=True, slots=True)
class SampleOpenOrderLine:
    product_id: str
    quantity: int
    unit_cost: Decimal


@dataclass(frozen=True, slots=True)
class SampleOpenOrder:
    """A simulated purchase order that is submitted and not received; it may be overdue."""

    reference: str
    supplier_id: str
    ordered_on: date
    expected_on: date
    lines: tuple[SampleOpenOrderLine, ...]


@dataclass(frozen=True, slots=True)
class SampleTenant:
    """Everything that a tenant is loaded with.

    ``lines`` are in time order. Those before ``opening_day`` are history and move no stock; the ledger of the
    later ones is ``movements`` (openings at the start of ``opening_day``, then receipts) less the lines.
    ``simulated`` says that the sales too are simulated; stock and suppliers always are.
    """

    tenant_id: str
    name: str
    time_zone: str
    currency: str
    business_date: date
    opening_day: date
    simulated: bool
    attribution: str
    products: tuple[SampleProduct, ...]
    suppliers: tuple[SampleSupplier, ...]
    lines: tuple[SampleLine, ...]
    movements: tuple[SampleMovement, ...]
    open_orders: tuple[SampleOpenOrder, ...]
