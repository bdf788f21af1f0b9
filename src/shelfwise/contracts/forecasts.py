"""A demand forecast as it travels from Sales to whoever plans with it."""

from typing import Annotated, NotRequired, TypedDict

import msgspec

from shelfwise.contracts.analytics import ProductIds

#: Levels at which a forecast carries quantiles, in the order of every ``quantiles`` list.
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99)


class DayDemand(TypedDict):
    """Demand of one future business day: its mean and its quantiles at ``levels``."""

    date: str
    mean: float
    quantiles: list[float]


class TotalDemand(TypedDict):
    """Total demand of the first ``days`` future days, calibrated as a total: not a sum of daily quantiles."""

    days: int
    mean: float
    quantiles: list[float]


class ExplanationTerm(TypedDict):
    """One addend of the forecast's mean; the terms of an explanation add up to ``predicted_demand``."""

    term: str
    units: float


class DemandForecast(TypedDict):
    """Answer of ``GET /api/sales/products/{product_id}/forecast``.

    The first five keys are the integration document's. ``predicted_demand`` is the mean total,
    ``recommended_stock_level`` the quantile of the total at ``service_level``, ``confidence_level`` the measured
    share of backtest windows in which demand stayed within that level (null with fewer than 20 windows). Where a
    planner's overrides (``override_ids``) change the days asked about, every number is with them, and
    ``statistical_demand`` is ``predicted_demand`` without.
    """

    product_id: str
    forecast_days: int
    predicted_demand: float | None
    confidence_level: float | None
    recommended_stock_level: int | None
    statistical_demand: NotRequired[float]
    override_ids: NotRequired[list[str]]
    service_level: NotRequired[float]
    confidence_windows: NotRequired[int]
    expected_error: NotRequired[float | None]
    levels: NotRequired[list[float]]
    daily: NotRequired[list[DayDemand]]
    totals: NotRequired[list[TotalDemand]]
    model: NotRequired[str]
    pattern: NotRequired[str]
    history_days: NotRequired[int]
    explanation: NotRequired[list[ExplanationTerm]]
    notes: NotRequired[list[str]]
    business_date: NotRequired[str]
    run_id: NotRequired[str]
    calibration_id: NotRequired[str]
    as_of: NotRequired[str]
    error: NotRequired[str]
    degraded: NotRequired[bool]
    stale: NotRequired[bool]
    age_seconds: NotRequired[int]


class ForecastQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``POST /api/sales/forecasts/query``: forecasts of up to 1,000 products in one call.

    ``detail`` false leaves out ``daily`` and ``explanation``; ``total_days`` lists the day counts whose totals are
    wanted (empty: all from 1 to ``forecast_days``).
    """

    product_ids: ProductIds
    forecast_days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 30
    service_level: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.95
    detail: bool = False
    total_days: Annotated[list[Annotated[int, msgspec.Meta(ge=1, le=180)]], msgspec.Meta(max_length=180)] = (
        msgspec.field(default_factory=list)
    )


class ForecastAnswer(TypedDict):
    """``items`` holds one entry for each product that Sales knows; ``unknown`` the ids that it does not."""

    items: list[DemandForecast]
    unknown: list[str]


class ForecastRefresh(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``POST /api/sales/forecasts/refresh``: products whose stored forecast is to be computed anew."""

    product_ids: ProductIds


class RefreshAnswer(TypedDict):
    """How many forecasts were computed anew, by which run's calibration; ``unknown`` ids are not Sales'."""

    refreshed: int
    run_id: str
    calibration_id: str
    business_date: str
    as_of: str
    unknown: list[str]
