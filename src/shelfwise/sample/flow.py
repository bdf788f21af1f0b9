"""What leaves the shelf by product and day, as the stock simulation reads it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from shelfwise.sample.models import SampleLine

HISTORY_DAYS = 42


@dataclass(frozen=True, slots=True)
class Flow:
    """One product's ledger days, numbered from 0 on the opening day.

    ``net`` is the day's outflow, ``peak`` the most that had left within the day when any of its lines was booked,
    ``busy`` whether the day has lines at all. ``history`` is the net outflow of the ``HISTORY_DAYS`` before.
    ``uncertain`` marks a product whose ledger days hold cancellations of orders from before the opening. Those
    are left out here: stock must suffice whether or not a ledger lets them bring units back.
    """

    opening_day: date
    net: tuple[int, ...]
    peak: tuple[int, ...]
    busy: tuple[bool, ...]
    history: tuple[int, ...]
    uncertain: bool

    @property
    def days(self) -> int:
        return len(self.net)

    def cumulative(self) -> list[int]:
        """Outflow from the opening to the close of each day."""
        return list(accumulate(self.net))

    def highest(self) -> list[int]:
        """The stock that must have come in by each day for none of its lines to find an empty shelf."""
        before = [0, *self.cumulative()]
        return list(accumulate((before[day] + peak for day, peak in enumerate(self.peak)), max))

    def date_of(self, day: int) -> date:
        return self.opening_day + timedelta(days=day)

    def is_working_day(self, day: int) -> bool:
        """Goods come in from Monday to Friday."""
        return (self.opening_day.weekday() + day) % 7 < 5


def flows_of(
    products: Sequence[str], lines: Iterable[SampleLine], opening_day: date, today: date
) -> Mapping[str, Flow]:
    """The flow of each product from ``opening_day`` to the day before ``today``; lines are in time order."""
    lines = list(lines)
    opening = opening_day.isoformat()
    start = (opening_day - timedelta(days=HISTORY_DAYS)).isoformat()
    earlier_orders = {line.order_id for line in lines if line.ordered_at < opening}
    outflows: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    uncertain = set()
    for line in lines:
        if line.ordered_at < start:
            continue
        if line.ordered_at >= opening and line.cancels_order_id in earlier_orders:
            uncertain.add(line.product)
        else:
            outflows[line.product][line.ordered_at[:10]].append(line.outflow)
    days = [(opening_day + timedelta(days=day)).isoformat() for day in range(-HISTORY_DAYS, (today - opening_day).days)]
    return {
        product: _flow(opening_day, [outflows[product].get(day, []) for day in days], uncertain=product in uncertain)
        for product in products
    }


def _flow(opening_day: date, days: list[list[int]], *, uncertain: bool) -> Flow:
    ledger = days[HISTORY_DAYS:]
    return Flow(
        opening_day=opening_day,
        net=tuple(sum(day) for day in ledger),
        peak=tuple(max(accumulate(day, initial=0)) for day in ledger),
        busy=tuple(bool(day) for day in ledger),
        history=tuple(sum(day) for day in days[:HISTORY_DAYS]),
        uncertain=uncertain,
    )
