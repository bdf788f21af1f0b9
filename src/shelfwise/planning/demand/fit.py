"""``calibrate``: measure a panel's weekday shape, memories, spread and tails by a rolling backtest of totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.planning.demand.calibration import LEVELS, MEAN_FLOOR, MIN_WINDOWS, VERSION, Calibration, Tails
from shelfwise.planning.demand.champion import lightgbm
from shelfwise.planning.demand.champion_fit import compete
from shelfwise.planning.demand.conditions import SIGNS, widening
from shelfwise.planning.demand.drivers import check_plans
from shelfwise.planning.demand.effects import MOST_ERROR, Errors, earned_effects
from shelfwise.planning.demand.history import WEEK, History, clumping, lay_out, weekday_shape
from shelfwise.planning.demand.influences import learn
from shelfwise.planning.demand.panel import Panel, check_horizon, check_levels
from shelfwise.planning.demand.patterns import PATTERNS, classify
from shelfwise.planning.demand.signals import signals
from shelfwise.planning.demand.smoothing import Prior, rates
from shelfwise.planning.demand.spread import OWN_LENGTHS, own_dispersion, spread
from shelfwise.planning.demand.windows import WARM_UP_WEEKS, Windows, memory_errors, roll

F = NDArray[np.float64]
LENGTHS = (1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 60, 90, 120, 180, 270, 365)
MAX_ROWS = 2000  # a larger panel is represented by a sample: its tables are settled long before
UNKNOWN_RATE, UNKNOWN_SHAPE = 1.0 / 30.0, 0.25  # a panel without any sale: one unit a month, give or take twice that
CATEGORY_PRIOR_PRODUCTS = 2.0
LATER_SHARE, MAX_LATER_SHARE = 0.45, 0.65
DRIFT_DAYS, DRIFT_WEEKS, DRIFT_LARGE, DRIFT_PRIOR_WINDOWS, DRIFT_DAMPING = 28, 26, 100.0, 200.0, 0.5
GRID_STEP = 0.35
MAX_WINDOWS = 20_000  # of one length: what the tables are fitted on
RECENT_WEEKS = 26.0
POOL_PRIOR_WINDOWS = 60.0
LENGTH_PRIOR_WINDOWS = 300.0
DRAWS = 4000
MAX_NEAR = 6000
SCALE_CAP = 25.0


def calibrate(
    panel: Panel,
    horizon: int = 30,
    levels: Sequence[float] = LEVELS,
    calendar: Mapping[str, ArrayLike] | None = None,
    seed: int = 0,
    *,
    champion: bool = False,
) -> Calibration:
    """What ``panel`` shows about weekdays, memory, spread, tails and coverage of totals up to ``horizon`` days.

    ``calendar`` ({event: (T + horizon,) truth values}), the panel's ``promo`` and ``price`` are learned as factors of
    demand over the whole panel. ``champion``: let LightGBM compete, which takes about a minute (``champion.py``).
    Deterministic in ``seed``. Raises ``ValueError`` that names the field, and ``ChampionMissingError``.
    """
    if champion:
        lightgbm()  # a missing one is told before the work
    horizon = check_horizon(horizon)
    asked = check_levels(levels)
    plans = check_plans(panel, horizon, calendar)
    random = np.random.default_rng(seed)
    sample = _sample_rows(panel, random)
    history, shape, influences = learn(sample, lay_out(sample), plans)
    rate_mean, rate_shape, rate_clumping, group_rates = _rate_prior(sample, history)
    prior = Prior(group_prior(sample, rate_mean, group_rates), rate_shape, rate_clumping)
    fitted, merit = _roll_sample(sample, history, shape, prior, horizon, random)
    found = Calibration(
        version=VERSION,
        horizon=horizon,
        levels=asked,
        weekday=np.roll(shape, history.first_weekday),
        rate_mean=rate_mean,
        rate_shape=rate_shape,
        rate_clumping=rate_clumping,
        group_rates=group_rates,
        merit=merit,
        events=influences.events,
        categories=influences.categories,
        log_effects=influences.log_effects,
        **_measured(fitted, asked, history.weeks, classify(sample)),
    )
    if not champion:
        return found
    known = signals(history, fitted.rate, fitted.windows, sample.end)
    return replace(found, champion=compete(fitted.windows, known, fitted.seen, fitted.prior.certainty, found, random))


def _measured(fitted: _Sample, levels: tuple[float, ...], weeks: int, pattern: NDArray[np.intp]) -> Mapping[str, Any]:
    """What a calibration holds of totals: drift, tails, and their coverage of the windows after the early ones."""
    windows = fitted.windows
    split = _split(windows, weeks)
    closed = windows.origins[None, :] + -(-windows.days[:, None] // WEEK) <= split
    early = fitted.tails(closed, levels)
    hits, count, error = _coverage(fitted, early, split, pattern)
    return {
        "split_weeks": weeks - 1 - split,
        "drift": _drift(windows),
        "tails": fitted.tails(np.ones_like(closed), levels),
        "early_tails": early,
        "class_hits": hits,
        "class_windows": count,
        "class_error": error,
    }


def _roll_sample(
    sample: Panel, history: History, shape: F, prior: Prior, horizon: int, random: np.random.Generator
) -> tuple[_Sample, F]:
    """The rolling backtest of a sample, and the merit of the memories by which its windows were weighted."""
    weekday = weekday_shape(history, shape)
    rate, seen = rates(history, weekday, prior)
    merit = memory_errors(history, weekday, rate, seen)
    windows = roll(history, weekday, rate, seen, _lengths(horizon), merit)
    return _Sample(windows, rate, seen, prior, sample.whole, random), merit


def _sample_rows(panel: Panel, random: np.random.Generator) -> Panel:
    if len(panel) <= MAX_ROWS:
        return panel
    return panel.rows(np.sort(random.choice(len(panel), MAX_ROWS, replace=False)))


def _lengths(horizon: int) -> NDArray[np.intp]:
    """Windows to measure: up to the horizon, and the next whole number of weeks from which own dispersion is taken."""
    longer = [k for k in OWN_LENGTHS if k > horizon][:1]
    return np.array([k for k in LENGTHS if k < horizon] + [horizon] + longer, dtype=np.intp)


def group_prior(panel: Panel, rate_mean: float, group_rates: F) -> F:
    """(n,) prior mean rate: the category's where the panel knows it, else the panel's."""
    mean = np.full(len(panel), rate_mean)
    if panel.groups is not None and len(group_rates):
        at = np.minimum(np.searchsorted(group_rates[:, 0], panel.groups[:, 0]), len(group_rates) - 1)
        found = group_rates[at, 0] == panel.groups[:, 0]
        mean[found] = group_rates[at[found], 1]
    return mean


def _rate_prior(panel: Panel, history: History) -> tuple[float, float, float, F]:
    """Prior of daily rates, by moments over products with four weeks; a category is shrunk to it as a ratio.

    A gamma prior's mean and shape, and the usual variance of a product's days over their mean: clumped days say less
    about a rate than a Poisson's (Buhlmann 1967, ASTIN Bulletin 4, 199-207: credibility days / (days + k), k the
    variance of a day over that of rates).
    """
    recent = slice(max(0, history.weeks - 26), None)
    sold = history.sales[recent].sum(axis=(0, 1))
    exposed = history.demand_exposure[recent].sum(axis=(0, 1))
    known = exposed >= WARM_UP_WEEKS * WEEK
    none = np.empty((0, 2))
    if not known.any() or sold[known].sum() == 0:
        some = exposed.sum()
        mean = sold.sum() / some if some > 0 and sold.sum() > 0 else UNKNOWN_RATE
        return float(mean), UNKNOWN_SHAPE, 1.0, none
    rate = _without_extremes(sold[known] / exposed[known])
    mean = float(rate.mean())
    shape = float(np.clip(mean * mean / rate.var(), 0.2, 5.0)) if rate.var() > 0 else 5.0
    clumps = clumping(history.sales[recent][..., known], history.demand_exposure[recent][..., known])
    if panel.groups is None:
        return mean, shape, clumps, none
    names, inverse = np.unique(panel.groups[known, 0], return_inverse=True)
    count = np.bincount(inverse)
    ratio = np.maximum(np.bincount(inverse, rate) / count / mean, 1e-3)
    own = mean * ratio ** (count / (count + CATEGORY_PRIOR_PRODUCTS))
    return mean, shape, clumps, np.stack([names.astype(float), own], axis=1)


def _without_extremes(rate: F) -> F:
    """Rates, none beyond 4 robust deviations of their logs: one product counted in grams decides nothing for others.

    The deviation is the median absolute one (Hampel 1974, J. American Statistical Association 69, 383-393).
    """
    logs = np.log(rate[rate > 0.0])
    middle = float(np.median(logs))
    deviation = 1.4826 * float(np.median(np.abs(logs - middle)))
    return np.asarray(np.minimum(rate, np.exp(middle + 4.0 * max(deviation, 0.5))))


def _drift(windows: Windows) -> float:
    """Ratio of actual to expected four-week totals over the last half year, damped; large products count less.

    A growing panel sells more than any average of its past. Gardner and McKenzie (1985), Management Science 31,
    1237-1246: damp a trend that is carried forward.
    """
    g = int(np.searchsorted(windows.days, DRIFT_DAYS, side="right")) - 1
    recent = windows.origins > windows.origins[-1] - DRIFT_WEEKS if len(windows.origins) else np.zeros(0, dtype=bool)
    mean = (windows.level[:-1] * windows.exposure[g])[recent]
    use = windows.usable[g][recent]
    weight = np.where(use, 1.0 / (1.0 + mean / DRIFT_LARGE), 0.0)
    expected, actual = float((weight * mean).sum()), float((weight * windows.actual[g][recent]).sum())
    prior = expected * DRIFT_PRIOR_WINDOWS / max(int(use.sum()), 1)
    if expected <= 0.0:
        return 1.0
    return float(1.0 + DRIFT_DAMPING * (np.clip((actual + prior) / (expected + prior), 0.5, 2.0) - 1.0))


def _split(windows: Windows, weeks: int) -> int:
    """Week index that separates windows used for the early tails from the later ones that measure coverage.

    A panel of a few products gives the later part up to ``MAX_LATER_SHARE``, where that makes enough windows.
    """
    known = np.flatnonzero(windows.usable.any(axis=(0, 2)))
    first = int(windows.origins[known[0]]) if len(known) else 0
    span = weeks - 1 - first
    products = max(1, int(windows.usable.any(axis=(0, 1)).sum()))
    enough = -(-MIN_WINDOWS // products) + -(-int(windows.days[-1]) // WEEK)
    return weeks - 1 - max(int(LATER_SHARE * span), min(enough, int(MAX_LATER_SHARE * span)))


@dataclass(frozen=True, eq=False)
class _Sample:
    windows: Windows
    rate: F
    seen: F
    prior: Prior
    whole: NDArray[np.bool_]
    random: np.random.Generator

    def tails(self, allowed: NDArray[np.bool_], levels: tuple[float, ...]) -> Tails:
        """Scale law and standardised quantiles from the ``allowed`` (G, B) windows."""
        windows = self.windows
        chosen = [self._choose(g, allowed[g]) for g in range(len(windows.days))]
        mean = [windows.level[b, i] * windows.exposure[g, b, i] for g, (b, i) in enumerate(chosen)]
        actual = [windows.actual[g, b, i] for g, (b, i) in enumerate(chosen)]
        centres, log_scale = _scale_law(np.concatenate(mean), np.concatenate(actual))
        days = windows.days.astype(float)
        bare = Tails(centres, log_scale, days, np.zeros((2, SIGNS)), np.zeros((1, 1, 1)))
        bare = replace(bare, effects=earned_effects(self._errors(bare, chosen, mean, actual)))
        dispersion = own_dispersion(windows, bare)
        base, slope = windows.state.log_variance(bare.effects)
        logs, z = [], []
        for g, (b, i) in enumerate(chosen):
            # Whole units as a continuum: quantiles of ties are defined, and rounding brings them back.
            wobble = np.where(self.whole[i], self.random.random(len(i)) - 0.5, 0.0)
            exposure, level, seen = windows.exposure[g, b, i], windows.level[b, i], self.seen[windows.origins[b], i]
            own = dispersion[b, i] * widening(base[b, i], slope[b, i], days[g], days[-1])
            wide = spread(mean[g], exposure, level, seen, own, bare, self.prior.certainty[i])
            z.append((actual[g] + wobble - mean[g]) / wide)
            logs.append(np.log(np.maximum(mean[g], MEAN_FLOOR)))
        return replace(bare, z=_tables(centres, np.exp(log_scale), logs, z, levels, self.random))

    def _errors(
        self, plain: Tails, chosen: list[tuple[NDArray[np.intp], NDArray[np.intp]]], mean: list[F], actual: list[F]
    ) -> Errors:
        windows = self.windows
        some = [g for g, length in enumerate(windows.days) if int(length) in OWN_LENGTHS]
        origin, product = (np.concatenate([chosen[g][part] for g in some]) for part in (0, 1))
        expected, sold = np.concatenate([mean[g] for g in some]), np.concatenate([actual[g] for g in some])
        return Errors(
            signs=windows.state.signs[:, origin, product],
            days=np.repeat(windows.days[some].astype(float), [len(mean[g]) for g in some]),
            origin=windows.origins[origin].astype(float),
            log_mean=np.log(np.maximum(expected, MEAN_FLOOR)),
            standardised=np.clip((sold - expected) / plain.scale(expected), -MOST_ERROR, MOST_ERROR),
        )

    def _choose(self, g: int, allowed: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Origins and products of about ``MAX_WINDOWS`` usable windows of one length, chosen at random.

        The chance of an older window halves every ``RECENT_WEEKS``: errors change with the seasons and the range.
        """
        origin, product = np.nonzero(self.windows.usable[g] & allowed[:, None])
        if not len(origin):
            return origin, product
        chance = 0.5 ** ((origin[-1] - origin) / RECENT_WEEKS)
        chance *= min(1.0, MAX_WINDOWS / chance.sum())
        kept = self.random.random(len(origin)) < chance
        return origin[kept], product[kept]


def _scale_law(mean: F, actual: F) -> tuple[F, F]:
    """Centres of log mean, and log root mean squared error of totals there."""
    logs = np.log(np.maximum(mean, MEAN_FLOOR))
    centres = _centres(logs)
    # Overdispersed counts with an uncertain rate, until windows say better.
    usual = _usual_square(np.maximum(mean, MEAN_FLOOR))
    # Capped: rare floods belong to the tails, not to everyone's scale.
    ratio = np.minimum((actual - mean) ** 2 / usual, SCALE_CAP)
    order, first, last = _near(logs, centres)
    running = np.concatenate([[0.0], np.cumsum(ratio[order])])
    ratio_there = (running[last] - running[first] + 10.0) / (last - first + 10.0)
    return centres, np.asarray(0.5 * np.log(np.maximum.accumulate(_usual_square(np.exp(centres)) * ratio_there)))


def _usual_square(mean: F) -> F:
    return np.asarray(2.0 * mean + 0.16 * mean * mean)


def _near(logs: F, centres: F) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Order of windows by mean, and begin and end in it of those whose log mean is within a step of each centre."""
    # Cells between centres, as small whole numbers: sorting them is ten times faster than sorting the means.
    cells = np.clip(np.floor((logs - centres[0]) / GRID_STEP), -2.0, len(centres)).astype(np.int16)
    order = np.argsort(cells, kind="stable")
    centre = np.arange(len(centres))
    ordered = cells[order]
    return order, np.searchsorted(ordered, centre - 1), np.searchsorted(ordered, centre + 1)


def _centres(logs: F) -> F:
    low, high = np.quantile(np.maximum(logs, np.log(0.02)), (0.002, 0.998)) if len(logs) else (0.0, 0.0)
    return np.asarray(low + GRID_STEP * np.arange(max(2, int(np.ceil((high - low) / GRID_STEP)) + 1)))


def _tables(
    centres: F, scale: F, logs: list[F], z: list[F], levels: tuple[float, ...], random: np.random.Generator
) -> F:
    """(G, C, q) standardised quantiles: by length and mean, shrunk to all lengths by mean, and these to a gamma."""
    out = np.empty((len(z), len(centres), len(levels)))
    share = np.asarray(levels)
    by_length = [_Sorted(logs[g], z[g], centres) for g in range(len(z))]
    everything = _Sorted(np.concatenate(logs), np.concatenate(z), centres)
    for c, centre in enumerate(centres):
        mean = np.exp(centre)
        shape = max((mean / scale[c]) ** 2, 1e-3)
        gamma = random.standard_gamma(shape, DRAWS) / shape
        base = _quantiles((gamma - 1.0) * mean / scale[c], share)
        pooled = everything.quantiles(c, share, base, POOL_PRIOR_WINDOWS * len(z))
        for g, own in enumerate(by_length):
            out[g, c] = own.quantiles(c, share, pooled, LENGTH_PRIOR_WINDOWS)
    return out


class _Sorted:
    """Standardised errors in the order of the cells of their means, so that those near a centre are one slice."""

    def __init__(self, logs: F, z: F, centres: F) -> None:
        order, self.first, self.last = _near(logs, centres)
        self.z = z[order]

    def quantiles(self, centre: int, levels: F, fallback: F, prior: float) -> F:
        count = int(self.last[centre] - self.first[centre])
        if count < MIN_WINDOWS:
            return fallback
        # Every so many in order of cell and age are as good as a random choice, and cheaper.
        near = self.z[self.first[centre] : self.last[centre] : -(-count // MAX_NEAR)]
        weight = count / (count + prior)
        return np.asarray(weight * _quantiles(near, levels) + (1.0 - weight) * fallback)


def _quantiles(sample: F, levels: F) -> F:
    """Linear between order statistics, as numpy's default; several times faster for few levels."""
    ordered = np.sort(sample)
    position = levels * (len(ordered) - 1)
    below = position.astype(np.intp)
    above = np.minimum(below + 1, len(ordered) - 1)
    return np.asarray(ordered[below] + (position - below) * (ordered[above] - ordered[below]))


def _coverage(fitted: _Sample, early: Tails, split: int, pattern: NDArray[np.intp]) -> tuple[F, F, F]:
    """Hits (P, G, q), windows (P, G) and error sums (P, G, 2) of later windows by demand pattern."""
    hits, count, error = window_hits(fitted.windows, fitted.seen, fitted.prior.certainty, fitted.whole, early, split)
    total = np.zeros((len(PATTERNS), hits.shape[0], hits.shape[2]))
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
    split: int,
) -> tuple[F, F, F]:
    """Windows that open at week ``split`` or later, by length and product.

    Those within each level (G, n, q), all of them (G, n), and their sums of absolute errors and of sales (G, n, 2).
    """
    later = windows.origins >= split
    dispersion = own_dispersion(windows, tails)[:-1][later]
    level, at = windows.level[:-1][later], seen[windows.origins[later]]
    exposure, actual, mask = windows.exposure[:, later], windows.actual[:, later], windows.usable[:, later]
    mean = level * exposure
    base, slope = (part[:-1][later] for part in windows.state.log_variance(tails.effects))
    days = windows.days.astype(float)
    own = dispersion * widening(base, slope, days[:, None, None], days[-1])
    wide = spread(mean, exposure, level, at, own, tails, certainty)
    # Whole units are within a quantile that rounds up to them; no total lies below a quantile of 0.
    reach = np.where(actual > 0.0, (np.where(whole, actual - 0.5, actual) - mean) / wide, -np.inf)
    within = reach[..., None] <= tails.standardised(mean, days)
    within &= mask[..., None]
    error = np.stack([(np.abs(actual - mean) * mask).sum(axis=1), (actual * mask).sum(axis=1)], axis=-1)
    return within.sum(axis=1).astype(np.float64), mask.sum(axis=1).astype(np.float64), error


def round_whole(quantiles: F, whole: NDArray[np.bool_]) -> F:
    """Quantiles (..., n, q) to the nearest whole unit where a product is sold in whole units."""
    return np.where(whole[:, None], np.floor(quantiles + 0.5), quantiles)
