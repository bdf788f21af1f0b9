"""What the champion learns from: each product's recent sales, in units of the level that smoothing found."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.history import WEEK, History
from shelfwise.planning.demand.windows import Windows

F = NDArray[np.float64]
SUMS_WEEKS = (1, 2, 4, 8, 13, 26, 52)
YEAR_WEEKS, QUARTER_WEEKS = 52, 13
SPREAD_FROM_WEEKS = 8  # fewer say nothing about how evenly a product sells
NEVER_SOLD_WEEKS = 52.0
RATE_FLOOR = 0.02  # units a day: rates below it do not differ


def signals(history: History, rate: F, windows: Windows, end: date) -> F:
    """(features, B + 1, n): what was known of each product at each origin, and at the end.

    Rates of all memories and sums of recent weeks over the level, how often and how evenly it sold, the time since the
    last sale, its age, the level itself, the season, and the same weeks a year before. ``end``: the panel's.
    """
    at = np.append(windows.origins, history.weeks - 1)
    level = np.maximum(windows.level, 1e-6)
    weekly, exposed = _week(history.sales), _week(history.exposure)
    sold, days, squares = _running(weekly), _running(exposed), _running(weekly * weekly)
    selling = _running(_week((history.sales > 0).astype(np.float64)))
    out = [np.log(level)]
    out += [np.log((rate[k, at] + RATE_FLOOR) / (level + RATE_FLOOR)) for k in range(len(rate))]
    for weeks in SUMS_WEEKS:
        first = np.maximum(at + 1 - weeks, 0)
        seen = np.maximum(days[at + 1] - days[first], 1e-6)
        units = sold[at + 1] - sold[first]
        out.append(np.log((units / seen + RATE_FLOOR) / (level + RATE_FLOOR)))
        if weeks >= SPREAD_FROM_WEEKS:
            mean = units / weeks
            spread = np.sqrt(np.maximum((squares[at + 1] - squares[first]) / weeks - mean * mean, 0.0))
            out += [(selling[at + 1] - selling[first]) / seen, spread / (mean + 0.5)]
    out += [np.log1p(at[:, None] - _last_week(weekly)[at]), np.log1p(days[at + 1])]
    out += _year_before(sold, days, at)
    # By the calendar, not by the panel: it must not matter how long the history is.
    season = (end.toordinal() // WEEK - (history.weeks - 1 - at)) % YEAR_WEEKS
    return np.stack([*out, np.broadcast_to(season[:, None].astype(np.float64), level.shape)])


def _week(array: F) -> F:
    return np.asarray(np.cumsum(array, axis=1)[:, -1])  # in order, as everywhere: a row alone equals its row


def _running(array: F) -> F:
    return np.concatenate([np.zeros((1, array.shape[1])), np.cumsum(array, axis=0)])


def _last_week(weekly: F) -> F:
    index = np.arange(len(weekly), dtype=np.float64)[:, None]
    return np.asarray(np.maximum.accumulate(np.where(weekly > 0, index, -NEVER_SOLD_WEEKS), axis=0))


def _year_before(sold: F, days: F, at: NDArray[np.intp]) -> list[F]:
    """Sales of the next weeks a year ago over those of the quarter before them, as logs; 0 where not known."""
    out = []
    begin = at + 1 - YEAR_WEEKS
    before = begin - QUARTER_WEEKS
    known = (before >= 0)[:, None]
    b, q = np.maximum(begin, 0), np.maximum(before, 0)
    usual = (sold[b] - sold[q] + 0.5) / (days[b] - days[q] + 1.0)
    seen = known & (days[b] - days[q] > 28.0)
    for weeks in (1, 2, 4):
        e = np.maximum(begin + weeks, 0)
        later = (sold[e] - sold[b] + 0.5) / (days[e] - days[b] + 1.0)
        out.append(np.where(seen, np.log(later / usual), 0.0))
    return out
