"""What the integration document answers when nothing is known of sales."""

from shelfwise.contracts.analytics import SalesData, SalesSummary
from shelfwise.contracts.forecasts import DemandForecast


def no_sales(product_id: str, days: int) -> SalesData:
    """The document's figures of a product of which no sale is known."""
    return SalesData(
        product_id=product_id,
        total_quantity_sold=0,
        total_revenue=0.0,
        average_daily_sales=0.0,
        sales_trend="unknown",
        last_sale_date=None,
        period_days=days,
    )


def no_forecast(product_id: str, forecast_days: int) -> DemandForecast:
    """The document's figures of a product without a forecast."""
    return DemandForecast(
        product_id=product_id,
        forecast_days=forecast_days,
        predicted_demand=None,
        confidence_level=None,
        recommended_stock_level=None,
    )


def no_summary() -> SalesSummary:
    """The document's figures of a period without sales."""
    return SalesSummary(total_orders=0, total_revenue=0.0, total_items_sold=0, average_order_value=None)
