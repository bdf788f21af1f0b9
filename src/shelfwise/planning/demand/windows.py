"""The rolling backtest: at each week's end, what was forecast for the next days and what was sold.

Every quantity at a week's end uses only what was known then: rates, the weights of the memories and a product's own
dispersion are running sums over windows that had closed. The weekday factors alone come from the whole history.

Days out of stock make a window's exposure small, but never keep it out: a window empties because its demand is high,
and counting the others alone would call for less (optional stopping: errors average zero over all windows only).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.conditions import State, state
from shelfwise.planning.demand.history import SHORT_HISTORY_DAYS, WEEK, History
from shelfwise.planning.demand.smoothing import HALF_LIVES

F = NDArray[np.float64]
SCORED_DAYS = 14  # memories are judged by sums of two weeks: what an order covers, not single days
SCORED_WEEKS = SCORED_DAYS // WEEK
WEIGHT_PRIOR_WINDOWS = 5.0
WEIGHT_POWER = 5.0
MAX_ORIGINS = 104
WARM_UP_WEEKS = 4
ONE_MEMORY_DAYS = 28.0
USABLE_SHARE = 0.7  # a window counts when the product was on offer for this share of its normal exposure


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of several lengths from the same origins.

    origins: (B,) week index after which the window opens. days: (G,). actual, exposure: (G, B, n) units sold and
    normal days observed in the window. usable: (G, B, n). weights: (K, B + 1, n) of the memories at each origin,
    the last for the forecast itself. level: (B + 1, n) weighted rate. state: what recent sales say at each origin.
    """

    origins: NDArray[np.intp]
    days: NDArray[np.intp]
    actual: F
    exposure: F
    usable: NDArray[np.bool_]
    weights: F
    level: F
    state: State


def roll(
    history: History, weekday: F, rate: F, seen: F, days: NDArray[np.intp], merit: F, max_origins: int = MAX_ORIGINS
) -> Windows:
    """Windows of ``days`` from the last ``max_origins`` week ends; ``merit`` (K,) is the panel's error by memory."""
    last = history.weeks - 1
    origins = np.arange(max(0, last - max_origins), last, dtype=np.intp)
    sold, exposed, offered, normal = _running(history, weekday)
    begin = (origins + 1) * WEEK
    enough = seen[origins] >= SHORT_HISTORY_DAYS
    length = days[:, None]
    inside = begin + length <= history.weeks * WEEK
    finish = np.minimum(begin + length, history.weeks * WEEK)
    actual = sold[finish] - sold[begin]
    exposure = exposed[finish] - exposed[begin]
    full = normal[finish] - normal[begin]
    on_offer = offered[finish] - offered[begin] >= USABLE_SHARE * full
    usable = inside[..., None] & enough & on_offer & (exposure > 0)
    square, known = _closed_errors(rate, sold, exposed, offered, normal)
    # With one memory there is nothing to weigh.
    known &= seen[: len(known)] >= ONE_MEMORY_DAYS
    weights = _weights(square, known, np.append(origins, last), merit)
    at = np.append(origins, last)
    # A short history has but one memory: the longest, which alone is shrunk to the prior.
    weights *= np.minimum(seen[at] / ONE_MEMORY_DAYS, 1.0)
    weights[-1] += np.maximum(1.0 - seen[at] / ONE_MEMORY_DAYS, 0.0)
    level = np.zeros((len(origins) + 1, history.count))
    for k in range(len(HALF_LIVES)):
        level += weights[k] * rate[k, at]
    signs = state(history, exposed, rate, level, origins)
    return Windows(origins, days, actual, exposure, usable, weights, level, signs)


def memory_errors(history: History, weekday: F, rate: F, seen: F) -> F:
    """(K,) the panel's mean squared error of two-week sums by memory, each product's errors divided by their mean."""
    sold, exposed, offered, normal = _running(history, weekday)
    square, known = _closed_errors(rate, sold, exposed, offered, normal)
    known &= seen[: len(known)] >= ONE_MEMORY_DAYS
    total = (square * known).sum(axis=1)
    mean = total.mean(axis=0)
    count = known.sum(axis=0)
    ratio = np.divide(total, mean, out=np.ones_like(total), where=mean > 0)
    weight = np.minimum(count, 52)
    if weight.sum() == 0:
        return np.ones(len(HALF_LIVES))
    return np.asarray((ratio * weight).sum(axis=1) / weight.sum())


def _running(history: History, weekday: F) -> tuple[F, F, F, F]:
    def running(array: F) -> F:
        flat = array.reshape(history.weeks * WEEK, history.count)
        out = np.zeros((len(flat) + 1, history.count))
        np.cumsum(flat, axis=0, out=out[1:])
        return out

    normal = np.broadcast_to(weekday[None], history.exposure.shape)
    if history.influence is not None:
        normal = normal * history.influence
    exposed = running(history.demand_exposure * weekday[None])
    offered = exposed if history.judged is history.exposure else running(history.judged * normal)
    return running(history.sales), exposed, offered, running(np.ascontiguousarray(normal))


def _closed_errors(rate: F, sold: F, exposed: F, offered: F, normal: F) -> tuple[F, NDArray[np.bool_]]:
    """Squared error (K, weeks - 2, n) of the two weeks after each week's end, and where they were observed."""
    weeks = rate.shape[1]
    begin = (np.arange(weeks - SCORED_WEEKS) + 1) * WEEK
    if len(begin) < 1:
        return np.zeros((rate.shape[0], 0, rate.shape[2])), np.zeros((0, rate.shape[2]), dtype=bool)
    actual = sold[begin + SCORED_DAYS] - sold[begin]
    exposure = exposed[begin + SCORED_DAYS] - exposed[begin]
    square = rate[:, : weeks - SCORED_WEEKS] * exposure
    square -= actual
    square *= square
    full = normal[begin + SCORED_DAYS] - normal[begin]
    on_offer = offered[begin + SCORED_DAYS] - offered[begin] >= USABLE_SHARE * full
    return square, on_offer & (exposure > 0)


def _weights(square: F, known: NDArray[np.bool_], origins: NDArray[np.intp], merit: F) -> F:
    """(K, B, n) weights by inverse power of error over windows closed by then, shrunk to the panel's merit."""
    square = square * known
    at = origins - SCORED_WEEKS + 1  # windows closed by the origin
    total = np.zeros((len(square), len(at), square.shape[2]))
    count = np.zeros((len(at), square.shape[2]))
    if square.shape[1]:
        np.cumsum(square, axis=1, out=square)
        running = np.cumsum(known, axis=0)
        some = at > 0
        total[:, some] = square[:, at[some] - 1]
        count[some] = running[at[some] - 1]
    mean = np.zeros_like(count)
    for k in range(len(total)):
        mean += total[k]
    mean /= len(total)
    ratio = np.divide(total, mean, out=np.ones_like(total), where=mean > 0)
    score = (ratio * count + WEIGHT_PRIOR_WINDOWS * merit[:, None, None]) / (count + WEIGHT_PRIOR_WINDOWS)
    weight = np.maximum(score, 1e-3) ** -WEIGHT_POWER
    norm = np.zeros_like(count)
    for k in range(len(weight)):
        norm += weight[k]
    return np.asarray(weight / norm)
