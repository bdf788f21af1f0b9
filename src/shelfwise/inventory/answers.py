"""The integration document's answers: its keys exactly, ours beside them."""

from datetime import date, datetime
from typing import Any, NotRequired, TypedDict

from shelfwise.contracts.analytics import SalesSummary, TopSellingProduct
from shelfwise.contracts.forecasts import DayDemand, ExplanationTerm, TotalDemand
from shelfwise.inventory.dashboard.service import InventoryStats
from shelfwise.inventory.replenishment.schemas import LowStock, Recommendation


class SalesAnalytics(TypedDict):
    total_quantity_sold: int
    total_revenue: float
    average_daily_sales: float
    sales_trend: str
    period_days: int
    last_sale_date: NotRequired[str | None]
    period_start: NotRequired[str]
    period_end: NotRequired[str]
    returned_quantity: NotRequired[int]
    refunded_revenue: NotRequired[float]
    average_daily_demand: NotRequired[float | None]
    currency: NotRequired[str]
    error: NotRequired[str]
    degraded: NotRequired[bool]
    stale: NotRequired[bool]
    age_seconds: NotRequired[int]


class ProductWithSales(TypedDict):
    id: str
    sku: str
    name: str
    quantity_on_hand: int
    available: int
    sales_analytics: SalesAnalytics


class ForecastPart(TypedDict):
    """Figures are null where no forecast is known; ``as_of`` is the day of a stored one."""

    forecast_days: int
    predicted_demand: float | None
    confidence_level: float | None
    recommended_stock_level: int | None
    should_reorder: bool | None
    recommended_reorder_quantity: int | None
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
    as_of: NotRequired[str]
    error: NotRequired[str]
    degraded: NotRequired[bool]
    stale: NotRequired[bool]
    age_seconds: NotRequired[int]


class ProductWithForecast(TypedDict):
    id: str
    current_stock: int
    demand_forecast: ForecastPart


class ReorderSales(TypedDict):
    average_daily_sales: float
    total_sold_30_days: int
    sales_trend: str
    average_daily_demand: NotRequired[float | None]
    error: NotRequired[str]
    degraded: NotRequired[bool]
    stale: NotRequired[bool]
    age_seconds: NotRequired[int]


class ReorderForecast(TypedDict):
    predicted_demand_30_days: float | None
    confidence_level: float | None
    error: NotRequired[str]
    degraded: NotRequired[bool]
    stale: NotRequired[bool]
    age_seconds: NotRequired[int]


class ReorderDecision(TypedDict):
    """``needs_reorder`` is null where it cannot be decided, and ``reason`` says why. ``age_days`` and ``as_of`` mark
    a stored recommendation; ``derivation`` is all that the decision was made of.
    """  # noqa: D205 - one sentence does not fit a line

    needs_reorder: bool | None
    days_of_stock_remaining: float | None
    recommended_order_quantity: int | None
    urgency: str | None
    recommended_reorder_quantity: NotRequired[int]
    days_of_cover_forecast: NotRequired[float | None]
    expected_stockout_date: NotRequired[date | None]
    sentence: NotRequired[str]
    reason: NotRequired[str]
    as_of: NotRequired[date]
    computed_at: NotRequired[datetime]
    age_days: NotRequired[int]
    derivation: NotRequired[Recommendation]


class ReorderRecommendation(TypedDict):
    product_id: str
    current_stock: int
    sales_analytics: ReorderSales
    forecast: ReorderForecast
    recommendation: ReorderDecision


class Dashboard(TypedDict):
    """A part that Sales could not give is null or empty and named in ``degraded``."""

    inventory_stats: InventoryStats
    sales_summary: SalesSummary | None
    top_selling_products: list[TopSellingProduct]
    low_stock_alerts: list[LowStock]
    low_stock_alerts_total: int | None
    period_days: int
    degraded: list[str]


MARKS = ("error", "degraded", "stale", "age_seconds")


def marks(answer: Any) -> dict[str, Any]:  # noqa: ANN401  any answer of Sales, also a patched one
    """How fresh and how sure an answer is, where it says so."""
    return {name: answer[name] for name in MARKS if name in answer}
