"""The distribution of total demand over the next k days, rebuilt from the numbers that a forecast publishes.

Sales answers with the quantiles of totals; Inventory builds the same table from that answer. Both therefore agree on
every probability, because every one is derived from the published numbers alone.
"""

from __future__ import annotations

from functools import cached_property, partial
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.planning.demand.calibration import LEVELS
from shelfwise.planning.demand.distribution import Nodes

F = NDArray[np.float64]
MAX_DAYS = 3650
KEPT = 32  # distributions that a table keeps for the next question about the same days


class TotalDemandTable:
    """Total demand of ``n`` products over any number of whole days.

    days: (K,) rising whole numbers. levels: (q,) rising, between 0 and 1. quantiles: (n, K, q) of the total of the
    first ``days`` days. means: (n, K) expected totals. Raises ``ValueError`` that names the argument.

    At stored days and levels it returns exactly the stored numbers. Between stored days mean and quantiles are
    linear in days; before the first, the mean scales with days and the deviation from it with their square root;
    beyond the last, the mean goes on at its last weekly pace and the deviation grows with the power of days that the
    stored quantiles show (between 1/2, independent days, and 1).
    """

    def __init__(self, days: ArrayLike, levels: ArrayLike, quantiles: ArrayLike, means: ArrayLike) -> None:
        self.days = np.asarray(days, dtype=np.int64)
        self.levels = np.asarray(levels, dtype=np.float64)
        self.quantiles = np.asarray(quantiles, dtype=np.float64)
        self.means = np.asarray(means, dtype=np.float64)
        self._check()
        self.whole = np.all(self.quantiles == np.floor(self.quantiles), axis=(1, 2))
        self._kept: dict[tuple[tuple[int, ...], bytes], Nodes] = {}

    @classmethod
    def from_summary(cls, mean_total: ArrayLike, level: float, quantile: ArrayLike, days: int) -> TotalDemandTable:
        """The table of a forecast that gave only a mean total and one quantile of it, over ``days`` days.

        Deviations are taken as normal with the standard deviation that the one quantile implies. Where it implies
        none (it lies on the wrong side of the mean, or ``level`` is .5) the Poisson's is taken around it. The given
        quantile is kept exactly.
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"level: {level} is not between 0 and 1")
        mean, given = np.atleast_1d(np.asarray(mean_total, float)), np.atleast_1d(np.asarray(quantile, float))
        levels = sorted({*LEVELS, level})
        normal = [NormalDist().inv_cdf(p) for p in levels]
        own = NormalDist().inv_cdf(level)
        implied = (given - mean) / own if abs(own) > 1e-9 else np.zeros_like(given - mean)
        deviation = np.where(implied > 0, implied, np.sqrt(np.maximum(mean, 0.0)))
        table = np.stack([given + deviation * (z - own) for z in normal], axis=-1)
        table[:, levels.index(level)] = given
        return cls([days], levels, np.maximum(table, 0.0)[:, None, :], np.broadcast_to(mean, given.shape)[:, None])

    def __len__(self) -> int:
        return len(self.means)

    def mean(self, days: ArrayLike) -> F:
        """(n,) expected total of the first ``days`` (scalar or (n,)) days."""
        return self._mean(self._whole_days(days))

    def running_mean(self, days: int) -> F:
        """(n, days) expected totals of the first 1, 2, ... ``days`` days."""
        stored = {int(day): column for column, day in enumerate(self.days)}
        columns = [self.means[:, stored[day]] if day in stored else self.mean(day) for day in range(1, days + 1)]
        return np.stack(columns, axis=1)

    def cdf(self, x: ArrayLike, days: ArrayLike) -> F:
        """(n,) probability that the first ``days`` days ask for at most ``x`` units; both scalars or (n,)."""
        return self._nodes(days).cdf(self._vector("x", x))

    def quantile(self, level: ArrayLike, days: ArrayLike) -> F:
        """(n,) smallest amount that suffices for ``days`` days with probability ``level``; both scalars or (n,)."""
        wanted = self._vector("level", level)
        if not np.all((wanted > 0.0) & (wanted < 1.0)):
            raise ValueError("level: not between 0 and 1")
        return self._nodes(days).quantile(wanted)

    def expected_shortage(self, x: ArrayLike, days: ArrayLike) -> F:
        """(n,) expected units asked for beyond ``x`` in the first ``days`` days; negative ``x`` is a backlog."""
        return self._nodes(days).shortage(self._vector("x", x))

    def _check(self) -> None:
        if self.days.ndim != 1 or not len(self.days) or self.days[0] < 1 or np.any(np.diff(self.days) < 1):
            raise ValueError("days: not a rising list of whole days from 1 on")
        rising = self.levels.ndim == 1 and len(self.levels) > 0 and bool(np.all(np.diff(self.levels) > 0))
        if not rising or self.levels[0] <= 0.0 or self.levels[-1] >= 1.0:
            raise ValueError("levels: not a rising list of shares between 0 and 1")
        expected = (len(self.means), len(self.days))
        if self.means.shape != expected:
            raise ValueError(f"means: shape {self.means.shape}, expected {expected}")
        if self.quantiles.shape != (*expected, len(self.levels)):
            raise ValueError(f"quantiles: shape {self.quantiles.shape}, expected {(*expected, len(self.levels))}")
        if not np.all(np.isfinite(self.means)) or np.any(self.means < 0):
            raise ValueError("means: negative or not finite")
        if not np.all(np.isfinite(self.quantiles)) or np.any(self.quantiles < 0):
            raise ValueError("quantiles: negative or not finite")
        if np.any(np.diff(self.quantiles, axis=2) < 0):
            raise ValueError("quantiles: falling with the level")

    def _vector(self, name: str, value: ArrayLike) -> F:
        array = np.array(value, dtype=np.float64)
        if array.shape == ():
            array = np.full(len(self), array)
        if array.shape != (len(self),) or np.isnan(array).any():
            raise ValueError(f"{name}: shape {array.shape}, expected one number or one for each of {len(self)} rows")
        return array

    def _whole_days(self, days: ArrayLike) -> F:
        wanted = self._vector("days", days)
        if np.any((wanted < 1) | (wanted > MAX_DAYS) | (wanted != np.floor(wanted))):
            raise ValueError(f"days: not whole days from 1 to {MAX_DAYS}")
        return wanted

    def _nodes(self, days: ArrayLike) -> Nodes:
        """The distribution over ``days``, kept: a search for a level asks about the same days again and again."""
        asked = np.asarray(days, dtype=np.float64)
        key = (asked.shape, asked.tobytes())
        nodes = self._kept.get(key)
        if nodes is None:
            wanted = self._whole_days(asked)
            tail = partial(self._tail, wanted)
            nodes = Nodes(self.levels, self._values(wanted), self._mean(wanted), self.whole, tail)
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = nodes
        return nodes

    @cached_property
    def _tails(self) -> F:
        """(n, K) mean excesses over the last level at the stored days, none smaller than at fewer days.

        So what suffices at a level beyond the last stored one never falls with the days, as at the stored ones.
        """
        own = [
            Nodes(self.levels, self.quantiles[:, k], self.means[:, k], self.whole).own_tail_scale()
            for k in range(len(self.days))
        ]
        return np.asarray(np.maximum.accumulate(np.stack(own, axis=1), axis=1))

    def _tail(self, wanted: F) -> F:
        """(n,) mean excesses over the last level for the ``wanted`` days, as quantiles go between and beyond."""
        lower, upper, share = self._place(wanted)
        rows = np.arange(len(self))
        low, high = self._tails[rows, lower], self._tails[rows, upper]
        scale = np.where(share == 1.0, high, low + share * (high - low))
        before, beyond = wanted < self.days[0], wanted > self.days[-1]
        scale[before] = self._tails[before, 0] * np.sqrt(wanted[before] / self.days[0])
        scale[beyond] = self._tails[beyond, -1] * (wanted[beyond] / int(self.days[-1])) ** self._growth(beyond)
        return scale

    def _place(self, wanted: F) -> tuple[NDArray[np.intp], NDArray[np.intp], F]:
        """The stored days around the wanted ones, and how far between them those lie."""
        upper = np.minimum(np.searchsorted(self.days, wanted), len(self.days) - 1)
        lower = np.maximum(upper - 1, 0)
        gap = self.days[upper] - self.days[lower]
        share = np.divide(wanted - self.days[lower], gap, out=np.ones(len(self)), where=gap > 0)
        return lower, upper, np.clip(share, 0.0, 1.0)

    def _mean(self, wanted: F) -> F:
        lower, upper, share = self._place(wanted)
        rows = np.arange(len(self))
        low, high = self.means[rows, lower], self.means[rows, upper]
        mean = np.where(share == 1.0, high, low + share * (high - low))
        first, last = self.days[0], self.days[-1]
        for outside, extend in ((wanted < first, self._mean_before), (wanted > last, self._mean_beyond)):
            if outside.any():
                mean[outside] = extend(wanted[outside], outside)
        return mean

    def _values(self, wanted: F) -> F:
        lower, upper, share = self._place(wanted)
        rows = np.arange(len(self))
        exact = (share == 1.0)[:, None]
        low, high = self.quantiles[rows, lower], self.quantiles[rows, upper]
        values = np.where(exact, high, low + share[:, None] * (high - low))
        for outside, extend in ((wanted < self.days[0], self._before), (wanted > self.days[-1], self._beyond)):
            if outside.any():
                values[outside] = extend(wanted[outside], outside)
        return np.asarray(np.where(self.whole[:, None], np.floor(values + 0.5), values))

    def _mean_before(self, wanted: F, rows: NDArray[np.bool_]) -> F:
        return np.asarray(self.means[rows, 0] * (wanted / self.days[0]))

    def _before(self, wanted: F, rows: NDArray[np.bool_]) -> F:
        first, mean = self.quantiles[rows, 0], self._mean_before(wanted, rows)
        deviation = (first - self.means[rows, 0, None]) * np.sqrt(wanted / self.days[0])[:, None]
        return np.asarray(np.clip(mean[:, None] + deviation, 0.0, first))

    def _mean_beyond(self, wanted: F, rows: NDArray[np.bool_]) -> F:
        end, last = int(self.days[-1]), self.means[rows, -1]
        past = np.flatnonzero(self.days <= end - 7)
        pace = last / end
        if len(past):
            pace = (last - self.means[rows, past[-1]]) / (end - int(self.days[past[-1]]))
        return np.asarray(last + np.maximum(pace, 0.0) * (wanted - end))

    def _beyond(self, wanted: F, rows: NDArray[np.bool_]) -> F:
        last, mean = self.means[rows, -1], self._mean_beyond(wanted, rows)
        stretch = (wanted / int(self.days[-1])) ** self._growth(rows)
        values = mean[:, None] + (self.quantiles[rows, -1] - last[:, None]) * stretch[:, None]
        return np.asarray(np.maximum(values, self.quantiles[rows, -1]))

    def _growth(self, rows: NDArray[np.bool_]) -> F:
        """Power of days with which the width of the stored quantiles grew over the second half of the days."""
        width = self.quantiles[rows, :, -1] - self.quantiles[rows, :, 0]
        power = np.full(len(width), 0.5)
        half = np.flatnonzero(self.days <= self.days[-1] / 2)
        if len(half):
            known = (width[:, half[-1]] > 0) & (width[:, -1] > 0)
            ratio = np.divide(width[:, -1], width[:, half[-1]], out=np.ones(len(width)), where=known)
            steps = np.log(self.days[-1] / self.days[half[-1]])
            power = np.where(known, np.clip(np.log(ratio) / steps, 0.5, 1.0), 0.5)
        return power
