"""Days on which a product sold far more than it usually does on a day that it sells: flagged, never removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.planning.demand.calibration import Calibration
from shelfwise.planning.demand.history import WEEK, lay_out, panel_weekday_shape, weekday_shape
from shelfwise.planning.demand.panel import Panel, check_calendar

F = NDArray[np.float64]
LIMIT = 5.0  # robust standard deviations
BLOCK_DAYS, AROUND_DAYS = 28, 42  # a block of days is compared with itself and this many days on either side
MIN_SELLING_DAYS = 14
MAD_TO_DEVIATION = 1.4826  # of a normal distribution
SHARD_ROWS = 512


@dataclass(frozen=True, slots=True)
class Outlier:
    """One day of one product: ``row`` in the panel, units sold, units usual on such a day, and the reason in words."""

    row: int
    id: str
    day: date
    value: float
    expected: float
    score: float
    why: str


def outliers(
    panel: Panel, calendar: Mapping[str, ArrayLike] | None = None, calibration: Calibration | None = None
) -> list[Outlier]:
    """Days of the last three years with far more sales than usual, by product and day.

    The rule: square roots of sales (2 sqrt(x + 3/8), whose standard deviation is 1 for Poisson counts: Anscombe 1948,
    Biometrika 35, 246-254) are compared with their median over the product's selling days within six weeks; more than
    ``LIMIT`` deviations above it is an outlier, the deviation being the median absolute one or a Poisson's, whichever
    is larger (Hampel 1974, J. American Statistical Association 69, 383-393). Sales are taken relative to their
    weekday's factor, from ``calibration`` or, None, from this very panel. Days of a promotion (``panel.promo`` above
    0) and of an event of ``calendar`` ({name: (T,) truth values}) are never flagged, nor is anything with fewer than
    14 selling days around it. Nothing is removed: to leave a day out, set it to NaN.
    Raises ``ValueError`` that names the field.
    """
    check_calendar(calendar, panel.days)
    special = np.zeros(panel.days, dtype=bool)
    for flags in (calendar or {}).values():
        special |= np.asarray(flags, dtype=bool)
    shape = None if calibration is None else calibration.weekday
    if shape is None and len(panel):
        history = lay_out(panel)
        shape = np.roll(panel_weekday_shape(history), history.first_weekday)
    found: list[Outlier] = []
    for begin in range(0, len(panel), SHARD_ROWS):
        part = panel.rows(slice(begin, begin + SHARD_ROWS))
        assert shape is not None
        found += _of_shard(part, special, shape, begin)
    return found


def _of_shard(panel: Panel, special: NDArray[np.bool_], shape: F, offset: int) -> list[Outlier]:
    history = lay_out(panel)
    days = min(panel.days, history.weeks * WEEK)
    factor = weekday_shape(history, np.roll(shape, -history.first_weekday))
    usual = np.tile(factor, (history.weeks, 1))[-days:].T
    values = panel.values[:, panel.days - days :].astype(np.float64)
    ordinary = (values > 0.0) & (usual > 0.0) & ~special[panel.days - days :]
    if panel.promo is not None:
        ordinary &= ~(panel.promo[:, panel.days - days :] > 0.0)
    expected, score = _scores(values, usual, ordinary)
    start = panel.end - timedelta(days=days)
    return [
        _outlier(panel, int(row), offset, start + timedelta(days=int(day)), values, expected, score, int(day))
        for row, day in np.argwhere(score > LIMIT)
    ]


def _outlier(panel: Panel, row: int, offset: int, day: date, values: F, expected: F, score: F, column: int) -> Outlier:
    value, usual, far = (float(array[row, column]) for array in (values, expected, score))
    why = f"{value:g} units where {usual:.3g} are usual on a day that sells: {far:.1f} robust standard deviations"
    return Outlier(offset + row, panel.ids[row], day, value, usual, far, why)


def _scores(values: F, usual: F, ordinary: NDArray[np.bool_]) -> tuple[F, F]:
    """Expected units of a selling day and robust deviations above them (n, T), 0 where a day cannot be judged."""
    adjusted = np.divide(values, usual, out=np.full_like(values, np.nan), where=ordinary)
    expected, score = np.zeros_like(values), np.zeros_like(values)
    for begin in range(0, values.shape[1], BLOCK_DAYS):
        block = slice(begin, begin + BLOCK_DAYS)
        around = adjusted[:, max(0, begin - AROUND_DAYS) : begin + BLOCK_DAYS + AROUND_DAYS]
        enough = (~np.isnan(around)).sum(axis=1) >= MIN_SELLING_DAYS
        if not enough.any():
            continue
        around = around[enough]
        middle = np.nanmedian(around, axis=1, keepdims=True)
        absolute = np.abs(_root(around) - _root(middle))
        deviation = np.maximum(1.0, MAD_TO_DEVIATION * np.nanmedian(absolute, axis=1, keepdims=True))
        expected[enough, block] = middle * usual[enough, block]
        far = (_root(values[enough, block]) - _root(expected[enough, block])) / deviation
        score[enough, block] = np.where(ordinary[enough, block], far, 0.0)
    return expected, score


def _root(units: F) -> F:
    return np.asarray(2.0 * np.sqrt(units + 0.375))
