"""Demand: from daily sales to calibrated distributions of the total over any number of days."""

from shelfwise.planning.demand.backtest import Backtest, Score, backtest
from shelfwise.planning.demand.calibration import LEVELS, Calibration
from shelfwise.planning.demand.champion import ChampionMissingError, lightgbm
from shelfwise.planning.demand.fit import calibrate
from shelfwise.planning.demand.forecaster import Forecast, forecast
from shelfwise.planning.demand.outlier import Outlier, outliers
from shelfwise.planning.demand.override import (
    Override,
    OverrideScore,
    PlannedForecast,
    apply_overrides,
    moved_quantiles,
    overridden_means,
    score_overrides,
)
from shelfwise.planning.demand.panel import Panel
from shelfwise.planning.demand.succession import inherit
from shelfwise.planning.demand.totals import TotalDemandTable
from shelfwise.planning.demand.trend import Trend, sales_trend, sales_trends

__all__ = [
    "LEVELS",
    "Backtest",
    "Calibration",
    "ChampionMissingError",
    "Forecast",
    "Outlier",
    "Override",
    "OverrideScore",
    "Panel",
    "PlannedForecast",
    "Score",
    "TotalDemandTable",
    "Trend",
    "apply_overrides",
    "backtest",
    "calibrate",
    "forecast",
    "inherit",
    "lightgbm",
    "moved_quantiles",
    "outliers",
    "overridden_means",
    "sales_trend",
    "sales_trends",
    "score_overrides",
]
