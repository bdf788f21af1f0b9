"""Stock counts as JSON."""

from datetime import datetime
from typing import Annotated

import msgspec

from shelfwise.contracts.events import Identifier, Text
from shelfwise.inventory.counts.rules import StockCount
from shelfwise.inventory.values import MAX_QUANTITY

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class CountLineIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    product_id: Identifier
    counted_quantity: Annotated[int, msgspec.Meta(ge=0, le=MAX_QUANTITY)]


class CountIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What was there at ``counted_at`` (now when left out), all units of each product at the location.

    Set-aside and committed units are counted with the rest. ``location_id`` left out is the tenant's default.
    """

    lines: Annotated[list[CountLineIn], msgspec.Meta(min_length=1, max_length=1000)]
    reason: Text = "stock count"
    location_id: Identifier | None = None
    counted_at: Instant | None = None
    count_id: Identifier | None = None


class CountLineOut(msgspec.Struct, frozen=True):
    line_no: int
    product_id: str
    expected_quantity: int
    counted_quantity: int
    difference: int


class CountOut(msgspec.Struct, frozen=True):
    count_id: str
    location_id: str
    counted_at: datetime
    recorded_at: datetime
    reason: str
    lines: list[CountLineOut]


class Counts(msgspec.Struct, frozen=True):
    items: list[CountOut]
    next: str | None


def count_out(count: StockCount) -> CountOut:
    return CountOut(
        count.count_id,
        count.location_id,
        count.counted_at,
        count.recorded_at,
        count.reason,
        [
            CountLineOut(line.line_no, line.product_id, line.expected_quantity, line.counted_quantity, line.difference)
            for line in count.lines
        ],
    )
