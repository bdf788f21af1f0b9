"""Stock: when to order, how much, and how urgent it is, from distributions of demand."""

from shelfwise.planning.stock.closed_forms import (
    economic_order_quantity,
    newsvendor_normal,
    newsvendor_poisson,
    normal_cdf,
    normal_loss,
    order_up_to_level_normal,
    performance_r_q,
)
from shelfwise.planning.stock.projection import (
    Urgency,
    days_of_cover,
    expected_stockout_day,
    first_day_below,
    margin_at_risk,
    projected_stock,
    projected_stock_lost_sales,
    urgency,
)
from shelfwise.planning.stock.reorder import (
    cover_days,
    normal_quantile,
    order_up_to_level,
    reorder_point_mixture,
    reorder_point_normal,
)
from shelfwise.planning.stock.sizing import OrderQuantity, needs_reorder, order_quantity, recommend

__all__ = [
    "OrderQuantity",
    "Urgency",
    "cover_days",
    "days_of_cover",
    "economic_order_quantity",
    "expected_stockout_day",
    "first_day_below",
    "margin_at_risk",
    "needs_reorder",
    "newsvendor_normal",
    "newsvendor_poisson",
    "normal_cdf",
    "normal_loss",
    "normal_quantile",
    "order_quantity",
    "order_up_to_level",
    "order_up_to_level_normal",
    "performance_r_q",
    "projected_stock",
    "projected_stock_lost_sales",
    "recommend",
    "reorder_point_mixture",
    "reorder_point_normal",
    "urgency",
]
