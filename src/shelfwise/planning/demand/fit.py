"""``calibrate``: measure a panel's weekday shape, memories, spread and tails by a rolling backtest of totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.planning.demand.calibration import LEVELS, MEAN_FLOOR, MIN_WINDOWS, VERSION, Calibration, Tails
from shelfwise.planning.demand.history import WEEK, History, lay_out, panel_weekday_shape, weekday_shape
from shelfwise.planning.demand.panel import Panel, check_calendar
from shelfwise.planning.demand.patterns import PATTERNS, classify
from shelfwise.planning.demand.smoothing import Prior, rates
from shelfwise.planning.demand.spread import own_dispersion, spread
from shelfwise.planning.demand.windows import WARM_UP_WEEKS, Windows, memory_errors, roll

F = NDArray[np.float64]
MAX_HORIZON = 365
LENGTHS = (1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 60, 90, 120, 180, 270, 365)
MAX_ROWS = 4000  # a larger panel is represented by a sample: its tables are settled long before
UNKNOWN_RATE, UNKNOWN_SHAPE = 1.0 / 30.0, 0.25  # a panel without any sale: one unit a month, give or take twice that
LATER_SHARE = 0.45
GRID_STEP = 0.35
POOL_PRIOR_WINDOWS = 60.0
LENGTH_PRIOR_WINDOWS = 300.0
DRAWS = 20_000
SCALE_CAP = 25.0


def calibrate(
    panel: Panel,
    horizon: int = 30,
    levels: Sequence[float] = LEVELS,
    calendar: Mapping[str, ArrayLike] | None = None,
    seed: int = 0,
) -> Calibration:
    """What ``panel`` shows about weekdays, memory, spread, tails and coverage of totals up to ``horizon`` days.

    ``calendar`` ({event: (T + horizon,) truth values}) is checked and not used yet. Deterministic in ``seed``.
    Raises ``ValueError`` that names the field.
    """
    horizon = check_horizon(horizon)
    asked = check_levels(levels)
    check_calendar(calendar, panel.days + horizon)
    random = np.random.default_rng(seed)
    sample = panel
    if len(panel) > MAX_ROWS:
        sample = panel.rows(np.sort(random.choice(len(panel), MAX_ROWS, replace=False)))
    history = lay_out(sample)
    shape = panel_weekday_shape(history)
    weekday = weekday_shape(history, shape)
    rate_mean, rate_shape, group_rates = _rate_prior(sample, history)
    prior = Prior(group_prior(sample, rate_mean, group_rates), rate_shape)
    rate, seen = rates(history, weekday, prior)
    merit = memory_errors(history, weekday, rate, seen)
    lengths = np.array([k for k in LENGTHS if k < horizon] + [horizon], dtype=np.intp)
    if horizon < 28:
        lengths = np.unique(np.append(lengths, [k for k in (7, 14, 28) if k > horizon][:1]))
    windows = roll(history, weekday, rate, seen, lengths, merit)
    fitted = _Sample(windows, seen, prior, sample.whole, random)
    split = _split(windows, history.weeks)
    closed = windows.origins[None, :] + -(-lengths[:, None] // WEEK) <= split
    early = fitted.tails(closed, asked, random)
    later = np.broadcast_to(windows.origins[None, :] >= split, closed.shape)
    hits, count, error = _coverage(fitted, early, later, asked, classify(sample))
    return Calibration(
        version=VERSION,
        horizon=horizon,
        levels=asked,
        split_weeks=history.weeks - 1 - split,
        weekday=np.roll(shape, history.first_weekday),
        rate_mean=rate_mean,
        rate_shape=rate_shape,
        group_rates=group_rates,
        merit=merit,
        growth=np.ones(len(lengths)),
        tails=fitted.tails(np.ones_like(closed), asked, random),
        early_tails=early,
        class_hits=hits,
        class_windows=count,
        class_error=error,
    )


def check_horizon(horizon: int) -> int:
    if not 1 <= int(horizon) <= MAX_HORIZON or int(horizon) != horizon:
        raise ValueError(f"horizon: {horizon} is not a whole number of days from 1 to {MAX_HORIZON}")
    return int(horizon)


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    asked = tuple(float(level) for level in levels)
    if not asked or not all(0.0 < level < 1.0 for level in asked) or sorted(set(asked)) != list(asked):
        raise ValueError(f"levels: {asked} is not a rising list of shares between 0 and 1")
    return asked


def group_prior(panel: Panel, rate_mean: float, group_rates: F) -> F:
    """(n,) prior mean rate: the category's where the panel knows it, else the panel's."""
    mean = np.full(len(panel), rate_mean)
    if panel.groups is not None and len(group_rates):
        at = np.minimum(np.searchsorted(group_rates[:, 0], panel.groups[:, 0]), len(group_rates) - 1)
        found = group_rates[at, 0] == panel.groups[:, 0]
        mean[found] = group_rates[at[found], 1]
    return mean


def _rate_prior(panel: Panel, history: History) -> tuple[float, float, F]:
    """Gamma prior of daily rates by moments over products with four weeks; a category's mean is shrunk to it."""
    recent = slice(max(0, history.weeks - 26), None)
    sold = history.sales[recent].sum(axis=(0, 1))
    exposed = history.exposure[recent].sum(axis=(0, 1))
    known = exposed >= WARM_UP_WEEKS * WEEK
    none = np.empty((0, 2))
    if not known.any() or sold[known].sum() == 0:
        some = exposed.sum()
        mean = sold.sum() / some if some > 0 and sold.sum() > 0 else UNKNOWN_RATE
        return float(mean), UNKNOWN_SHAPE, none
    rate = sold[known] / exposed[known]
    mean = float(rate.mean())
    shape = float(np.clip(mean * mean / rate.var(), 0.2, 5.0)) if rate.var() > 0 else 5.0
    if panel.groups is None:
        return mean, shape, none
    names, inverse = np.unique(panel.groups[known, 0], return_inverse=True)
    total = np.bincount(inverse, rate) + 5.0 * mean
    return mean, shape, np.stack([names.astype(float), total / (np.bincount(inverse) + 5.0)], axis=1)


def _split(windows: Windows, weeks: int) -> int:
    """Week index that separates windows used for the early tails from the later ones that measure coverage."""
    known = np.flatnonzero(windows.usable.any(axis=(0, 2)))
    first = int(windows.origins[known[0]]) if len(known) else 0
    return weeks - 1 - int(LATER_SHARE * (weeks - 1 - first))


@dataclass(frozen=True, eq=False)
class _Sample:
    windows: Windows
    seen: F
    prior: Prior
    whole: NDArray[np.bool_]
    random: np.random.Generator

    @property
    def certainty(self) -> F:
        return np.asarray(self.prior.shape / self.prior.mean)

    def spread(self, g: int, tails: Tails, dispersion: F) -> F:
        level = self.windows.level[:-1]
        exposure = self.windows.exposure[g]
        seen = self.seen[self.windows.origins]
        return spread(level * exposure, exposure, level, seen, dispersion[:-1], tails, self.certainty)

    def tails(self, allowed: NDArray[np.bool_], levels: tuple[float, ...], random: np.random.Generator) -> Tails:
        """Scale law and standardised quantiles from the ``allowed`` (G, B) windows."""
        windows = self.windows
        use = windows.usable & allowed[:, :, None]
        centres = _centres(windows.mean, use)
        bare = Tails(centres, self._scales(centres, use), windows.days.astype(float), np.zeros((1, 1, 1)))
        dispersion = own_dispersion(windows, bare)
        logs, z = [], []
        for g in range(len(windows.days)):
            mean = windows.mean[g]
            wobble = random.random(mean.shape) - 0.5  # whole units as a continuum: quantiles of ties are defined
            error = windows.actual[g] + np.where(self.whole, wobble, 0.0) - mean
            z.append((error / self.spread(g, bare, dispersion))[use[g]])
            logs.append(np.log(np.maximum(mean[use[g]], MEAN_FLOOR)))
        table = _tables(centres, np.exp(bare.log_scale), logs, z, levels, random)
        return Tails(centres, bare.log_scale, bare.days, table)

    def _scales(self, centres: F, use: NDArray[np.bool_]) -> F:
        mean = self.windows.mean[use]
        square = (self.windows.actual[use] - mean) ** 2
        logs = np.log(np.maximum(mean, MEAN_FLOOR))
        expected = np.exp(centres)
        # Overdispersed counts with an uncertain rate, until windows say better.
        law = 2.0 * expected + 0.16 * expected**2
        out = np.empty(len(centres))
        for c, centre in enumerate(centres):
            near = np.abs(logs - centre) < GRID_STEP
            # As a ratio to the law: the window spans means that differ by half.
            usual = 2.0 * mean[near] + 0.16 * mean[near] ** 2
            # Capped: rare floods belong to the tails, not to everyone's scale.
            ratio = np.minimum(square[near] / np.maximum(usual, MEAN_FLOOR), SCALE_CAP)
            out[c] = law[c] * (ratio.sum() + 10.0) / (near.sum() + 10.0)
        return np.asarray(0.5 * np.log(np.maximum.accumulate(out)))


def _centres(mean: F, use: NDArray[np.bool_]) -> F:
    logs = np.log(np.maximum(mean[use], 0.02))
    low, high = np.quantile(logs, (0.002, 0.998)) if len(logs) else (0.0, 0.0)
    return np.asarray(low + GRID_STEP * np.arange(max(2, int(np.ceil((high - low) / GRID_STEP)) + 1)))


def _tables(
    centres: F, scale: F, logs: list[F], z: list[F], levels: tuple[float, ...], random: np.random.Generator
) -> F:
    """(G, C, q) standardised quantiles: by length and mean, shrunk to all lengths by mean, and these to a gamma."""
    out = np.empty((len(z), len(centres), len(levels)))
    all_logs, all_z = np.concatenate(logs), np.concatenate(z)
    for c, centre in enumerate(centres):
        mean = np.exp(centre)
        shape = (mean / scale[c]) ** 2
        gamma = random.standard_gamma(max(shape, 1e-3), DRAWS) / max(shape, 1e-3)
        base = np.quantile((gamma - 1.0) * mean / scale[c], levels)
        pooled = _near_quantiles(all_logs, all_z, centre, levels, base, POOL_PRIOR_WINDOWS * len(z))
        for g in range(len(z)):
            out[g, c] = _near_quantiles(logs[g], z[g], centre, levels, pooled, LENGTH_PRIOR_WINDOWS)
    return out


def _near_quantiles(logs: F, z: F, centre: float, levels: tuple[float, ...], fallback: F, prior: float) -> F:
    near = z[np.abs(logs - centre) < GRID_STEP]
    if len(near) < MIN_WINDOWS:
        return fallback
    weight = len(near) / (len(near) + prior)
    return np.asarray(weight * np.quantile(near, levels) + (1.0 - weight) * fallback)


def _coverage(
    fitted: _Sample, early: Tails, later: NDArray[np.bool_], levels: tuple[float, ...], pattern: NDArray[np.intp]
) -> tuple[F, F, F]:
    """Hits (P, G, q), windows (P, G) and error sums (P, G, 2) of later windows by demand pattern."""
    hits, count, error = window_hits(fitted.windows, fitted.seen, fitted.certainty, fitted.whole, early, later, levels)
    total = np.zeros((len(PATTERNS), *hits.shape[:1], len(levels)))
    number, errors = np.zeros(total.shape[:2]), np.zeros((*total.shape[:2], 2))
    for p in range(len(PATTERNS)):
        rows = pattern == p
        total[p], number[p], errors[p] = hits[:, rows].sum(1), count[:, rows].sum(1), error[:, rows].sum(1)
    return total, number, errors


def window_hits(
    windows: Windows,
    seen: F,
    certainty: F,
    whole: NDArray[np.bool_],
    tails: Tails,
    later: NDArray[np.bool_],
    levels: tuple[float, ...],
) -> tuple[F, F, F]:
    """Per product and length: windows within each level (G, n, q), windows (G, n), |error| and sales (G, n, 2)."""
    lengths, count = len(windows.days), windows.actual.shape[2]
    hits, number = np.zeros((lengths, count, len(levels))), np.zeros((lengths, count))
    error = np.zeros((lengths, count, 2))
    dispersion = own_dispersion(windows, tails)[:-1]
    level, at = windows.level[:-1], seen[windows.origins]
    for g, days in enumerate(windows.days):
        use = windows.usable[g] & later[g][:, None]
        rows = np.flatnonzero(use.any(axis=1))
        if not len(rows):
            continue
        mask, exposure = use[rows], windows.exposure[g, rows]
        mean, actual = level[rows] * exposure, windows.actual[g, rows]
        wide = spread(mean, exposure, level[rows], at[rows], dispersion[rows], tails, certainty)
        edge = round_whole(np.maximum(tails.quantiles(mean, wide, float(days)), 0.0), whole)
        number[g] = mask.sum(axis=0)
        hits[g] = ((actual[..., None] <= edge + 1e-9) & mask[..., None]).sum(axis=0)
        error[g, :, 0] = (np.abs(actual - mean) * mask).sum(axis=0)
        error[g, :, 1] = (actual * mask).sum(axis=0)
    return hits, number, error


def round_whole(quantiles: F, whole: NDArray[np.bool_]) -> F:
    """Quantiles (..., n, q) to the nearest whole unit where a product is sold in whole units."""
    return np.where(whole[:, None], np.floor(quantiles + 0.5), quantiles)
