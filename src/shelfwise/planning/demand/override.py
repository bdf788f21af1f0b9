"""What a planner knows better: dated changes of a forecast, kept apart from it so that both can be scored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property
from math import isfinite
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.planning.demand.fit import round_whole
from shelfwise.planning.demand.forecaster import Forecast
from shelfwise.planning.demand.panel import MAX_UNITS_PER_DAY

F = NDArray[np.float64]
MAX_FACTOR = 1000.0
LEAST = 1e-6  # of a factor or of units a day: less is nothing


@dataclass(frozen=True, slots=True)
class Override:
    """Demand of product ``id`` on the days from ``start`` to before ``end``: times ``factor``, or ``units_per_day``.

    Raises ``ValueError`` that names the field.
    """

    id: str
    start: date
    end: date
    factor: float | None = None
    units_per_day: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"end: {self.end} is not after the start, {self.start}; it is the first day not changed")
        if (self.factor is None) == (self.units_per_day is None):
            raise ValueError("factor: give either factor or units_per_day")
        for name, value, most in (
            ("factor", self.factor, MAX_FACTOR),
            ("units_per_day", self.units_per_day, MAX_UNITS_PER_DAY),
        ):
            if value is None or value == 0.0:
                continue
            if not (isfinite(value) and LEAST <= value <= most):
                raise ValueError(f"{name}: {value} is neither 0 nor between {LEAST:g} and {most:g}")


@dataclass(frozen=True, eq=False, kw_only=True)
class PlannedForecast(Forecast):
    """A forecast with a planner's overrides in it; ``statistical`` is the one without, untouched."""

    statistical: Forecast
    overrides: tuple[Override, ...]

    @cached_property
    def daily(self) -> F:
        before = self.statistical
        return moved_quantiles(before.daily, before.mean, self.mean, self.levels, self._single.whole)


@dataclass(frozen=True, slots=True)
class OverrideScore:
    """Units over the days of an override that are both forecast and known: what came, and what each side had said.

    ``gain`` is by how many units the override brought the total nearer to the truth, negative if further away.
    """

    override: Override
    days: int
    actual: float
    statistical: float
    planned: float

    @property
    def error_without(self) -> float:
        return self.statistical - self.actual

    @property
    def error_with(self) -> float:
        return self.planned - self.actual

    @property
    def gain(self) -> float:
        return abs(self.error_without) - abs(self.error_with)


def apply_overrides(forecast: Forecast, overrides: Iterable[Override]) -> PlannedForecast:
    """``forecast`` with the means of the overridden days replaced, and the distributions moved with them.

    A day's mean is exactly ``factor`` times what it was, or exactly ``units_per_day``; the explanation gains the term
    "override", the difference. Quantiles of the first k days keep their ratio to the expected total, but never fall
    with k, and stay whole where they were; before the first changed day nothing changes. Where nothing at all was
    expected, demand is taken as Poisson. Coverage and expected error remain those measured without overrides.
    Days beyond the horizon are ignored.
    Raises ``ValueError`` for an id that the forecast does not have, for two overrides of one product on one day, and
    for a forecast that has overrides already: apply all of them to its ``statistical`` at once.
    """
    if isinstance(forecast, PlannedForecast):
        raise ValueError(  # noqa: TRY004 - the type is right, its content is not
            "forecast: has overrides already; apply all of them at once to its `statistical`"
        )
    chosen = tuple(overrides)
    mean = overridden_means(forecast.mean, forecast.ids, forecast.start, chosen)
    # A sum of days that were not touched keeps its last bits.
    same = np.logical_and.accumulate(mean == forecast.mean, axis=1)
    total_mean = np.where(same, forecast.total_mean, np.cumsum(mean, axis=1))
    whole = forecast._single.whole  # noqa: SLF001 - which products are sold in whole units
    total = moved_quantiles(forecast.total, forecast.total_mean, total_mean, forecast.levels, whole)
    kept = {part.name: getattr(forecast, part.name) for part in fields(Forecast)}
    changed = {
        "mean": mean,
        "total_mean": total_mean,
        "total": np.maximum.accumulate(total, axis=1),
        "explanation": {**forecast.explanation, "override": mean - forecast.mean},
    }
    return PlannedForecast(**kept | changed, statistical=forecast, overrides=chosen)


def score_overrides(forecast: PlannedForecast, actual: ArrayLike) -> list[OverrideScore]:
    """Each override against ``actual`` (n, H) units, NaN where not known yet: totals with and without it.

    Raises ``ValueError`` when ``actual`` has another shape than the forecast's means.
    """
    sold = np.asarray(actual, dtype=np.float64)
    if sold.shape != forecast.mean.shape:
        raise ValueError(f"actual: shape {sold.shape}, expected {forecast.mean.shape}")
    scores = []
    for override in forecast.overrides:
        row, days = forecast.ids.index(override.id), _days(override, forecast.start, forecast.horizon)
        known = ~np.isnan(sold[row, days])

        def total(units: F, row: int = row, days: slice = days, known: NDArray[np.bool_] = known) -> float:
            return float(units[row, days][known].sum())

        parts = (total(units) for units in (sold, forecast.statistical.mean, forecast.mean))
        scores.append(OverrideScore(override, int(known.sum()), *parts))
    return scores


def overridden_means(mean: F, ids: Sequence[str], start: date, overrides: Sequence[Override]) -> F:
    """(n, H) means with those of the overridden days replaced; see ``apply_overrides``."""
    place = {name: row for row, name in enumerate(ids)}
    out = mean.copy()
    owner = np.full(mean.shape, -1)
    for number, override in enumerate(overrides):
        if override.id not in place:
            raise ValueError(f"id: {override.id!r} is not in the forecast")
        row, days = place[override.id], _days(override, start, mean.shape[1])
        taken = owner[row, days]
        if (taken >= 0).any():
            other = overrides[int(taken[taken >= 0][0])]
            raise ValueError(
                f"start: two overrides of {override.id!r} on the same day, "
                f"from {other.start} to {other.end} and from {override.start} to {override.end}"
            )
        owner[row, days] = number
        if override.factor is not None:
            out[row, days] *= override.factor
        else:
            out[row, days] = override.units_per_day
    return out


def moved_quantiles(quantiles: F, before: F, after: F, levels: Sequence[float], whole: NDArray[np.bool_]) -> F:
    """(n, H, q) quantiles that keep their ratio to the mean when it goes from ``before`` to ``after`` (n, H).

    Of totals, take the running maximum over days afterwards. Untouched to the bit where the mean is; to the nearest
    whole unit where ``whole`` (n,). Where the mean was 0, those of a Poisson, as a normal distribution.
    """
    ratio = np.divide(after, before, out=np.ones_like(before), where=before > 0.0)
    out = quantiles * ratio[..., None]
    new = (before <= 0.0) & (after > 0.0)
    if new.any():
        z = np.array([NormalDist().inv_cdf(level) for level in levels])
        poisson = np.maximum(after[..., None] + z * np.sqrt(after)[..., None], 0.0)
        out = np.where(new[..., None], poisson, out)
    rounded = round_whole(out.transpose(1, 0, 2), whole).transpose(1, 0, 2)
    return np.where((before == after)[..., None], quantiles, rounded)


def _days(override: Override, start: date, horizon: int) -> slice:
    first, after = ((day - start).days for day in (override.start, override.end))
    return slice(min(max(first, 0), horizon), min(max(after, 0), horizon))
