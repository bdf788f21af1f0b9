"""Rates of sale by exposure-weighted exponential smoothing with several memories, at every week's end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.history import WEEK, History

F = NDArray[np.float64]
SETTLED_DAYS = 56.0  # of history, after which a product no longer counts as new
HALF_LIVES = (6.0, 12.0, 25.0, 50.0, 100.0, 250.0)


@dataclass(frozen=True)
class Prior:
    """Gamma prior of a product's daily rate, in its units: mean and shape (1 / squared variation of rates).

    mean: (n,). A series of ``D`` exposed days with ``N`` units has posterior rate (N + shape) / (D + shape / mean).
    clumping: a day's usual variance over its mean, by which the prior of a first day is stronger. It fades over
    ``SETTLED_DAYS``: the panel's clumps are not those of a slow product, which has then shown its own.
    """

    mean: F
    shape: float
    clumping: float = 1.0

    def strength(self, seen: F) -> F:
        """Shape of the prior after ``seen`` observed days."""
        return self.shape * (1.0 + (self.clumping - 1.0) * np.maximum(1.0 - seen / SETTLED_DAYS, 0.0))

    @property
    def certainty(self) -> F:
        """(n,) days that the prior of a new product is worth."""
        return np.asarray(self.shape * self.clumping / self.mean)


def rates(history: History, weekday: F, prior: Prior) -> tuple[F, F]:
    """Rate per normal day (K, weeks, n) at the end of each week for each memory, and the observed days (weeks, n).

    Brown's simple exponential smoothing with exposure as denominator: sum of decayed sales / sum of decayed
    exposure, which needs no starting value. The longest memory is shrunk to the prior; each shorter one falls back
    on the next longer where it has seen nothing.
    """
    exposure = history.demand_exposure * weekday[None]
    seen = np.cumsum(_over_days(history.exposure, 1.0), axis=0)
    out = np.empty((2, len(HALF_LIVES), history.weeks, history.count))
    for k, life in enumerate(HALF_LIVES):
        out[0, k] = _over_days(history.sales, 0.5 ** (1.0 / life))
        out[1, k] = _over_days(exposure, 0.5 ** (1.0 / life))
    carry = np.array([0.5 ** (WEEK / life) for life in HALF_LIVES])[:, None]
    for week in range(1, history.weeks):
        out[:, :, week] += carry * out[:, :, week - 1]
    sold, exposed = out
    rate = sold
    strength = prior.strength(seen)
    rate[-1] = (sold[-1] + strength) / (exposed[-1] + strength / prior.mean)
    for k in range(len(HALF_LIVES) - 2, -1, -1):
        # One pseudo-day of the next longer memory: a rate exists from the first day on, and never 0 / 0.
        rate[k] = (sold[k] + rate[k + 1]) / (exposed[k] + 1.0)
    return rate, seen


def _over_days(array: F, decay: float) -> F:
    total = array[:, 0].copy()
    for day in range(1, WEEK):
        total *= decay
        total += array[:, day]
    return total
