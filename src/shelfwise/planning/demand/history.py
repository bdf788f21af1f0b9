"""Sales laid out in whole weeks that end on the last day known, with the exposure of each day.

Exposure is the share of a normal selling day on which demand could have become a sale: 0 when the value is missing,
the shop closed or the shelf empty. Rates are sums of sales over sums of exposure, so a stock-out is not lack of
demand; how a day with stock for part of it counts is in ``stockout``. Everything is time-first, products last: each
step is elementwise over products, and a product computed alone gives bit for bit what it gives in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.panel import Panel
from shelfwise.planning.demand.stockout import uncensor

F = NDArray[np.float64]
WEEK = 7
MAX_WEEKS = 157  # three years: two full seasons and the longest memory of any rate
CLOSED = 0.004  # a weekday with less than this share of an average day's sales in the whole panel is closed
WEEKDAY_PRIOR_UNITS = 120.0
SHORT_HISTORY_DAYS = 14


@dataclass(frozen=True, eq=False)
class History:
    """sales, exposure: (weeks, 7, n); position 6 of the last week is the day before the forecast's first.

    sold, offered: (weeks, 7, n) units as recorded, and the exposure had the shelf never been empty; the very arrays
    ``sales`` and ``exposure`` where stock is not known. judged: the days of ``offered`` that may judge a forecast.
    unit: (n,) size of one unit: 1 for whole-number series, at most the mean sale for the others.
    known_days: (n,) days with a value. observed: (n,) exposure in days. influence: (weeks, 7, n) factor of demand by
    events, promotions and prices.
    """

    sales: F
    exposure: F
    sold: F
    offered: F
    judged: F
    unit: F
    known_days: NDArray[np.int64]
    observed: F
    first_weekday: int
    influence: F | None = None

    @property
    def demand_exposure(self) -> F:
        """(weeks, 7, n) exposure in days without an influence: a day that sells double counts twice."""
        return self.exposure if self.influence is None else self.exposure * self.influence

    @property
    def weeks(self) -> int:
        return int(self.sales.shape[0])

    @property
    def count(self) -> int:
        return int(self.sales.shape[2])


def lay_out(panel: Panel) -> History:
    """The last three years at most of a panel, padded at the front with unobserved days."""
    weeks = min(MAX_WEEKS, -(-panel.days // WEEK))
    take = min(panel.days, weeks * WEEK)
    values = panel.values[:, panel.days - take :].T.astype(np.float64)
    known = ~np.isnan(values)
    sales = np.where(known, values, 0.0)
    offered = known.astype(np.float64)
    if panel.open is not None:
        offered *= panel.open[:, panel.days - take :].T | (sales > 0.0)
    unit = _units(panel, sales)
    shape = (weeks, WEEK, len(panel))

    def by_week(days: F, fill: float = 0.0) -> F:
        return np.pad(days, ((weeks * WEEK - take, 0), (0, 0)), constant_values=fill).reshape(shape)

    sold, possible = by_week(sales / unit), by_week(offered)
    counted, exposure, judged = sold, possible, possible
    if panel.in_stock is not None:
        share = panel.in_stock[:, panel.days - take :].T.astype(np.float64)
        counted, exposure, judged = uncensor(sold, possible, by_week(share, np.nan))
    return History(
        sales=counted,
        exposure=exposure,
        sold=sold,
        offered=possible,
        judged=judged,
        unit=unit,
        known_days=known.sum(axis=0),
        observed=ordered_sum(exposure.reshape(weeks * WEEK, len(panel))),
        first_weekday=_weekday(panel.end),
    )


def ordered_sum(array: F) -> F:
    """Sum over the first axis, term by term: the same for a product alone as in a batch."""
    # numpy's own sum adds pairwise or in order depending on how many products there are; cumsum always in order.
    return np.asarray(np.cumsum(array, axis=0)[-1])


def weekday_shape(history: History, panel_shape: F | None) -> F:
    """(7, n) factor of each position in the week, mean 1 over the week, shrunk to the panel's shape.

    Ratio of sales to what the week's own rate expects of that day, so that a trend does not pass for a weekday;
    gamma-Poisson shrinkage with a prior worth ``WEEKDAY_PRIOR_UNITS`` units (days without a prior: 1).
    """
    sold, expected = _weekday_sums(history)
    prior = np.ones(WEEK) if panel_shape is None else panel_shape
    factor = (sold + WEEKDAY_PRIOR_UNITS * prior[:, None]) / (expected + WEEKDAY_PRIOR_UNITS)
    return factor * (WEEK / ordered_sum(factor))


def panel_weekday_shape(history: History) -> F:
    """(7,) the panel's weekday factors by position; closed days are exactly zero. Large products are damped."""
    sold, expected = _weekday_sums(history)
    damp = 1.0 / (1.0 + ordered_sum(expected) / (20.0 * max(1, min(history.weeks, 52))))
    top, bottom = (sold * damp).sum(axis=1), (expected * damp).sum(axis=1)
    shape = np.where(bottom > 0, (top + 1.0) / (bottom + 1.0), 1.0)
    evidence = bottom.sum() > 50 * WEEK
    shape = np.where((shape < CLOSED) | ((top == 0) & evidence & (bottom > 50)), 0.0, shape)
    return np.asarray(shape * (WEEK / shape.sum())) if shape.sum() > 0 else np.ones(WEEK)


def clumping(sales: F, exposure: F) -> float:
    """Variance of a product's days over their mean, 1 or more (a Poisson's): geometric mean over products.

    sales, exposure: (weeks, 7, n), each product with a day of exposure or more.
    """
    days = exposure.sum(axis=(0, 1))
    mean = sales.sum(axis=(0, 1)) / days
    variance = ((sales - mean * exposure) ** 2).sum(axis=(0, 1)) / days
    some = variance > 0.0
    ratio = np.log(variance[some] / mean[some])
    return float(np.exp(max(ratio.mean(), 0.0))) if some.any() else 1.0


def _weekday_sums(history: History) -> tuple[F, F]:
    recent = slice(max(0, history.weeks - 52), None)
    sales, exposure = history.sales[recent], history.demand_exposure[recent]
    week_sales = sales[:, 0].copy()
    week_exposure = exposure[:, 0].copy()
    for day in range(1, WEEK):
        week_sales += sales[:, day]
        week_exposure += exposure[:, day]
    rate = np.divide(week_sales, week_exposure, out=np.zeros_like(week_sales), where=week_exposure > 0)
    sold = ordered_sum(sales)
    expected = ordered_sum(exposure * rate[:, None, :])
    return sold, expected


def _units(panel: Panel, sales: F) -> F:
    positive = sales > 0
    count = positive.sum(axis=0)
    mean = np.divide(ordered_sum(sales), count, out=np.ones(len(panel)), where=count > 0)
    return np.where(panel.whole, 1.0, np.minimum(1.0, mean))


def _weekday(day: date) -> int:
    return day.weekday()
