"""How the champion is trained, and the contest with our own forecast that decides its share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.calibration import Calibration, Tails
from shelfwise.planning.demand.champion import FLOOR_UNITS, LENGTHS, LEVELS, Champion, at_levels, lightgbm
from shelfwise.planning.demand.conditions import widening
from shelfwise.planning.demand.history import WEEK
from shelfwise.planning.demand.spread import own_dispersion, spread
from shelfwise.planning.demand.windows import Windows

F = NDArray[np.float64]
I = NDArray[np.intp]  # noqa: E741 - as F beside it
JUDGED = (0.5, 0.9, 0.98)
SHARES = (0.0, 0.5, 0.75)  # never the champion alone: the mean of two is steadier than the better one
LEAST_GAIN = 0.005
MAX_ROWS, FEWEST_ROWS = 40_000, 2_000
MEMORY_WEEKS = 52.0  # the weight of a window halves in a year
ROUNDS = 150
OPTIONS: dict[str, Any] = {
    "num_leaves": 24,
    "learning_rate": 0.06,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}

#: Quantiles (N, q) of windows of length ``g`` from so many origins and products, as our own forecast had them.
OwnQuantiles = Callable[[int, I, I, Sequence[float]], F]


def own_quantiles(windows: Windows, seen: F, certainty: F, early: Tails, levels: Sequence[float]) -> OwnQuantiles:
    """Ours, by tails that were fitted on earlier windows alone; see ``fit.window_hits``."""
    dispersion = own_dispersion(windows, early)
    base, slope = windows.state.log_variance(early.effects)
    days = windows.days.astype(float)

    def quantiles(g: int, origin: I, product: I, wanted: Sequence[float]) -> F:
        exposure, level = windows.exposure[g, origin, product], windows.level[origin, product]
        width = dispersion[origin, product] * widening(base[origin, product], slope[origin, product], days[g], days[-1])
        mean = level * exposure
        wide = spread(mean, exposure, level, seen[windows.origins[origin], product], width, early, certainty[product])
        return at_levels(early.quantiles(mean[None], wide[None], days[g : g + 1])[0], levels, wanted)

    return quantiles


def compete(
    windows: Windows, known: F, seen: F, certainty: F, calibration: Calibration, random: np.random.Generator
) -> Champion:
    """What the ``windows`` teach; ``known`` are their signals, and the ``calibration`` is what is to be beaten.

    Trained on windows that had closed by the split of the calibration, it is judged on those that opened then or
    later, by mean pinball loss in units over the square root of the expected total; then it learns from all of them.
    """
    library = lightgbm()
    split = len(seen) - 1 - calibration.split_weeks
    own = own_quantiles(windows, seen, certainty, calibration.early_tails, calibration.levels)
    seed = int(random.integers(2**31))
    lengths = tuple(k for k in LENGTHS if k in windows.days)
    verdicts = []
    for length in lengths:
        g = int(np.flatnonzero(windows.days == length)[0])
        share, mean_share, gain = _judge(library, windows, known, g, split, own, seed)
        models = _models(library, windows, known, g, seed) if share > 0.0 else ()
        verdicts.append((share, mean_share, gain, models))
    shares, mean_shares, gains, all_models = zip(*verdicts, strict=True) if verdicts else ((), (), (), ())
    return Champion(lengths, shares, mean_shares, gains, all_models)


def _judge(
    library: Any,  # noqa: ANN401 - as lightgbm()
    windows: Windows,
    known: F,
    g: int,
    split: int,
    own: OwnQuantiles,
    seed: int,
) -> tuple[float, float, float]:
    """The shares in quantiles and in means that lost least on later windows, and how much less the former lost."""
    closed = windows.origins + -(-int(windows.days[g]) // WEEK) <= split
    early, late = _rows(windows, g, closed, seed), _rows(windows, g, windows.origins >= split, seed)
    if min(len(early[0]), len(late[0])) < FEWEST_ROWS:
        return 0.0, 0.0, 0.0
    actual, scale = windows.actual[g][late], _scale(windows, g, late)
    ours = own(g, *late, JUDGED)
    said = [_train(library, windows, known, g, early, level, seed).predict(known[:, *late].T) for level in JUDGED]
    theirs = np.stack(said, axis=1) * scale[:, None]
    loss = []
    for share in SHARES:
        gap = actual[:, None] - np.maximum(ours + share * (theirs - ours), 0.0)
        pinball = np.maximum(np.array(JUDGED) * gap, (np.array(JUDGED) - 1.0) * gap)
        loss.append(float((pinball / np.sqrt(scale)[:, None]).mean()))
    share, gain = _best(loss)
    if share == 0.0:
        return 0.0, 0.0, gain
    expected = windows.level[:-1][late] * windows.exposure[g][late]
    said_mean = _train(library, windows, known, g, early, None, seed).predict(known[:, *late].T) * scale
    square = [(expected + part * (said_mean - expected) - actual) ** 2 / scale for part in SHARES]
    return share, _best([float(each.mean()) for each in square])[0], gain


def _best(loss: Sequence[float]) -> tuple[float, float]:
    """The share of least loss, 0 unless it gains enough, and what it gains on ours alone, which comes first."""
    best = int(np.argmin(loss))
    gain = 1.0 - loss[best] / loss[0] if loss[0] > 0.0 else 0.0
    return (SHARES[best] if gain >= LEAST_GAIN else 0.0), gain


def _models(library: Any, windows: Windows, known: F, g: int, seed: int) -> tuple[str, ...]:  # noqa: ANN401
    rows = _rows(windows, g, np.ones(len(windows.origins), dtype=bool), seed)
    trained = [_train(library, windows, known, g, rows, level, seed) for level in (*LEVELS, None)]
    return tuple(str(model.model_to_string()) for model in trained)


def _rows(windows: Windows, g: int, allowed: NDArray[np.bool_], seed: int) -> tuple[I, I]:
    """Origins and products of at most ``MAX_ROWS`` usable windows, chosen at random."""
    origin, product = np.nonzero(windows.usable[g] & allowed[:, None])
    if len(origin) > MAX_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(origin), MAX_ROWS, replace=False))
        origin, product = origin[chosen], product[chosen]
    return origin, product


def _scale(windows: Windows, g: int, rows: tuple[I, I]) -> F:
    return np.asarray(np.maximum(windows.level[:-1][rows] * windows.exposure[g][rows], FLOOR_UNITS))


def _train(
    library: Any,  # noqa: ANN401 - as lightgbm()
    windows: Windows,
    known: F,
    g: int,
    rows: tuple[I, I],
    level: float | None,
    seed: int,
) -> Any:  # noqa: ANN401
    """A model of the quantile at ``level``, or (None) of the mean, of totals over what was expected of them."""
    scale = _scale(windows, g, rows)
    # Whole units as a continuum, as for our own tables.
    wobble = np.random.default_rng(seed).random(len(scale)) - 0.5 if level is not None else 0.0
    weight = np.sqrt(scale) * 0.5 ** ((windows.origins[-1] - windows.origins[rows[0]]) / MEMORY_WEEKS)
    data = library.Dataset(known[:, *rows].T, (windows.actual[g][rows] + wobble) / scale, weight=weight)
    kind = {"objective": "regression"} if level is None else {"objective": "quantile", "alpha": level}
    return library.train({**OPTIONS, **kind, "seed": seed}, data, ROUNDS)
