"""In-stock shares of business days, from what moved and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class StockChange:
    """A change of what is on hand: at which share of which business day (by index), and by how much."""

    day: int
    at: float
    delta: int


def in_stock_shares(opening: int, changes: Sequence[StockChange], days: int) -> list[float]:
    """Share of each day with stock on hand, to four decimals; ``changes`` in time order, days from 0."""
    shares = [0.0] * days
    on_hand, index = opening, 0
    for day in range(days):
        if index >= len(changes) or changes[index].day > day:
            shares[day] = 1.0 if on_hand > 0 else 0.0
            continue
        share, since = 0.0, 0.0
        while index < len(changes) and changes[index].day == day:
            change = changes[index]
            share += (change.at - since) if on_hand > 0 else 0.0
            since, on_hand, index = change.at, on_hand + change.delta, index + 1
        share += (1.0 - since) if on_hand > 0 else 0.0
        shares[day] = round(share, 4)
    return shares


def share_of_day(instant: datetime, day: date, time_zone: str) -> float:
    """Which part of a business day had passed at an instant, from 0 to 1; days with a clock change count whole."""
    zone = ZoneInfo(time_zone)
    begin = datetime.combine(day, time(), zone).timestamp()
    end = datetime.combine(day + timedelta(days=1), time(), zone).timestamp()
    return min(max((instant.timestamp() - begin) / (end - begin), 0.0), 1.0)
