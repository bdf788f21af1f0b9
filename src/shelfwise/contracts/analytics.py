"""Sales figures of a period, as the integration document names them.

A period of N days is the N complete business days ending yesterday in the tenant's time zone (or on the day
before the tenant's pinned business date). Money is a JSON number in the tenant's currency.
"""

from typing import Annotated, Literal, NotRequired, TypedDict

import msgspec

from shelfwise.contracts.events import Identifier

Trend = Literal["increasing", "decreasing", "stable", "unknown"]
MAX_BATCH_PRODUCTS = 1000


class SalesData(TypedDict):
    """Answer of ``GET /api/sales/products/{product_id}/analytics``.

    ``error`` and ``degraded`` are set only on the defaults that the client makes when Sales cannot be asked;
    ``stale`` and ``age_seconds`` only on an answer that was served from cache because Sales could not be asked.
    """

    product_id: str
    total_quantity_sold: int
    total_revenue: float
    average_daily_sales: float
    sales_trend: Trend
    last_sale_date: NotRequired[str | None]
    period_days: NotRequired[int]
    period_start: NotRequired[str]
    period_end: NotRequired[str]
    days_listed: NotRequired[int]
    returned_quantity: NotRequired[int]
    refunded_revenue: NotRequired[float]
    average_daily_demand: NotRequired[float | None]
    currency: NotRequired[str]
    error: NotRequired[str]
    degraded: NotRequired[bool]
    stale: NotRequired[bool]
    age_seconds: NotRequired[int]


class TopSellingProduct(TypedDict):
    """One row of ``GET /api/sales/products/top``, a bare array as the document shows it."""

    product_id: str
    product_name: str
    quantity_sold: int
    revenue: float
    rank: int


class SalesSummary(TypedDict):
    """Answer of ``GET /api/sales/summary``; ``average_order_value`` is null when there were no orders."""

    total_orders: int
    total_revenue: float
    total_items_sold: int
    average_order_value: float | None
    returned_quantity: NotRequired[int]
    refunded_revenue: NotRequired[float]
    period_days: NotRequired[int]
    period_start: NotRequired[str]
    period_end: NotRequired[str]
    currency: NotRequired[str]
    error: NotRequired[str]
    degraded: NotRequired[bool]


ProductIds = Annotated[list[Identifier], msgspec.Meta(min_length=1, max_length=MAX_BATCH_PRODUCTS)]


class AnalyticsQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``POST /api/sales/analytics/query``: figures of up to 1,000 products in one call."""

    product_ids: ProductIds
    days: Annotated[int, msgspec.Meta(ge=1, le=730)] = 30


class AnalyticsAnswer(TypedDict):
    """``items`` holds one entry for each product that Sales knows; ``unknown`` the ids that it does not."""

    items: list[SalesData]
    unknown: list[str]
