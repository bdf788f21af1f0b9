"""Whether sales rise or fall: a test for display, never for a decision."""

from __future__ import annotations

from math import erfc, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

F = NDArray[np.float64]
Trend = Literal["increasing", "decreasing", "stable", "unknown"]
MIN_DAYS = 14
MIN_SELLING_DAYS = 8
MIN_CHANGE = 0.10
FULL_SHARE = 0.95
WEEKDAY_PRIOR_DAYS = 8.0
MAX_LAG = 10


def sales_trend(
    values: ArrayLike,
    in_stock: ArrayLike | None = None,
    open: ArrayLike | None = None,  # noqa: A002 - the word of the panel's field
    alpha: float = 0.05,
) -> Trend:
    """Direction of one product's (T,) daily sales over a period, NaN being missing.

    Only open days with stock all day count (``in_stock`` (T,) share, NaN unknown and counted; ``open`` (T,) truth
    values); fewer than 14 of them, or 8 with a sale, is "unknown". Sales are divided by weekday factors. A direction
    needs the Mann-Kendall test, its variance corrected for autocorrelation, to reject at ``alpha``, and the fitted
    line to change by 10 % of its mean over the period. Hamed and Rao (1998), A modified Mann-Kendall trend test for
    autocorrelated data, Journal of Hydrology 204, 182-196. Raises ``ValueError`` naming the argument.
    """
    sales = np.asarray(values, np.float64)
    if sales.ndim != 1:
        raise ValueError(f"values: shape {sales.shape}, expected (days,)")
    if np.any(sales < 0) or np.any(np.isinf(sales)):
        raise ValueError("values: negative or infinite")
    use = ~np.isnan(sales)
    if in_stock is not None:
        share = np.asarray(in_stock, np.float64)
        use &= _same("in_stock", share, sales) & (np.isnan(share) | (share >= FULL_SHARE))
    if open is not None:
        use &= _same("open", np.asarray(open), sales) & np.asarray(open, bool)
    days = np.flatnonzero(use)
    if len(days) < MIN_DAYS or np.count_nonzero(sales[days]) < MIN_SELLING_DAYS:
        return "unknown"
    adjusted = _without_weekdays(sales[days], days)
    time = days - days.mean()
    slope = float((time * adjusted).sum() / (time * time).sum())
    change = slope * float(days[-1] - days[0])
    score = _mann_kendall(adjusted, adjusted - slope * time)
    if abs(change) < MIN_CHANGE * float(adjusted.mean()) or erfc(abs(score) / sqrt(2.0)) >= alpha:
        return "stable"
    if score > 0 and slope > 0:
        return "increasing"
    return "decreasing" if score < 0 and slope < 0 else "stable"


def sales_trends(
    values: ArrayLike,
    in_stock: ArrayLike | None = None,
    open: ArrayLike | None = None,  # noqa: A002 - the word of the panel's field
    alpha: float = 0.05,
) -> list[Trend]:
    """``sales_trend`` of each row of (n, T) values; ``in_stock`` (n, T), ``open`` (T,) or (n, T)."""
    matrix = np.asarray(values, np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"values: shape {matrix.shape}, expected (products, days)")
    shares = None if in_stock is None else np.broadcast_to(np.asarray(in_stock, np.float64), matrix.shape)
    flags = None if open is None else np.broadcast_to(np.asarray(open, bool), matrix.shape)
    return [
        sales_trend(row, None if shares is None else shares[i], None if flags is None else flags[i], alpha)
        for i, row in enumerate(matrix)
    ]


def _same(name: str, array: NDArray[np.generic], sales: F) -> bool:
    if array.shape != sales.shape:
        raise ValueError(f"{name}: shape {array.shape}, expected {sales.shape}")
    return True


def _without_weekdays(sales: F, days: NDArray[np.intp]) -> F:
    """Sales over their weekday's factor, which is shrunk to 1 by ``WEEKDAY_PRIOR_DAYS`` average days."""
    mean = sales.mean()
    sums = np.bincount(days % 7, sales, minlength=7)
    counts = np.bincount(days % 7, minlength=7)
    factor = (sums + WEEKDAY_PRIOR_DAYS * mean) / ((counts + WEEKDAY_PRIOR_DAYS) * mean)
    return np.asarray(sales / factor[days % 7])


def _mann_kendall(series: F, residuals: F) -> float:
    """Standard score of Kendall's S with ties and autocorrelation in its variance."""
    count = len(series)
    score = float(sum(np.sign(series[i + 1 :] - series[i]).sum() for i in range(count - 1)))
    _, ties = np.unique(series, return_counts=True)
    variance = (count * (count - 1) * (2 * count + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18.0
    # What the weekday factors took from the data, in days, as a regression would count them.
    fitted = 6.0 * count / (count + 7.0 * WEEKDAY_PRIOR_DAYS)
    variance *= _effective_ratio(residuals) * count / (count - fitted)
    if score == 0.0 or variance <= 0.0:
        return 0.0
    return (score - (1.0 if score > 0 else -1.0)) / sqrt(variance)


def _effective_ratio(residuals: F) -> float:
    """Ratio n / n* of Hamed and Rao (equation 11), over significant rank autocorrelations of the detrended series.

    Never below 1: a negative autocorrelation found by chance must not make a test more eager.
    """
    count = len(residuals)
    ranks = np.argsort(np.argsort(residuals, kind="stable"), kind="stable").astype(np.float64)
    ranks -= ranks.mean()
    power = float((ranks * ranks).sum())
    total = 0.0
    for lag in range(1, min(MAX_LAG, count // 4) + 1):
        rho = float((ranks[lag:] * ranks[:-lag]).sum()) / power
        if abs(rho) > 1.96 / sqrt(count):
            total += (count - lag) * (count - lag - 1) * (count - lag - 2) * rho
    return max(1.0, 1.0 + 2.0 * total / (count * (count - 1) * (count - 2)))
