"""Bodies and answers of the routes about overrides."""

from datetime import date, datetime
from typing import Annotated, TypedDict

import msgspec

from shelfwise.contracts.events import Identifier
from shelfwise.sales.overrides.rules import MAX_FACTOR, MAX_REASON, MAX_UNITS_PER_DAY, Override, Score


class NewOverride(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Demand of a product on `first_day` to `last_day`, both included: times `factor`, or `units_per_day`.

    Give one of the two. A factor of 1.2 is 20 % more than forecast. The days must be among those that can be forecast.
    """

    product_id: Identifier
    first_day: date
    last_day: date
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_REASON)]
    factor: Annotated[float, msgspec.Meta(ge=0, le=MAX_FACTOR)] | None = None
    units_per_day: Annotated[float, msgspec.Meta(ge=0, le=MAX_UNITS_PER_DAY)] | None = None


class OverrideView(TypedDict):
    """An override; withdrawn, it has no influence any more."""

    override_id: str
    product_id: str
    first_day: str
    last_day: str
    factor: float | None
    units_per_day: float | None
    reason: str
    created_by: str
    created_at: str
    withdrawn_by: str | None
    withdrawn_at: str | None


class OverridePage(TypedDict):
    items: list[OverrideView]
    next: str | None


class OverrideScore(TypedDict):
    """Units over the days of an override: sold, and expected without it and with it when it was made.

    ``gain`` is by how many units the override came nearer to what was sold; negative: it made the forecast worse.
    """

    override: OverrideView
    days: int
    actual: float
    statistical: float
    overridden: float
    gain: float


class OverrideScorePage(TypedDict):
    items: list[OverrideScore]
    next: str | None


def override_view(override: Override) -> OverrideView:
    """The override as it is shown."""
    return OverrideView(
        override_id=override.override_id,
        product_id=override.product_id,
        first_day=override.first_day.isoformat(),
        last_day=override.last_day.isoformat(),
        factor=override.factor,
        units_per_day=override.units_per_day,
        reason=override.reason,
        created_by=override.created_by,
        created_at=_iso(override.created_at),
        withdrawn_by=override.withdrawn_by,
        withdrawn_at=None if override.withdrawn_at is None else _iso(override.withdrawn_at),
    )


def score_view(score: Score) -> OverrideScore:
    """The score as it is shown."""
    return OverrideScore(
        override=override_view(score.override),
        days=score.override.days,
        actual=round(score.actual, 2),
        statistical=round(score.statistical, 2),
        overridden=round(score.overridden, 2),
        gain=round(score.gain, 2),
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
