"""One distribution per product from a few quantiles: between them, below the first and beyond the last.

Between two stored quantiles the distribution function is linear. Beyond the last it falls off exponentially, with the
rate of the stored upper quantiles (the peaks-over-threshold limit with shape 0: Pickands 1975, Annals of Statistics
3, 119-131); below the first likewise, down to a mass at 0. Where every quantile is a whole number, so is demand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.float64]
SMALLEST = float(np.finfo(np.float64).tiny)  # quantiles closer than this are equal: their slope is no number


@dataclass(frozen=True, eq=False)
class Nodes:
    """levels: (q,) rising. values: (n, q) quantiles. mean: (n,). whole: (n,) bool.

    tail: gives the (n,) mean excesses over the last quantile, where something knows better than these quantiles alone.
    """

    levels: F
    values: F
    mean: F
    whole: NDArray[np.bool_]
    tail: Callable[[], F] | None = None

    def cdf(self, x: F) -> F:
        """(n,) probability of at most ``x`` units."""
        at = np.where(self.whole, np.floor(x), x)
        out = self._between(at)
        # The tails are asked for seldom, and their exponentials cost more than all the rest.
        below = at < self.values[:, 0]
        if below.any():
            out = np.where(below, self.levels[0] * self._fade_below(self.values[:, 0] - at), out)
        beyond = at >= self.values[:, -1]
        if beyond.any():
            out = np.where(beyond, 1.0 - self._survival(at), out)
        return np.where(at < 0.0, 0.0, out)

    def quantile(self, level: F) -> F:
        """(n,) smallest amount whose probability of sufficing is at least ``level``; exact at stored levels."""
        last = len(self.levels) - 1
        upper = np.clip(np.searchsorted(self.levels, level), 1, last) if last else np.zeros(level.shape, dtype=np.intp)
        lower = np.maximum(upper - 1, 0)
        rows = np.arange(len(self.values))
        low, high = self.values[rows, lower], self.values[rows, upper]
        gap = self.levels[upper] - self.levels[lower]
        share = np.clip(np.divide(level - self.levels[lower], gap, out=np.ones_like(level), where=gap > 0), 0.0, 1.0)
        inner = np.where(share == 1.0, high, low + share * (high - low))
        with np.errstate(divide="ignore", invalid="ignore"):
            tail = self._tail_scale * np.log((1.0 - self.levels[-1]) / (1.0 - level))
            drop = np.log(self.levels[0] / level) / self._fade_rate
        out = np.where(level > self.levels[-1], self.values[:, -1] + np.nan_to_num(tail), inner)
        out = np.where(level < self.levels[0], np.maximum(self.values[:, 0] - np.nan_to_num(drop), 0.0), out)
        return np.where(self.whole, np.ceil(out - 1e-9), out)

    def shortage(self, x: F) -> F:
        """(n,) expected units above ``x``: the sum (for fractions the integral) of 1 - cdf from ``x`` on."""
        start = np.maximum(np.where(self.whole, np.ceil(x), x), 0.0)
        total = self._shortage_below(start)
        for j in range(len(self.levels) - 1):
            total += self._shortage_between(start, j)
        total += self._shortage_beyond(start)
        part = np.where(self.whole & (x > 0.0), (start - x) * (1.0 - self.cdf(x)), 0.0)
        return total + part + np.maximum(-x, 0.0)

    def _between(self, x: F) -> F:
        last = len(self.levels) - 1
        lower = np.maximum((self.values <= x[:, None]).sum(axis=1) - 1, 0)
        upper = np.minimum(lower + 1, last)
        rows = np.arange(len(x))
        low, high = self.values[rows, lower], self.values[rows, upper]
        share = np.divide(x - low, high - low, out=np.zeros_like(x), where=high > low)
        base = self.levels[lower]
        return np.asarray(base + np.minimum(np.maximum(share, 0.0), 1.0) * (self.levels[upper] - base))

    def _survival(self, x: F) -> F:
        scale = self._tail_scale
        with np.errstate(over="ignore"):  # a subnormal scale leaves nothing beyond
            excess = np.divide(x - self.values[:, -1], scale, out=np.full_like(scale, np.inf), where=scale > 0)
        return np.asarray((1.0 - self.levels[-1]) * np.exp(-np.maximum(excess, 0.0)))

    @cached_property
    def _tail_scale(self) -> F:
        return self.own_tail_scale() if self.tail is None else self.tail()

    def own_tail_scale(self) -> F:
        """(n,) mean excess over the last quantile, from the nearest lower one with three times its tail or more.

        Where all stored quantiles are equal, the tail carries what the stored mean has above them.
        """
        last = 1.0 - self.levels[-1]
        far = (1.0 - self.levels) >= 3.0 * last
        usable = far & (self.values < self.values[:, -1:])
        index = len(self.levels) - 1 - np.argmax(usable[:, ::-1], axis=1)
        rows = np.arange(len(self.values))
        rise = self.values[:, -1] - self.values[rows, index]
        drop = np.log(np.maximum(1.0 - self.levels[index], last) / last)
        measured = np.divide(rise, drop, out=np.zeros_like(rise), where=drop > 0)
        carried = np.maximum(self.mean - self.values[:, -1], 0.0) / last
        return np.asarray(np.where(usable.any(axis=1), measured, carried))

    @cached_property
    def _fade_rate(self) -> F:
        """(n,) exponential rate below the first quantile, infinite where no higher one differs from it."""
        above = self.values > self.values[:, :1]
        index = np.argmax(above, axis=1)
        rise = self.values[np.arange(len(self.values)), index] - self.values[:, 0]
        rate = np.log(self.levels[index] / self.levels[0])
        with np.errstate(over="ignore"):  # quantiles a subnormal apart are equal
            return np.asarray(np.divide(rate, rise, out=np.full_like(rise, np.inf), where=rise > 0))

    def _fade_below(self, distance: F) -> F:
        with np.errstate(invalid="ignore"):
            return np.where(distance > 0, np.exp(-self._fade_rate * np.maximum(distance, 0.0)), 1.0)

    def _shortage_below(self, start: F) -> F:
        length = np.maximum(self.values[:, 0] - start, 0.0)
        rate = self._fade_rate
        with np.errstate(over="ignore", invalid="ignore"):
            gone = -np.expm1(-rate * length)
            covered = np.where(self.whole, gone / np.expm1(rate), gone / rate)
        return np.where(length > 0, length - self.levels[0] * np.nan_to_num(covered), 0.0)

    def _shortage_between(self, start: F, j: int) -> F:
        low, high = self.values[:, j], self.values[:, j + 1]
        begin = np.maximum(start, low)
        length = np.maximum(high - begin, 0.0)
        rise = self.levels[j + 1] - self.levels[j]
        slope = np.divide(rise, high - low, out=np.zeros_like(low), where=high - low >= SMALLEST)
        middle = (begin - low) + (length - self.whole) / 2.0
        return np.asarray(length * (1.0 - self.levels[j] - slope * middle))

    def _shortage_beyond(self, start: F) -> F:
        scale = self._tail_scale
        begin = np.maximum(start, self.values[:, -1])
        positive = np.where(scale >= SMALLEST, scale, 1.0)
        weight = np.where(self.whole, -1.0 / np.expm1(-1.0 / positive), positive)
        return np.where(scale >= SMALLEST, self._survival(begin) * weight, 0.0)
