"""Where a simulated shelf may stand empty: only between a product's sales."""

import random
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from shelfwise.sample.flow import Flow
from shelfwise.sample.models import SampleProduct

#: No stock-out before this day: the opening balance carries the first week until a supplier can deliver.
FIRST_DAY = 7
MIN_GAP_DAYS = 2
MAX_STOCK_OUT_DAYS = 21


@dataclass(frozen=True, slots=True)
class StockOut:
    """The shelf is empty from the close of day ``empty_from`` to the receipt on the morning of ``received_on``.

    ``received_on`` is None when nothing has come in by the end.
    """

    empty_from: int
    received_on: int | None


def plan_stock_outs(
    flow: Flow, product: SampleProduct, rng: random.Random, *, count: int, at_end: bool
) -> list[StockOut]:
    """Up to ``count`` stock-outs in time order, then one that lasts to the end when ``at_end`` asks for it.

    A stock-out starts at the close of a day with sales, ends before the next day with any line, and starts at a
    close at which exactly whole packs (and at least one MOQ) have left since the one before: so receipts of
    whole packs can bring the balance to exactly nothing there.
    """
    if flow.uncertain:
        return []
    gaps = _gaps(flow)
    last = gaps.pop() if at_end and gaps and gaps[-1][1] >= flow.days else None
    gaps = [gap for gap in gaps if gap[1] < flow.days and gap[1] - gap[0] > MIN_GAP_DAYS]
    sold = flow.cumulative()
    chosen = _same_remainder(gaps, sold, product.pack_size, last, rng)
    chosen = sorted(rng.sample(chosen, min(count, len(chosen))))
    if last is not None:
        chosen.append(last)
    apart = _apart_by(chosen, sold, product.moq)
    return [StockOut(start, _receipt_day(flow, start, end, rng)) for start, end in apart]


def _gaps(flow: Flow) -> list[tuple[int, int]]:
    """(day with sales, next busy day) wherever an empty shelf is possible; the last may end with the ledger."""
    highest, sold = flow.highest(), flow.cumulative()
    busy = [day for day in range(flow.days) if flow.busy[day]]
    return [
        (start, end)
        for start, end in pairwise([*busy, flow.days])
        if start >= FIRST_DAY and highest[start] == sold[start] > 0 and _receipt_days(flow, start, end)
    ]


def _receipt_days(flow: Flow, start: int, end: int) -> list[int]:
    """Working days on which a receipt can end the stock-out; the day after the ledger always can."""
    latest = min(end, start + MAX_STOCK_OUT_DAYS)
    days = [day for day in range(start + MIN_GAP_DAYS, latest + 1) if flow.is_working_day(day)]
    return [flow.days] if end == flow.days else days


def _receipt_day(flow: Flow, start: int, end: int, rng: random.Random) -> int | None:
    return None if end == flow.days else rng.choice(_receipt_days(flow, start, end))


def _same_remainder(
    gaps: list[tuple[int, int]],
    sold: list[int],
    pack_size: int,
    last: tuple[int, int] | None,
    rng: random.Random,
) -> list[tuple[int, int]]:
    """The largest set of gaps that lie whole packs apart, with ``last`` if there is one."""
    by_remainder: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for gap in gaps:
        by_remainder[sold[gap[0]] % pack_size].append(gap)
    if last is not None:
        return by_remainder[sold[last[0]] % pack_size]
    most = max((len(group) for group in by_remainder.values()), default=0)
    return rng.choice([group for group in by_remainder.values() if len(group) == most]) if most else []


def _apart_by(gaps: list[tuple[int, int]], sold: list[int], moq: int) -> list[tuple[int, int]]:
    """From the last gap backwards, those between which at least ``moq`` units were sold."""
    kept: list[tuple[int, int]] = []
    for gap in reversed(gaps):
        if not kept or sold[kept[-1][0]] - sold[gap[0]] >= moq:
            kept.append(gap)
    return kept[::-1]
