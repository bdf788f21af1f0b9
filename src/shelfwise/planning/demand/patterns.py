"""Demand patterns of Syntetos, Boylan and Croston (2005), J. Operational Research Society 56, 495-503."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.panel import Panel

PATTERNS = ("smooth", "erratic", "intermittent", "lumpy", "no_sales")
MAX_INTERVAL = 1.32  # mean days between selling days
MAX_SIZE_VARIATION = 0.49  # squared coefficient of variation of the non-zero days


def classify(panel: Panel) -> NDArray[np.intp]:
    """(n,) index into ``PATTERNS`` from daily sales of the last 364 days."""
    values = panel.values[:, -364:].astype(np.float64)
    known = ~np.isnan(values)
    sold = np.where(known, values, 0.0)
    positive = sold > 0
    days, count = known.sum(axis=1), positive.sum(axis=1)
    safe = np.maximum(count, 1)
    mean = sold.sum(axis=1) / safe
    variance = (np.where(positive, sold - mean[:, None], 0.0) ** 2).sum(axis=1) / safe
    often = days <= MAX_INTERVAL * count
    steady = variance <= MAX_SIZE_VARIATION * mean * mean
    kind = np.where(often, np.where(steady, 0, 1), np.where(steady, 2, 3))
    return np.where(count == 0, 4, kind).astype(np.intp)
