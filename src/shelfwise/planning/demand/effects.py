"""What the signs of a product's state are worth: a regression on the panel's windows, kept where it earns its place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.conditions import MOST_LOG_VARIANCE, REFERENCE_DAYS, SIGNS, widening

F = NDArray[np.float64]
MOST_ERROR = 10.0  # one standardised error counts at most this much: one flood is no habit
PRIOR_WINDOWS = 300.0  # that say: no sign matters
ITERATIONS = 8
SHARES = (0.25, 0.5, 0.75, 1.0)
LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98])
MEAN_BINS = 4
FEWEST_WINDOWS = 500  # on either side of the split: fewer cannot tell a gain of a hundredth from chance
LEAST_GAIN, FULL_GAIN = 0.01, 0.02  # of the loss of later windows: below the first no effect, from the second all


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors of N windows.

    signs: (SIGNS, N). days: (N,) length. origin: (N,) week. log_mean: (N,). standardised: (N,) error over the panel's
    scale, within ``MOST_ERROR``.
    """

    signs: F
    days: F
    origin: F
    log_mean: F
    standardised: F

    def rows(self, chosen: NDArray[np.bool_]) -> Errors:
        return Errors(
            self.signs[:, chosen],
            self.days[chosen],
            self.origin[chosen],
            self.log_mean[chosen],
            self.standardised[chosen],
        )


def earned_effects(errors: Errors) -> F:
    """(2, SIGNS) effects on log variance and their slopes in log days, as large as later windows confirm.

    Fitted on windows that had closed by the middle of the backtest, their gain is measured by the pinball loss of
    windows that opened later. Those fitted on all windows then act in the share that lost least there, and not at
    all for a gain that chance could give.
    """
    none = np.zeros((2, SIGNS))
    if not len(errors.days):
        return none
    middle = 0.5 * (errors.origin.min() + errors.origin.max())
    early = errors.rows(errors.origin + errors.days / 7.0 <= middle)
    late = errors.rows(errors.origin >= middle)
    if min(len(early.days), len(late.days)) < FEWEST_WINDOWS:
        return none
    trial, groups = fit_effects(early), _groups(early, late)
    plain = _loss(early, late, groups, none)
    losses = [_loss(early, late, groups, share * trial) / plain for share in SHARES]
    best = int(np.argmin(losses))
    trust = np.clip((1.0 - losses[best] - LEAST_GAIN) / (FULL_GAIN - LEAST_GAIN), 0.0, 1.0)
    return np.asarray(fit_effects(errors) * (SHARES[best] * trust)) if trust > 0.0 else none


def fit_effects(errors: Errors) -> F:
    """(2, SIGNS) effects by a gamma regression of squared errors with log link, iteratively reweighted.

    McCullagh and Nelder (1989), Generalized Linear Models, section 8.3. A ridge worth ``PRIOR_WINDOWS`` keeps at 0
    what a small panel cannot know.
    """
    steps = np.log(errors.days / REFERENCE_DAYS)
    columns = np.concatenate([np.ones((1, len(steps))), steps[None], errors.signs, errors.signs * steps])
    square = errors.standardised**2
    ridge = np.full(len(columns), PRIOR_WINDOWS)
    ridge[:2] = 1e-6
    normal = columns @ columns.T + np.diag(ridge)
    weight = np.zeros(len(columns))
    weight[0] = np.log(max(float(square.mean()), 1e-6))
    for _ in range(ITERATIONS):
        # Bounded on its way: the first steps from a flat start may overshoot where errors are rare and large.
        log_mean = np.clip(weight @ columns, -MOST_LOG_VARIANCE, MOST_LOG_VARIANCE)
        mean = np.exp(log_mean)
        weight = np.linalg.solve(normal, columns @ (log_mean + (square - mean) / mean))
    return np.asarray(weight[2:].reshape(2, SIGNS))


def _groups(early: Errors, late: Errors) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Earlier and later windows of one length and near in mean, where there are both."""
    edges = np.quantile(early.log_mean, np.arange(1, MEAN_BINS) / MEAN_BINS)
    then, now = np.searchsorted(edges, early.log_mean), np.searchsorted(edges, late.log_mean)
    pairs = [
        (np.flatnonzero((early.days == days) & (then == group)), np.flatnonzero((late.days == days) & (now == group)))
        for days in np.unique(late.days)
        for group in range(MEAN_BINS)
    ]
    return [(known, scored) for known, scored in pairs if len(known) and len(scored)]


def _loss(early: Errors, late: Errors, groups: list[tuple[NDArray[np.intp], NDArray[np.intp]]], effects: F) -> float:
    """Sum of pinball losses of later windows, in the panel's scale, by quantiles of the earlier ones of their group."""
    before, after = (_widths(part, effects) for part in (early, late))
    narrowed, total = early.standardised / before, 0.0
    for known, scored in groups:
        actual, width = late.standardised[scored], after[scored]
        for level, edge in zip(LEVELS, np.quantile(narrowed[known], LEVELS), strict=True):
            gap = actual - edge * width
            # max(level gap, (level - 1) gap), without a second array.
            total += 0.5 * float(np.abs(gap).sum()) + (float(level) - 0.5) * float(gap.sum())
    return total


def _widths(errors: Errors, effects: F) -> F:
    return widening(effects[0] @ errors.signs, effects[1] @ errors.signs, errors.days, np.inf)
