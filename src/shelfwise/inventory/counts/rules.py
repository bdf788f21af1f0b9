"""What a count says, beside what the ledger had at its instant."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CountLine:
    line_no: int
    product_id: str
    expected_quantity: int
    counted_quantity: int

    @property
    def difference(self) -> int:
        return self.counted_quantity - self.expected_quantity


@dataclass(frozen=True, slots=True)
class StockCount:
    """A count of some products at one location, all at the same instant."""

    count_id: str
    location_id: str
    counted_at: datetime
    recorded_at: datetime
    reason: str
    lines: tuple[CountLine, ...]
