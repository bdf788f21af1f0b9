"""A stock movement: what the ledger is made of."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

MovementKind = Literal[
    "opening", "opening_correction", "receipt", "adjustment", "transfer", "sale", "cancellation", "return"
]


@dataclass(frozen=True, slots=True)
class Movement:
    """``quantity`` base units from one location to another. ``event_id`` and ``line_no`` name it within its source."""

    product_id: str
    kind: MovementKind
    from_location_id: str
    to_location_id: str
    quantity: int
    occurred_at: datetime
    business_date: date
    event_id: str
    line_no: int = 1
    unit_cost: Decimal | None = None
    reference: str | None = None
    reason: str | None = None
