"""The optional champion: gradient-boosted trees that forecast the total of several days at once.

LightGBM (Ke and others 2017, Advances in Neural Information Processing Systems 30) learns, over the products of a
panel and many past origins, quantiles and mean of the next total in units of what smoothing expects of it. It is
averaged into our own forecast at the lengths where that loses less on later windows, in the share that lost least.
Needs ``pip install 'shelfwise[ml]'``.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.float64]
LENGTHS = (7, 14, 28)
LEVELS = (0.1, 0.25, 0.5, 0.8, 0.9, 0.95, 0.98)
FLOOR_UNITS = 0.2  # a window that expects less is measured in this many units


class ChampionMissingError(ImportError):
    """LightGBM is not installed."""

    def __init__(self) -> None:
        super().__init__("The champion needs LightGBM: pip install 'shelfwise[ml]'")


def lightgbm() -> Any:  # noqa: ANN401 - the module has no types
    """Raises ChampionMissingError when it is not there."""
    try:
        return import_module("lightgbm")
    except (ImportError, OSError) as error:  # OSError: its library for threads is missing
        raise ChampionMissingError from error


@dataclass(frozen=True, eq=False)
class Champion:
    """What was learned. shares, mean_shares: of the champion in quantiles and means by length, 0 where it did not win.

    gains: of the quantiles' loss, on later windows.
    models: by length, one a level of ``LEVELS`` and one of the mean, as LightGBM writes them; none where it lost.
    """

    lengths: tuple[int, ...]
    shares: tuple[float, ...]
    mean_shares: tuple[float, ...]
    gains: tuple[float, ...]
    models: tuple[tuple[str, ...], ...]

    def to_bytes(self) -> bytes:
        """Equal champions give equal bytes."""
        content = {part.name: getattr(self, part.name) for part in fields(self)}
        return zlib.compress(json.dumps(content, sort_keys=True).encode(), level=6)

    @classmethod
    def from_bytes(cls, data: bytes) -> Champion:
        """What :meth:`to_bytes` made."""
        content = json.loads(zlib.decompress(data))
        numbers = {name: tuple(values) for name, values in content.items() if name != "models"}
        return cls(**numbers, models=tuple(tuple(each) for each in content["models"]))

    @cached_property
    def _boosters(self) -> list[list[Any]]:
        library = lightgbm()
        return [[library.Booster(model_str=text) for text in models] for models in self.models]

    def blend(self, total: F, mean: F, levels: Sequence[float], now: F, level: F, running: F) -> tuple[F, F]:
        """Quantiles of totals (H, n, q) and means of days (H, n) with the champion's share in them.

        total: ours, before rounding. mean: ours. now: (features, n) signals at the end. level: (n,). running: (H, n)
        normal days of the first k days. Between the lengths the difference to ours is interpolated; beyond the last
        one that of quantiles grows with the root of the days, that of means with the mean itself.
        """
        horizon = len(total)
        running_mean = np.cumsum(mean, axis=0)  # in order: a product alone equals its row of the batch
        days, moved = np.zeros(1), [np.zeros(total.shape[1:])]
        goals, known = [], [0]
        for at, length in enumerate(self.lengths):
            if self.shares[at] == 0.0 or length > horizon:
                continue
            scale = np.maximum(level * running[length - 1], FLOOR_UNITS)
            said = np.stack([np.asarray(booster.predict(now.T)) for booster in self._boosters[at]])
            own = at_levels(total[length - 1], levels, LEVELS)
            change = self.shares[at] * (said[:-1].T * scale[:, None] - own)
            moved.append(at_levels(change, LEVELS, levels))
            days = np.append(days, float(length))
            ours = running_mean[length - 1]
            goals.append(ours + self.mean_shares[at] * (np.maximum(said[-1], 0.0) * scale - ours))
            known.append(length)
        if len(days) == 1:
            return total, mean
        return total + _between(np.stack(moved), days, horizon), mean * _ratios(running_mean, goals, known)


def at_levels(values: F, given: Sequence[float], wanted: Sequence[float]) -> F:
    """(n, q) values at ``given`` levels as those at ``wanted`` ones, linear between, the nearest one beyond."""
    position = np.interp(wanted, given, np.arange(len(given)))
    below = np.minimum(position.astype(np.intp), len(given) - 2) if len(given) > 1 else np.zeros(len(wanted), np.intp)
    above = np.minimum(below + 1, len(given) - 1)
    return np.asarray(values[:, below] + (position - below) * (values[:, above] - values[:, below]))


def _between(moved: F, days: F, horizon: int) -> F:
    """(H, n, q) differences for every number of days from those (G, n, q) at ``days``, which begin with 0."""
    out = np.empty((horizon, *moved.shape[1:]))
    for k in range(1, horizon + 1):
        at = int(np.searchsorted(days, k))
        if at < len(days):
            part = (k - days[at - 1]) / (days[at] - days[at - 1])
            out[k - 1] = moved[at - 1] + part * (moved[at] - moved[at - 1])
        else:
            out[k - 1] = moved[-1] * np.sqrt(k / days[-1])
    return out


def _ratios(running_mean: F, goals: list[F], known: list[int]) -> F:
    """(H, n) factors of the daily means by which the first so many days come to their ``goals``."""
    out = np.ones_like(running_mean)
    reached, before = np.zeros(running_mean.shape[1]), np.zeros(running_mean.shape[1])
    for goal, begin, end in zip(goals, known, known[1:], strict=False):
        ours = running_mean[end - 1] - before
        wanted = np.maximum(goal - reached, 0.0)
        out[begin:end] = np.divide(wanted, ours, out=np.ones_like(ours), where=ours > 0.0)
        reached, before = reached + out[begin] * ours, running_mean[end - 1]
    out[known[-1] :] = np.divide(reached, before, out=np.ones_like(before), where=before > 0.0)
    return out
