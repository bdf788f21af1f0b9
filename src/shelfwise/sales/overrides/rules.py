"""What a planner expects of a product's days in place of the forecast, and how right that was: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.float64]
MAX_FACTOR = 1000.0
MAX_UNITS_PER_DAY = 1e9
MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Override:
    """Demand of a product on ``first_day`` to ``last_day``, both included: times ``factor``, or ``units_per_day``.

    ``statistical`` (days,): units that were expected of each day without it when it was made.
    """

    override_id: str
    product_id: str
    first_day: date
    last_day: date
    factor: float | None
    units_per_day: float | None
    reason: str
    statistical: F
    created_by: str
    created_at: datetime
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1

    def changed(self, expected: F) -> F:
        """Units of days of which ``expected`` units were expected."""
        return expected * self.factor if self.factor is not None else np.full_like(expected, self.units_per_day)


@dataclass(frozen=True, slots=True)
class Score:
    """Units over all days of an override: sold, and expected without it and with it when it was made."""

    override: Override
    actual: float
    statistical: float
    overridden: float

    @property
    def gain(self) -> float:
        """By how many units the override came nearer to what was sold; negative: it made the forecast worse."""
        return abs(self.statistical - self.actual) - abs(self.overridden - self.actual)


def day_changes(overrides: Sequence[Override], first: date, days: int) -> tuple[F, F]:
    """(days,) factors, 1 without one, and (days,) units, NaN without them, of one product from ``first`` on."""
    factors, units = np.ones(days), np.full(days, np.nan)
    for override in overrides:
        begin = min(max((override.first_day - first).days, 0), days)
        end = min(max((override.last_day - first).days + 1, 0), days)
        if override.factor is not None:
            factors[begin:end] = override.factor
        else:
            units[begin:end] = override.units_per_day
    return factors, units


def score(override: Override, actual: float) -> Score:
    """The override against the units that were sold on its days."""
    return Score(
        override, actual, float(override.statistical.sum()), float(override.changed(override.statistical).sum())
    )


def days_problem(first_day: date, last_day: date, today: date, longest: int) -> tuple[str, str] | None:
    """Field and reason why an override cannot stand on these days, or None: they are among those to be forecast."""
    if first_day < today:
        return "first_day", f"must not be before the business date, {today}"
    if last_day < first_day:
        return "last_day", "must not be before first_day"
    if last_day >= today + timedelta(days=longest):
        return "last_day", f"must be before {today + timedelta(days=longest)}: forecasts reach no further"
    return None
