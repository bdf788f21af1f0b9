"""Demand: from daily sales to calibrated distributions of the total over any number of days."""

from shelfwise.planning.demand.calibration import LEVELS, Calibration
from shelfwise.planning.demand.fit import calibrate
from shelfwise.planning.demand.forecaster import Forecast, forecast
from shelfwise.planning.demand.panel import Panel
from shelfwise.planning.demand.totals import TotalDemandTable
from shelfwise.planning.demand.trend import sales_trend, sales_trends

__all__ = [
    "LEVELS",
    "Calibration",
    "Forecast",
    "Panel",
    "TotalDemandTable",
    "calibrate",
    "forecast",
    "sales_trend",
    "sales_trends",
]
