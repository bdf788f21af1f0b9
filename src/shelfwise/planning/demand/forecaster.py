"""``forecast``: one run over a panel, and its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.planning.demand.calibration import LEVELS, MIN_WINDOWS, Calibration, Tails
from shelfwise.planning.demand.champion import Champion
from shelfwise.planning.demand.conditions import widening
from shelfwise.planning.demand.drivers import Plans, check_plans, drivers_of
from shelfwise.planning.demand.fit import (
    calibrate,
    group_prior,
    round_whole,
    window_hits,
)
from shelfwise.planning.demand.history import SHORT_HISTORY_DAYS, WEEK, lay_out, weekday_shape
from shelfwise.planning.demand.influences import Factors, influenced
from shelfwise.planning.demand.panel import Panel, check_horizon, check_levels
from shelfwise.planning.demand.patterns import PATTERNS, classify
from shelfwise.planning.demand.signals import signals
from shelfwise.planning.demand.smoothing import HALF_LIVES, Prior, rates
from shelfwise.planning.demand.spread import own_dispersion, spread
from shelfwise.planning.demand.stockout import recovered_share
from shelfwise.planning.demand.totals import TotalDemandTable
from shelfwise.planning.demand.windows import Windows, roll

F = NDArray[np.float64]
TERMS = ("level", "stock_out", "trend", "weekday", "event", "promotion", "price", "champion")
SHARD_ROWS = 256  # small enough for the cache: twice as fast as thousands at once
OWN_WINDOWS = 20.0  # the class counts as this many windows of a product's own, the panel as so many of the class's


@dataclass(frozen=True, eq=False)
class Forecast:
    """Demand of ``n`` products over the next ``H`` days: expectations, and distributions of TOTALS.

    mean (n, H): expected units of each day. total_mean (n, H): of the first k days. total (n, H, q): quantiles of
    the first k days at ``levels``; whole numbers for whole-number series. daily (n, H, q): of each single day.
    model, pattern (n,): names. coverage (n, H, q): share of later backtest windows that stayed within each level,
    shrunk to the product's class and the class to the panel; NaN where the panel has fewer than 20 windows.
    confidence_windows (n, H): the product's own windows behind it. expected_error (n, H): expected sum of absolute
    errors of the total over sales (WAPE), NaN likewise. short_history (n,): fewer than 14 observed days.
    explanation: {term: (n, H)} of units that add up to ``mean``: level, trend, weekday and, where the panel has
    them, event, promotion and price; "champion" what LightGBM adds where it competes; "stock_out" is what days out of
    stock had hidden of the level, there where the panel says when stock was short.
    """

    ids: tuple[str, ...]
    start: date
    levels: tuple[float, ...]
    calibration: Calibration
    mean: F
    total_mean: F
    total: F
    model: NDArray[np.str_]
    pattern: NDArray[np.str_]
    coverage: F
    confidence_windows: NDArray[np.int64]
    expected_error: F
    short_history: NDArray[np.bool_]
    explanation: Mapping[str, F] = field(repr=False)
    _single: _Singles = field(repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def horizon(self) -> int:
        return int(self.mean.shape[1])

    @cached_property
    def daily(self) -> F:
        """(n, H, q) quantiles of each single day. Never add them up: the quantiles of sums are ``total``."""
        return self._single.quantiles(self.calibration.tails, self.levels_index)

    @property
    def levels_index(self) -> NDArray[np.intp]:
        return np.searchsorted(self.calibration.levels, self.levels)

    @cached_property
    def table(self) -> TotalDemandTable:
        """The same distributions for any whole number of days, as Inventory rebuilds them from the answer."""
        return TotalDemandTable(np.arange(1, self.horizon + 1), self.levels, self.total, self.total_mean)

    def cdf(self, x: ArrayLike, days: ArrayLike) -> F:
        """(n,) probability that the first ``days`` days ask for at most ``x`` units."""
        return self.table.cdf(x, days)

    def quantile(self, level: ArrayLike, days: ArrayLike) -> F:
        """(n,) smallest amount that suffices for ``days`` days with probability ``level``."""
        return self.table.quantile(level, days)

    def expected_shortage(self, x: ArrayLike, days: ArrayLike) -> F:
        """(n,) expected units asked for beyond ``x`` in the first ``days`` days."""
        return self.table.expected_shortage(x, days)

    def confidence(self, level: float, days: int) -> F:
        """(n,) ``coverage`` at ``days`` and any level: linear between stored levels, the nearest one beyond them."""
        if not 0.0 < level < 1.0:
            raise ValueError(f"level: {level} is not between 0 and 1")
        if not 1 <= days <= self.horizon:
            raise ValueError(f"days: {days} is not between 1 and {self.horizon}")
        at = float(np.interp(level, self.levels, np.arange(len(self.levels))))
        lower = int(at)
        upper = min(lower + 1, len(self.levels) - 1)
        measured = self.coverage[:, days - 1]
        return np.asarray(measured[:, lower] + (at - lower) * (measured[:, upper] - measured[:, lower]))


@dataclass(frozen=True, eq=False)
class _Singles:
    """What single days' quantiles need, kept so that they are computed only when asked for."""

    mean: F
    spread: F
    unit: F
    whole: NDArray[np.bool_]

    def quantiles(self, tails: Tails, chosen: NDArray[np.intp]) -> F:
        out = tails.quantiles(self.mean.T, self.spread.T, np.ones(self.mean.shape[1])).transpose(1, 0, 2)[..., chosen]
        out = np.maximum.accumulate(np.maximum(out, 0.0), axis=-1)
        out *= (self.mean > 0)[..., None]
        return round_whole(out.transpose(1, 0, 2), self.whole).transpose(1, 0, 2) * self.unit[:, None, None]


def forecast(
    panel: Panel,
    horizon: int = 30,
    levels: Sequence[float] = LEVELS,
    calibration: Calibration | None = None,
    calendar: Mapping[str, ArrayLike] | None = None,
    future_price: ArrayLike | None = None,
    future_promo: ArrayLike | None = None,
    seed: int = 0,
) -> Forecast:
    """Demand after the panel's last day, by a calibration of the run or (None) of this very panel.

    ``horizon`` may exceed the calibration's. ``levels`` must be among the calibration's. ``calendar``
    ({event: (T + horizon,)}) names the events of past and coming days, ``future_price`` and ``future_promo``
    ((n, horizon)) what is planned: without them the last price stays and no promotion comes. An event that the
    calibration never saw has no effect. Raises ``ValueError`` that names the field.
    """
    horizon, asked = check_horizon(horizon), check_levels(levels)
    if calibration is None:
        calibration = calibrate(panel, horizon, asked, calendar, seed)
    missing = [level for level in asked if level not in calibration.levels]
    if missing:
        raise ValueError(f"levels: {missing} are not among the calibration's {calibration.levels}")
    plans = check_plans(panel, horizon, calendar, future_price, future_promo)
    parts = []
    for i in range(0, max(len(panel), 1), SHARD_ROWS):
        rows = slice(i, i + SHARD_ROWS)
        parts.append(_shard(panel.rows(rows) if len(panel) > SHARD_ROWS else panel, plans.rows(rows), calibration))
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _answer(panel, asked, calibration, joined)


def _answer(
    panel: Panel,
    levels: tuple[float, ...],
    calibration: Calibration,
    joined: dict[str, NDArray[Any]],
) -> Forecast:
    chosen = np.searchsorted(calibration.levels, levels)
    return Forecast(
        ids=tuple(panel.ids),
        start=panel.end,
        levels=levels,
        calibration=calibration,
        mean=joined["mean"],
        total_mean=joined["total_mean"],
        total=joined["total"][..., chosen],
        model=joined["model"],
        pattern=joined["pattern"],
        coverage=joined["coverage"][..., chosen],
        confidence_windows=joined["windows"],
        expected_error=joined["error"],
        short_history=joined["short"],
        explanation={name: joined[name] for name in TERMS if name in joined},
        _single=_Singles(joined["single_mean"], joined["single_spread"], joined["unit"], panel.whole),
    )


def _shard(panel: Panel, plans: Plans, calibration: Calibration) -> dict[str, NDArray[Any]]:
    history, horizon = lay_out(panel), plans.horizon
    shape = np.roll(calibration.weekday, -history.first_weekday)
    drivers, found = drivers_of(panel, history, plans), None
    if drivers:
        history, found = influenced(history, shape, drivers, calibration.influences, panel.groups)
    weekday = weekday_shape(history, shape)
    mean_rate = group_prior(panel, calibration.rate_mean, calibration.group_rates)
    prior = Prior(mean_rate, calibration.rate_shape, calibration.rate_clumping)
    rate, seen = rates(history, weekday, prior)
    lengths = calibration.days.astype(np.intp)
    windows = roll(history, weekday, rate, seen, lengths, calibration.merit)
    level = windows.level[-1]
    open_days = _open_days(panel, horizon)
    by_weekday = weekday[np.arange(horizon) % WEEK] * open_days
    ahead = by_weekday if found is None else by_weekday * found.together[-horizon:]
    total, single_spread = _totals(windows, ahead, seen[-1], prior.certainty, calibration.tails)
    baseline = level * open_days * history.unit
    mean = level * ahead * history.unit * calibration.drift
    terms = _terms(baseline, level * by_weekday * history.unit, mean, calibration.drift, found)
    if panel.in_stock is not None:
        share = recovered_share(history.sold, history.offered, history.sales, history.exposure)
        terms |= {"level": baseline * (1.0 - share), "stock_out": baseline * share}
    if calibration.champion is not None:
        known = signals(history, rate, windows, panel.end)[:, -1]
        total, blended = _with_champion(calibration, total, mean / history.unit, known, level, ahead)
        blended *= history.unit
        mean, terms["champion"] = blended, blended - mean
    pattern = classify(panel)
    coverage, number, error = _confidence(windows, seen, prior.certainty, panel.whole, pattern, calibration, horizon)
    return {
        "mean": mean.T,
        "total_mean": np.cumsum(mean, axis=0).T,
        "total": (round_whole(total, panel.whole) * history.unit[:, None]).transpose(1, 0, 2),
        "single_mean": (level * ahead).T,
        "single_spread": single_spread.T,
        "unit": history.unit,
        "short": history.observed < SHORT_HISTORY_DAYS,
        "model": _names(windows.weights[:, -1], history.observed, calibration.champion),
        "pattern": np.array(PATTERNS)[pattern],
        "coverage": coverage,
        "windows": number,
        "error": error,
    } | {name: term.T for name, term in terms.items()}


def _totals(windows: Windows, ahead: F, seen: F, certainty: F, tails: Tails) -> tuple[F, F]:
    """Quantiles (H, n, q) of totals in units of a product, not rounded, and the spread (H, n) of single days.

    ahead: (H, n) normal days that each coming day is worth.
    """
    level, dispersion = windows.level[-1], own_dispersion(windows, tails)[-1]
    base, slope = (part[-1] for part in windows.state.log_variance(tails.effects))
    days = np.arange(1.0, len(ahead) + 1)
    own = dispersion * widening(base, slope, days[:, None], float(tails.days[-1]))
    running = np.cumsum(ahead, axis=0)
    expected = level * running
    wide = spread(expected, running, level, seen, own, tails, certainty)
    total = _rising(tails.quantiles(expected, wide, days), expected)
    return total, spread(level * ahead, ahead, level, seen, own[0], tails, certainty)


def _with_champion(calibration: Calibration, total: F, mean: F, known: F, level: F, ahead: F) -> tuple[F, F]:
    """Quantiles of totals (H, n, q) and means of days (H, n), in units of a product, with the champion's share."""
    assert calibration.champion is not None
    running = np.cumsum(ahead, axis=0)
    total, mean = calibration.champion.blend(total, mean, calibration.levels, known, level, running)
    return _rising(total, level * running), mean


def _rising(total: F, expected: F) -> F:
    """Quantiles (H, n, q) that fall neither with days nor with the level, and are 0 where nothing is expected."""
    bounded = np.maximum(total, 0.0) * (expected > 0)[..., None]
    return np.asarray(np.maximum.accumulate(np.maximum.accumulate(bounded, axis=0), axis=2))


def _terms(baseline: F, by_weekday: F, mean: F, drift: float, found: Factors | None) -> dict[str, F]:
    """Addends (H, n) of the mean: each is what the factors up to its own add, the last what is left."""
    horizon = len(mean)
    reached = {"level": baseline, "trend": baseline * drift, "weekday": by_weekday * drift}
    if found is not None:
        reached["event"] = reached["weekday"] * found.event[-horizon:]
        reached["promotion"] = reached["event"] * found.promotion[-horizon:]
        reached["price"] = mean
    names = list(reached)
    return {name: reached[name] - (reached[names[i - 1]] if i else 0.0) for i, name in enumerate(names)}


def _open_days(panel: Panel, horizon: int) -> F:
    """(H, n) 1 while a product is sold, 0 from its end of life on."""
    out = np.ones((horizon, len(panel)))
    for i, end in enumerate(panel.end_of_life or ()):
        if end is not None:
            out[max(0, (end - panel.end).days) :, i] = 0.0
    return out


def _names(weights: F, observed: F, champion: Champion | None) -> NDArray[np.str_]:
    """Name of the memory with the largest weight; a history under two weeks is mostly the panel's prior."""
    more = "+lightgbm" if champion is not None and any(champion.shares) else ""
    names = np.array([f"smoothing-{life:.0f}d{more}" for life in HALF_LIVES])[np.argmax(weights, axis=0)]
    return np.where(observed < SHORT_HISTORY_DAYS, "panel-prior", names)


def _confidence(
    windows: Windows,
    seen: F,
    certainty: F,
    whole: NDArray[np.bool_],
    pattern: NDArray[np.intp],
    calibration: Calibration,
    horizon: int,
) -> tuple[F, NDArray[np.int64], F]:
    """Coverage (n, H, q), own windows (n, H) and relative error (n, H) from windows later than the early tails."""
    split = int(windows.origins[-1]) + 1 - calibration.split_weeks if len(windows.origins) else 0
    hits, number, error = window_hits(windows, seen, certainty, whole, calibration.early_tails, split)
    panel_hits, panel_windows = calibration.class_hits.sum(axis=0), calibration.class_windows.sum(axis=0)
    panel_share = panel_hits / np.maximum(panel_windows, 1.0)[:, None]
    class_windows = calibration.class_windows
    class_share = (calibration.class_hits + OWN_WINDOWS * panel_share) / (class_windows + OWN_WINDOWS)[..., None]
    share = (hits + OWN_WINDOWS * class_share[pattern].transpose(1, 0, 2)) / (number + OWN_WINDOWS)[..., None]
    wape = _relative_error(error, number, pattern, calibration)
    few = panel_windows < MIN_WINDOWS
    share[few], wape[few] = np.nan, np.nan
    at = np.clip(np.searchsorted(calibration.days, np.arange(1, horizon + 1)), 0, len(calibration.days) - 1)
    return share[at].transpose(1, 0, 2), number[at].T.astype(np.int64), wape[at].T


def _relative_error(error: F, number: F, pattern: NDArray[np.intp], calibration: Calibration) -> F:
    """(G, n) sum of absolute errors over sales, shrunk to the class's and the class's to the panel's."""
    panel = calibration.class_error.sum(axis=0)
    panel_ratio = np.divide(panel[:, 0], panel[:, 1], out=np.full(len(panel), np.nan), where=panel[:, 1] > 0)
    rows = calibration.class_windows
    sales = np.divide(calibration.class_error[..., 1], rows, out=np.zeros_like(rows), where=rows > 0)
    prior = OWN_WINDOWS * sales
    top = calibration.class_error[..., 0] + prior * panel_ratio
    bottom = calibration.class_error[..., 1] + prior
    ratio = np.divide(top, bottom, out=np.broadcast_to(panel_ratio, top.shape).copy(), where=bottom > 0)[pattern].T
    own_sales = np.divide(error[..., 1], number, out=np.zeros_like(number), where=number > 0)
    weight = OWN_WINDOWS * own_sales
    below = error[..., 1] + weight
    own = np.divide(error[..., 0] + weight * ratio, below, out=ratio.copy(), where=below > 0)
    return np.asarray(own)
