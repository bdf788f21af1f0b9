"""How far totals fall from their means: the panel's law by expected total, and each product's own share of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.calibration import Tails
from shelfwise.planning.demand.conditions import widening
from shelfwise.planning.demand.history import WEEK
from shelfwise.planning.demand.smoothing import SETTLED_DAYS
from shelfwise.planning.demand.windows import Windows

F = NDArray[np.float64]
OWN_LENGTHS = (7, 14, 28)  # windows from which a product's own dispersion is taken
OWN_PRIOR_WINDOWS = 40.0
OWN_CAP = 16.0  # one squared standardised error counts at most this much: one flood is no habit
CLUMPING = 3.0  # variance of daily demand over its mean, at least: a short history cannot say


def own_dispersion(windows: Windows, tails: Tails) -> F:
    """(B + 1, n) standard deviation of a product's totals over the panel's law and its state's widening.

    From windows closed by each origin, shrunk in variance: (sum of squared standardised errors + prior) / (windows +
    prior).
    """
    origins = len(windows.origins)
    total = np.zeros((origins + 1, windows.actual.shape[2]))
    count = np.zeros_like(total)
    base, slope = windows.state.log_variance(tails.effects)
    for g, length in enumerate(windows.days):
        if int(length) not in OWN_LENGTHS:
            continue
        mean = windows.level[:-1] * windows.exposure[g]
        wide = tails.scale(mean) * widening(base[:-1], slope[:-1], float(length), float(tails.days[-1]))
        square = ((windows.actual[g] - mean) / wide) ** 2
        lag = -(-int(length) // WEEK)
        closed = np.where(windows.usable[g], np.minimum(square, OWN_CAP), 0.0)
        if origins + 1 > lag:
            total[lag:] += np.cumsum(closed, axis=0)[: origins + 1 - lag]
            count[lag:] += np.cumsum(windows.usable[g], axis=0)[: origins + 1 - lag]
    share = 1.0 / len(OWN_LENGTHS)  # the lengths overlap: together they are about one window
    return np.asarray(np.sqrt((total * share + OWN_PRIOR_WINDOWS) / (count * share + OWN_PRIOR_WINDOWS)))


def spread(mean: F, exposure: F, level: F, seen: F, dispersion: F, tails: Tails, certainty: F) -> F:
    """Standard deviation of totals: the law times own dispersion, and the rate's uncertainty while history is short.

    The second term is the posterior variance of the rate, the variance of a day over (observed days + certainty),
    beyond what it is after ``SETTLED_DAYS``, times the squared length of the window. A day's variance is what the
    panel's law says of totals as small as a day's.
    """
    measured = tails.scale(mean) * dispersion
    unsettled = np.maximum(1.0 / (seen + certainty) - 1.0 / SETTLED_DAYS, 0.0)
    # The variance of days grows with their rate, so it is taken at the root mean square of the rates that may be.
    likely = np.sqrt(level * level + _day_variance(level, tails) * unsettled)
    return np.asarray(np.sqrt(measured * measured + exposure * exposure * (_day_variance(likely, tails) * unsettled)))


def _day_variance(rate: F, tails: Tails) -> F:
    return np.asarray(np.maximum(tails.scale(rate) ** 2, CLUMPING * rate))
