"""Figures as the integration document names them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from shelfwise.contracts.analytics import SalesData, SalesSummary, Trend
from shelfwise.platform.columns import money_number
from shelfwise.platform.tenancy import Period
from shelfwise.sales.analytics.rules import DayRow, PeriodTotals, ProductFacts, days_listed

ZERO = Decimal(0)


def sales_data(facts: ProductFacts, rows: Sequence[DayRow], period: Period, trend: Trend, currency: str) -> SalesData:
    """The document's sales data of one product."""
    listed = days_listed(facts.listed_from, period)
    quantity = sum(row.quantity for row in rows)
    return SalesData(
        product_id=facts.product_id,
        total_quantity_sold=quantity,
        total_revenue=money_number(sum((row.revenue for row in rows), ZERO), currency),
        average_daily_sales=round(quantity / listed, 4) if listed else 0.0,
        sales_trend=trend,
        last_sale_date=None if facts.last_sold_at is None else _iso(facts.last_sold_at),
        period_days=period.days,
        period_start=period.start.isoformat(),
        period_end=period.last.isoformat(),
        days_listed=listed,
        returned_quantity=sum(row.returned_quantity for row in rows),
        refunded_revenue=money_number(sum((row.refunded_revenue for row in rows), ZERO), currency),
        currency=currency,
    )


def summary(totals: PeriodTotals, period: Period, currency: str) -> SalesSummary:
    """The document's sales summary of a period."""
    average = money_number(totals.revenue / totals.orders, currency) if totals.orders else None
    return SalesSummary(
        total_orders=totals.orders,
        total_revenue=money_number(totals.revenue, currency),
        total_items_sold=totals.quantity,
        average_order_value=average,
        returned_quantity=totals.returned_quantity,
        refunded_revenue=money_number(totals.refunded_revenue, currency),
        period_days=period.days,
        period_start=period.start.isoformat(),
        period_end=period.last.isoformat(),
        currency=currency,
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
