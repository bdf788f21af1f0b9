"""A stock movement: what the ledger is made of."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

MovementKind = Literal[
    "opening",
    "opening_correction",
    "receipt",
    "adjustment",
    "transfer",
    "count",
    "issue",
    "reversal",
    "sale",
    "cancellation",
    "return",
]


@dataclass(frozen=True, slots=True)
class Movement:
    """``quantity`` base units from one location to another. ``event_id`` and ``line_no`` name it within its source.

    ``value`` is the store value that moved and ``sequence`` its place among the product's movements: the ledger gives
    both when it posts the movement.
    """

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
    reverses_movement_id: str | None = None
    value: Decimal | None = field(default=None, compare=False)
    sequence: int = field(default=0, compare=False)
