"""Forecasts from past days with what was known then, ours and the peers', and what they lost."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.forecasting.datasets import Dataset
from benchmarks.forecasting.metrics import LENGTHS, LEVELS, Losses, coverage, losses
from benchmarks.forecasting.peers import Answer, Peer
from shelfwise.planning.demand import Panel, calibrate, forecast

F = NDArray[np.float64]
HORIZON = 28
#: Days before the end of the data.
ORIGINS = (84, 56, 28)
OURS, OURS_ML = "shelfwise", "shelfwise[ml]"
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Origin:
    """history (n, T): what is known. actual (n, H): what came. weight (n,): revenue of the last 28 days."""

    first: date
    history: F
    actual: F
    weight: F


def origin_of(data: Dataset, back: int, horizon: int = HORIZON) -> Origin:
    """The data as they stood ``back`` days before their end, and the ``horizon`` days that followed."""
    at = data.values.shape[1] - back
    return Origin(
        data.start + timedelta(days=at),
        data.values[:, :at],
        np.nan_to_num(data.values[:, at : at + horizon]),
        np.nansum(data.revenue[:, at - HORIZON : at], axis=1),
    )


def ours(data: Dataset, origin: Origin, *, champion: bool = False) -> tuple[Answer, NDArray[np.str_]]:
    """Our forecast of every day that came, and each series' demand pattern."""
    horizon = origin.actual.shape[1]
    panel = Panel(data.ids, data.start, origin.history.astype(np.float32))
    answer = forecast(panel, horizon, calibration=calibrate(panel, horizon, champion=champion))
    chosen = np.searchsorted(answer.levels, LEVELS)
    lengths = sorted({k for k in (*LENGTHS, horizon) if k <= horizon})
    totals = {k: answer.total[:, k - 1][:, chosen] for k in lengths}
    return Answer(answer.mean, totals), answer.pattern


@dataclass(frozen=True, eq=False)
class Scored:
    """Losses by forecaster, a list by origin; weights by origin; CPU seconds by forecaster."""

    losses: Mapping[str, Sequence[Losses]]
    weights: Sequence[F]
    seconds: Mapping[str, float]


def score(data: Dataset, peers: Mapping[str, Peer], say: Say, *, champion: bool) -> Scored:
    """Everyone on the protocol's three origins; ``champion``: ours once more with LightGBM competing."""
    entries = {OURS: False, OURS_ML: True} if champion else {OURS: False}
    found: dict[str, list[Losses]] = {name: [] for name in (*entries, *peers)}
    seconds = dict.fromkeys(found, 0.0)
    weights = []
    for back in ORIGINS:
        origin = origin_of(data, back)
        weights.append(origin.weight)
        for name, competes in entries.items():
            begin = time.process_time()
            answer, patterns = ours(data, origin, champion=competes)
            seconds[name] += time.process_time() - begin
            found[name].append(losses(origin.history, origin.actual, answer.mean, answer.totals, patterns))
            say(f"{data.name}, {origin.first}, {name}")
        for name, peer in peers.items():
            begin = time.process_time()
            label = f"{data.name}, {origin.first}, {name}"
            theirs = peer(origin.history, origin.first, HORIZON, _progress(label, say))
            seconds[name] += time.process_time() - begin
            found[name].append(losses(origin.history, origin.actual, theirs.mean, theirs.totals, patterns))
    return Scored(found, weights, seconds)


def _progress(label: str, say: Say) -> Callable[[int, int], None]:
    def told(done: int, total: int) -> None:
        if done == total or done % 25 == 0:
            say(f"{label}: {done} of {total}")

    return told


@dataclass(frozen=True, eq=False)
class Covered:
    """Shares below and within each level's quantile by length and level, by origin; bias over all of them."""

    origins: list[dict[str, tuple[float, float]]]
    bias: float


def cover(data: Dataset, backs: Sequence[int], horizon: int, say: Say) -> Covered:
    """Our coverage from each of ``backs`` days before the end."""
    found, error, sold = [], 0.0, 0.0
    for number, back in enumerate(backs, 1):
        origin = origin_of(data, back, horizon)
        answer, _ = ours(data, origin)
        found.append(coverage(origin.actual, answer.totals))
        error += float((answer.mean - origin.actual).sum())
        sold += float(origin.actual.sum())
        say(f"{data.name}, coverage of {horizon} days: {number} of {len(backs)}")
    return Covered(found, error / sold)
