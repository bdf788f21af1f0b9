"""Metrics of the forecasting protocol; numpy only.

history (n, T): daily units up to the origin, NaN before a series was listed. actual (n, H): units after it.
weight (n,): revenue of the last 28 days of history. Each metric is a mean over series whose scale is defined.
"""

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.float64]
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.98)
LENGTHS = (7, 14, 28)


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


def score_points(history: F, actual: F, mean: F, weight: F) -> dict[str, float]:
    """RMSSE, RMSSE weighted by revenue, and relative bias of daily means."""
    square, _ = scales(history)
    usable = square > 1e-8
    share = np.where(usable, weight, 0.0)
    error = np.sqrt(np.mean((actual - mean) ** 2, axis=1) / square)
    return {
        "RMSSE": float(error[usable].mean()),
        "wRMSSE": float(np.nansum(error * share / share.sum())),
        "bias": float((mean.sum() - actual.sum()) / actual.sum()),
    }


def score_totals(history: F, actual: F, totals: dict[int, F], weight: F) -> dict[str, float]:
    """Scaled pinball loss of totals (LTspl, also weighted by revenue) and shares at most and below each quantile.

    ``LTspl_floored`` divides by a scale not below the panel's 10th percentile: one series with two sales must not
    decide a table.
    """
    square, absolute = scales(history)
    usable = square > 1e-8
    floored = np.maximum(absolute, np.quantile(absolute[usable], 0.1))
    share = np.where(usable, weight, 0.0) / weight[usable].sum()
    out: dict[str, float] = {}
    for days, quantiles in totals.items():
        sold = actual[:, :days].sum(axis=1)
        gap = sold[:, None] - quantiles
        loss = np.maximum(np.array(LEVELS) * gap, (np.array(LEVELS) - 1.0) * gap).mean(axis=1) / np.sqrt(days)
        out[f"LTspl{days}"] = float((loss / absolute)[usable].mean())
        out[f"LTspl{days}_floored"] = float((loss / floored)[usable].mean())
        out[f"LTspl{days}_revenue"] = float(np.nansum(loss / absolute * share))
        out |= {f"cov{days}@{t}": float((gap[:, j] <= 1e-9).mean()) for j, t in enumerate(LEVELS)}
        out |= {f"below{days}@{t}": float((gap[:, j] < -1e-9).mean()) for j, t in enumerate(LEVELS)}
    return out
