"""Metrics of the forecasting protocol; numpy only.

history (n, T): daily units up to the origin, NaN before a series was listed. actual (n, H): units after it.
weight (n,): revenue of the last 28 days of history. Each metric is a mean over series whose scale is defined.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.float64]
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.98)
LENGTHS = (7, 14, 28)


@dataclass(frozen=True, slots=True)
class Losses:
    """What one forecaster lost at one origin, by series: NaN where a series has no scale.

    rmsse (n,). pinball: LTspl (n,) by length. floored: the same over a scale of at least the 10th percentile of the
    series' class. error, sold (n,): sums of forecast - actual, and of actual.
    """

    rmsse: F
    pinball: dict[int, F]
    floored: dict[int, F]
    error: F
    sold: F


def scales(history: F) -> tuple[F, F]:
    """Mean squared and mean absolute one-day difference of each series from its first sale on."""
    square, absolute = np.full(len(history), np.nan), np.full(len(history), np.nan)
    for i, row in enumerate(history):
        known = row[~np.isnan(row)]
        selling = np.flatnonzero(known)
        steps = np.diff(known[selling[0] :]) if len(selling) else np.empty(0)
        if len(steps):
            square[i] = max(float(np.mean(steps * steps)), 1e-9)
            absolute[i] = max(float(np.mean(np.abs(steps))), 1e-9)
    return square, absolute


def losses(history: F, actual: F, mean: F, totals: dict[int, F], groups: NDArray[np.str_]) -> Losses:
    """Losses of daily means (n, H) and of totals' quantiles (n, q) at ``LEVELS`` by length; ``groups`` are classes."""
    square, absolute = scales(history)
    usable = square > 1e-8
    floor = np.zeros(len(history))
    for name in np.unique(groups):
        rows = groups == name
        floor[rows] = np.quantile(absolute[rows & usable], 0.1) if (rows & usable).any() else 0.0
    with np.errstate(invalid="ignore"):
        rmsse = np.where(usable, np.sqrt(np.mean((actual - mean) ** 2, axis=1) / square), np.nan)
    pinball, floored = {}, {}
    for days, quantiles in totals.items():
        gap = actual[:, :days].sum(axis=1)[:, None] - quantiles
        loss = np.maximum(np.array(LEVELS) * gap, (np.array(LEVELS) - 1.0) * gap).mean(axis=1) / np.sqrt(days)
        pinball[days] = np.where(usable, loss / np.where(usable, absolute, 1.0), np.nan)
        floored[days] = np.where(usable, loss / np.maximum(np.where(usable, absolute, 1.0), floor), np.nan)
    return Losses(rmsse, pinball, floored, (mean - actual).sum(axis=1), actual.sum(axis=1))


def figures(found: Losses, weight: F) -> dict[str, float]:
    """Means over series, and beside each the mean weighted by revenue."""
    share = np.where(np.isnan(found.rmsse), 0.0, weight)
    share = share / share.sum()

    def weighted(values: F) -> float:
        return float(np.nansum(values * share))

    out = {
        "RMSSE": float(np.nanmean(found.rmsse)),
        "wRMSSE": weighted(found.rmsse),
        "bias": float(found.error.sum() / found.sold.sum()),
    }
    for days in found.pinball:
        out[f"LTspl{days}"] = float(np.nanmean(found.pinball[days]))
        out[f"LTspl{days}_floored"] = float(np.nanmean(found.floored[days]))
        out[f"LTspl{days}_revenue"] = weighted(found.pinball[days])
    return out


def coverage(actual: F, totals: dict[int, F]) -> dict[str, tuple[float, float]]:
    """Shares of totals below, and at most, each quantile: ``{"28@0.95": (below, within)}``."""
    out = {}
    for days, quantiles in totals.items():
        gap = actual[:, :days].sum(axis=1)[:, None] - quantiles
        for j, level in enumerate(LEVELS):
            out[f"{days}@{level}"] = (float((gap[:, j] < -1e-9).mean()), float((gap[:, j] <= 1e-9).mean()))
    return out


def ratio_interval(ours: F, theirs: F, *, draws: int = 2000, seed: int = 0) -> tuple[float, float, float]:
    """Ratio of mean losses (n,), and its 95 % interval by a paired bootstrap over series."""
    known = ~(np.isnan(ours) | np.isnan(theirs))
    ours, theirs = ours[known], theirs[known]
    random, count = np.random.default_rng(seed), len(ours)
    ratios = np.empty(draws)
    for draw in range(draws):
        rows = random.integers(0, count, count)
        ratios[draw] = ours[rows].sum() / theirs[rows].sum()
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(ours.sum() / theirs.sum()), float(low), float(high)
