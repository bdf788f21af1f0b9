"""Recommendations as they are stored and listed."""

from datetime import date, datetime

import msgspec


class Recommendation(msgspec.Struct, frozen=True):
    """What the policy said of a product on a business date, with all that it was derived from."""

    product_id: str
    sku: str
    name: str
    business_date: date
    computed_at: datetime
    needs_reorder: bool
    urgency: str
    recommended_order_quantity: int
    recommended_reorder_quantity: int
    reorder_point: int
    order_up_to_level: int
    safety_stock: float
    available: int
    on_hand: int
    on_order: int
    overdue: int
    inventory_position: int
    moq: int
    pack_size: int
    supplier_id: str | None
    service_level: float
    lead_time_days: float
    lead_times: tuple[tuple[int, float], ...]
    review_period_days: int
    cover_days: int
    mean_daily_demand: float
    demand_30_days: float
    days_of_cover_forecast: float | None
    expected_stockout_date: date | None
    unit_cost: float | None
    order_value: float | None
    margin_at_risk: float | None
    sentence: str
    #: The forecast's own figures, over ``forecast_days``.
    forecast_days: int
    predicted_demand: float | None
    confidence_level: float | None
    recommended_stock_level: int | None
    forecast_run_id: str | None = None


class Recommendations(msgspec.Struct, frozen=True):
    """The last stored recommendation of each product, the most urgent first."""

    items: list[Recommendation]
    next: str | None


class PlanResult(msgspec.Struct, frozen=True):
    """``undecided``: products whose demand Sales could not tell; their last recommendation stays."""

    business_date: date
    products: int
    recommended: int
    needs_reorder: int
    undecided: int


class LowStock(msgspec.Struct, frozen=True):
    """A product at or below its reorder point. ``as_of`` is the day of the recommendation it is judged by."""

    product_id: str
    sku: str
    name: str
    available: int
    on_order: int
    reorder_point: int
    needs_reorder: bool
    urgency: str
    recommended_order_quantity: int
    margin_at_risk: float | None
    as_of: date
