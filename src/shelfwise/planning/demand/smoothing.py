"""Rates of sale by exposure-weighted exponential smoothing with several memories, at every week's end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.history import WEEK, History

F = NDArray[np.float64]
HALF_LIVES = (6.0, 12.0, 25.0, 50.0, 100.0, 250.0)


@dataclass(frozen=True)
class Prior:
    """Gamma prior of a product's daily rate, in its units: mean and shape (1 / squared variation of rates).

    mean: (n,). A series of ``D`` exposed days with ``N`` units has posterior rate (N + shape) / (D + shape / mean).
    """

    mean: F
    shape: float


def rates(history: History, weekday: F, prior: Prior) -> tuple[F, F]:
    """Rate per normal day (K, weeks, n) at the end of each week for each memory, and the observed days (weeks, n).

    Brown's simple exponential smoothing with exposure as denominator: sum of decayed sales / sum of decayed
    exposure, which needs no starting value. The longest memory is shrunk to the prior; each shorter one falls back
    on the next longer where it has seen nothing.
    """
    exposure = history.exposure * weekday[None]
    seen = np.cumsum(_over_days(history.exposure, 1.0), axis=0)
    out = np.empty((len(HALF_LIVES), history.weeks, history.count))
    for k in range(len(HALF_LIVES) - 1, -1, -1):
        decay = 0.5 ** (1.0 / HALF_LIVES[k])
        sold = _recurse(_over_days(history.sales, decay), decay)
        exposed = _recurse(_over_days(exposure, decay), decay)
        if k == len(HALF_LIVES) - 1:
            out[k] = (sold + prior.shape) / (exposed + prior.shape / prior.mean)
        else:
            # One pseudo-day of the next longer memory: a rate exists from the first day on, and never 0 / 0.
            out[k] = (sold + out[k + 1]) / (exposed + 1.0)
    return out, seen


def _over_days(array: F, decay: float) -> F:
    total = array[:, 0].copy()
    for day in range(1, WEEK):
        total *= decay
        total += array[:, day]
    return total


def _recurse(weekly: F, decay: float) -> F:
    carry = decay**WEEK
    out = weekly
    for week in range(1, len(out)):
        out[week] += carry * out[week - 1]
    return out
