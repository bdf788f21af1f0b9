"""Figures of a period from daily rows: pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from shelfwise.platform.tenancy import Period

WEEKDAYS = 7
#: With fewer days of history a weekday without sales says nothing about opening hours.
MIN_DAYS_TO_LEARN_CLOSING = 28


@dataclass(frozen=True, slots=True)
class DayRow:
    """One product's figures of one business day, at one location."""

    product_id: str
    business_day: date
    quantity: int
    revenue: Decimal
    returned_quantity: int
    refunded_revenue: Decimal


@dataclass(frozen=True, slots=True)
class PeriodTotals:
    """All products' figures of a period; ``orders`` counts each order once."""

    orders: int
    quantity: int
    revenue: Decimal
    returned_quantity: int
    refunded_revenue: Decimal


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What is known of a product beside its sales in the period."""

    product_id: str
    listed_from: date
    last_sold_at: datetime | None


def open_weekdays(days: Iterable[tuple[date, int]], today: date) -> NDArray[np.bool_]:
    """(7,) whether the tenant sells on Mondays to Sundays, learned from (day, orders) before today.

    A weekday without a single order in at least four weeks is closed. Too little history: open every day.
    """
    sold = [day for day, orders in days if orders > 0 and day < today]
    if not sold or (today - min(sold)).days < MIN_DAYS_TO_LEARN_CLOSING:
        return np.ones(WEEKDAYS, dtype=np.bool_)
    return np.isin(np.arange(WEEKDAYS), [day.weekday() for day in sold])


def days_listed(listed_from: date, period: Period) -> int:
    """Days of the period on which the product was listed."""
    return max(0, (period.end - max(period.start, listed_from)).days)


def daily_units(rows: Iterable[DayRow], listed_from: date, period: Period) -> NDArray[np.float64]:
    """(days,) units of a product by day of the period; NaN before it was listed."""
    units = np.zeros(period.days)
    units[: period.days - days_listed(listed_from, period)] = np.nan
    for row in rows:
        index = (row.business_day - period.start).days
        # A day on which a product sold is a day on which it was listed, whatever the catalogue says.
        units[index] = row.quantity + (0.0 if np.isnan(units[index]) else units[index])
    return units


def open_days(weekdays: NDArray[np.bool_], period: Period) -> NDArray[np.bool_]:
    """(days,) whether each day of the period is one on which the tenant sells."""
    return np.asarray(weekdays[(period.start.weekday() + np.arange(period.days)) % WEEKDAYS])


def year_before(today: date) -> Period:
    """The days from which opening hours are learned."""
    return Period(today - timedelta(days=365), today)
