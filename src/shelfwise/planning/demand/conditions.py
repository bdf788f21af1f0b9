"""What a product's recent sales say about how far its next totals may fall from their mean.

A product that has not sold for long, or whose rate has just changed, is less certain than its expected total alone
says. Its state is a few signs at each week's end; the panel's backtest says what they are worth (``effects``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.history import WEEK, History

F = NDArray[np.float64]
COMPARED = (0, 2, 4, 5)  # memories whose rates are held against the level
SIGNS = 1 + 2 * len(COMPARED)
RATE_FLOOR = 1.0 / 56.0  # units a day: rates below one unit in eight weeks do not differ
MOST_LOG_RATIO = 2.5
REFERENCE_DAYS = 14.0
MOST_LOG_VARIANCE = 3.0


@dataclass(frozen=True, eq=False)
class State:
    """signs: (SIGNS, B + 1, n) at each origin of the windows, the last for the forecast itself; none is negative."""

    signs: F

    def log_variance(self, effects: F) -> tuple[F, F]:
        """Log variance ratio (B + 1, n) at ``REFERENCE_DAYS``, and its slope in log days, by effects (2, SIGNS)."""
        base, slope = np.zeros(self.signs.shape[1:]), np.zeros(self.signs.shape[1:])
        for c in np.flatnonzero(np.any(effects != 0.0, axis=0)):
            base += effects[0, c] * self.signs[c]
            slope += effects[1, c] * self.signs[c]
        return base, slope


def state(history: History, exposed: F, rate: F, level: F, origins: NDArray[np.intp]) -> State:
    """Units missed since the last sale, and how far short and long memories lie above and below the level.

    exposed: (days + 1, n) running normal days. rate: (K, weeks, n). level: (B + 1, n) at ``origins`` and the end.
    The first sign is log(1 + units that the longest memory expected since the last sale), the others log ratios.
    """
    at = np.append(origins, history.weeks - 1)
    flat = history.sales.reshape(history.weeks * WEEK, history.count)
    last = np.zeros_like(exposed)
    np.maximum.accumulate(np.where(flat > 0.0, exposed[1:], 0.0), axis=0, out=last[1:])
    end = (at + 1) * WEEK
    out = np.empty((SIGNS, len(at), history.count))
    out[0] = np.minimum(np.log1p((exposed[end] - last[end]) * rate[-1, at]), MOST_LOG_RATIO)
    base = np.log(level + RATE_FLOOR)
    for i, k in enumerate(COMPARED):
        ratio = np.log(rate[k, at] + RATE_FLOOR) - base
        out[2 * i + 1] = np.clip(ratio, 0.0, MOST_LOG_RATIO)
        out[2 * i + 2] = np.clip(-ratio, 0.0, MOST_LOG_RATIO)
    return State(out)


def widening(base: F, slope: F, days: F | float, longest: float) -> F:
    """Factor of the standard deviation of totals over ``days``, constant beyond the ``longest`` window measured."""
    steps = np.log(np.minimum(days, longest) / REFERENCE_DAYS)
    return np.asarray(np.exp(0.5 * np.clip(base + slope * steps, -MOST_LOG_VARIANCE, MOST_LOG_VARIANCE)))
