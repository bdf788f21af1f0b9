"""``backtest``: forecast from past days with what was known then, and compare totals with what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.planning.demand.calibration import LEVELS
from shelfwise.planning.demand.forecaster import forecast
from shelfwise.planning.demand.panel import Panel, check_horizon
from shelfwise.planning.demand.patterns import PATTERNS

F = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Score:
    """Totals of the first ``days`` (G,) days over all windows of one product, class or panel.

    windows (G,). bias, wape (G,): sum of errors, of absolute errors, over sales. naive_wape (G,): the same of the
    last seven days repeated; skill = 1 - wape / naive_wape. pinball (G, q): mean loss in units. within, below (G, q):
    share of totals at most, and less than, the quantile. NaN where there was no window or no sale.
    """

    days: tuple[int, ...]
    levels: tuple[float, ...]
    windows: NDArray[np.int64]
    bias: F
    wape: F
    naive_wape: F
    pinball: F
    within: F
    below: F

    @property
    def skill(self) -> F:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1.0 - self.wape / self.naive_wape)


@dataclass(frozen=True, eq=False)
class Backtest:
    """products: by id. classes: by demand pattern at the last origin. panel: everything. origins: days known."""

    origins: tuple[int, ...]
    products: Mapping[str, Score]
    classes: Mapping[str, Score]
    panel: Score


def backtest(
    panel: Panel,
    horizon: int = 30,
    origins: int | Sequence[int] = 3,
    levels: Sequence[float] = LEVELS,
    days: Sequence[int] = (7, 14, 28),
    seed: int = 0,
    calendar: Mapping[str, ArrayLike] | None = None,
) -> Backtest:
    """Score forecasts made after each of ``origins`` (numbers of days known) on the totals of the next ``days``.

    A number of origins means so many, ``horizon`` days apart, the last one ``horizon`` days before the panel's end.
    Each origin is calibrated on what precedes it; ``calendar`` ({event: (T,)}) and the panel's own promotions and
    prices after an origin are told as planned, where one is missing as no promotion and the last price. Windows with
    a missing day are not scored. Raises ``ValueError`` that names the field.
    """
    horizon = check_horizon(horizon)
    chosen = _origins(panel, horizon, origins)
    lengths = tuple(sorted({int(k) for k in days if 1 <= k <= horizon} | {horizon}))
    sums = np.zeros((len(panel), len(lengths), 4 + 3 * len(levels) + 1))
    pattern = np.array([], dtype=np.str_)
    for origin in chosen:
        known = None if calendar is None else {name: np.asarray(f)[: origin + horizon] for name, f in calendar.items()}
        price, promo = _plans(panel, origin, horizon)
        answer = forecast(panel.until(origin), horizon, levels, None, known, price, promo, seed)
        sums += _window_sums(panel, origin, lengths, answer.total_mean, answer.total, np.asarray(answer.levels))
        pattern = answer.pattern
    asked = tuple(float(level) for level in levels)
    return Backtest(
        origins=chosen,
        products={name: _score(sums[i], lengths, asked) for i, name in enumerate(panel.ids)},
        classes={p: _score(sums[pattern == p].sum(axis=0), lengths, asked) for p in PATTERNS if (pattern == p).any()},
        panel=_score(sums.sum(axis=0), lengths, asked),
    )


def _origins(panel: Panel, horizon: int, origins: int | Sequence[int]) -> tuple[int, ...]:
    last = panel.days - horizon
    chosen = tuple(last - horizon * i for i in reversed(range(origins))) if isinstance(origins, int) else tuple(origins)
    if not chosen or min(chosen) < 1 or max(chosen) > last:
        raise ValueError(
            f"origins: {chosen} of {panel.days} days leave no history or less than {horizon} days to score"
        )
    return chosen


def _plans(panel: Panel, origin: int, horizon: int) -> tuple[F | None, F | None]:
    """Prices and promotions of the days after an origin; where one is missing, the last price and no promotion."""
    price = promo = None
    if panel.promo is not None:
        promo = np.nan_to_num(panel.promo[:, origin : origin + horizon].astype(np.float64))
    if panel.price is not None:
        known = np.isfinite(panel.price[:, : origin + horizon])
        last = np.maximum.accumulate(np.where(known, np.arange(origin + horizon), 0), axis=1)[:, origin:]
        price = np.nan_to_num(np.take_along_axis(panel.price, last, axis=1).astype(np.float64))
    return price, promo


def _window_sums(panel: Panel, origin: int, lengths: tuple[int, ...], mean: F, total: F, levels: F) -> F:
    """(n, G, 5 + 3 q): windows, sales, error, |error|, |naive error|, then pinball, within and below by level."""
    actual = panel.values[:, origin : origin + max(lengths)].astype(np.float64)
    week = np.nan_to_num(panel.values[:, max(0, origin - 7) : origin].astype(np.float64))
    at = np.array(lengths) - 1
    sold = np.cumsum(actual, axis=1)[:, at]
    naive = np.cumsum(np.tile(week, (1, -(-max(lengths) // week.shape[1]))), axis=1)[:, at]
    error = mean[:, at] - sold
    gap = sold[..., None] - total[:, at]
    parts = np.stack([np.ones_like(sold), sold, error, np.abs(error), np.abs(naive - sold)], axis=-1)
    loss = np.maximum(levels * gap, (levels - 1.0) * gap)
    rows = np.concatenate([parts, loss, gap <= 1e-9, gap < -1e-9], axis=-1)
    return np.asarray(np.where(np.isnan(sold)[..., None], 0.0, rows))


def _score(sums: F, lengths: tuple[int, ...], levels: tuple[float, ...]) -> Score:
    count, sold = sums[:, 0], sums[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        by_window, by_sales = sums[:, 5:] / count[:, None], sums[:, 2:5] / sold[:, None]
    by_sales[~np.isfinite(by_sales)] = np.nan
    q = len(levels)
    return Score(
        days=lengths,
        levels=levels,
        windows=count.astype(np.int64),
        bias=by_sales[:, 0],
        wape=by_sales[:, 1],
        naive_wape=by_sales[:, 2],
        pinball=by_window[:, :q],
        within=by_window[:, q : 2 * q],
        below=by_window[:, 2 * q :],
    )
