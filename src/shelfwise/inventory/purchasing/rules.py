"""Suppliers, when they take orders and when they deliver, and what they sell."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from shelfwise.platform.problems import InvalidError
from shelfwise.platform.tenancy import FIRST_YEAR, LAST_YEAR, in_calendar

MAX_LEAD_TIME_DAYS = 365
#: So many working days, with every closed date among them, still end within 365 calendar days.
MAX_LEAD_TIME_WORKING_DAYS = 150
MAX_CLOSED_DATES = 100
MAX_LEAD_TIMES = 64
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
_SATURDAY = 5
_SLUG = re.compile(r"[^a-z0-9]+")
_SUPPLIER_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")

LeadTimes = tuple[tuple[int, float], ...]
LeadTimeUnit = Literal["calendar", "working"]


@dataclass(frozen=True, slots=True)
class Supplier:
    """Who delivers, when orders are taken and how long a delivery takes.

    ``lead_times``: (days, probability), counted from the day that takes the order; probabilities sum to 1. Working days
    are Monday to Friday without ``closed_dates``. ``order_weekdays``: Monday = 0; empty: every day. ``cut_off``: the
    last moment of such a day that counts for it, in the tenant's time zone; none: the end of the day. On
    ``closed_dates`` no order is taken. Minimums are what one order must come to, in the tenant's currency and in base
    units.
    """

    supplier_id: str
    name: str
    lead_times: LeadTimes
    order_weekdays: tuple[int, ...] = ()
    min_order_value: Decimal | None = None
    min_order_units: int | None = None
    cut_off: time | None = None
    closed_dates: tuple[date, ...] = ()
    lead_time_unit: LeadTimeUnit = "calendar"

    def takes_orders_on(self, day: date) -> bool:
        return day not in self.closed_dates and (not self.order_weekdays or day.weekday() in self.order_weekdays)


@dataclass(frozen=True, slots=True)
class SupplierItem:
    """What a supplier asks for a product: cost of one base unit, least order and pack, in base units."""

    supplier_id: str
    product_id: str
    unit_cost: Decimal | None
    moq: int = 1
    pack_size: int = 1


def check_supplier(supplier: Supplier) -> Supplier:
    """The supplier itself when it is possible.

    Raises:
        InvalidError: something is not; it is named.
    """
    if not _SUPPLIER_ID.match(supplier.supplier_id):
        raise InvalidError.of("supplier_id", "must be 1 to 128 letters, digits, '.', '_' or '-'")
    if not 0 < len(supplier.name.strip()) <= 256 or not supplier.name.isprintable():
        raise InvalidError.of("name", "must be 1 to 256 printable characters")
    _check_lead_times(supplier)
    _check_calendar(supplier)
    return supplier


def next_cut_off(supplier: Supplier, now: datetime, time_zone: str) -> tuple[date, datetime]:
    """The day that takes an order placed now, and the last instant, in the time zone, that still counts for it."""
    zone, now = ZoneInfo(time_zone), now.astimezone(UTC)
    day = now.astimezone(zone).date()
    while True:
        cut_off = _cut_off(supplier, day, zone)
        if supplier.takes_orders_on(day) and now <= cut_off:
            return day, cut_off.astimezone(zone)
        day += _DAY


def order_day(supplier: Supplier, ordered_on: date) -> date:
    """The day that takes an order placed on a day before its cut-off."""
    day = ordered_on
    while not supplier.takes_orders_on(day):
        day += _DAY
    return day


def expected_on(supplier: Supplier, taken_on: date) -> date:
    """When an order that was taken on a day is expected: after the mean lead time, rounded up to a whole day."""
    mean = sum(days * share for days, share in supplier.lead_times)
    days = math.ceil(mean - 1e-6)
    return taken_on + calendar_days(days, supplier.lead_time_unit, supplier.closed_dates, taken_on) * _DAY


def calendar_days(days: int, unit: LeadTimeUnit, closed_dates: Sequence[date], start: date) -> int:
    """How many calendar days after a start so many days of a unit end; none end on the start itself."""
    if unit == "calendar":
        return days
    day, left = start, days
    while left:
        day += _DAY
        left -= day.weekday() < _SATURDAY and day not in closed_dates
    return (day - start).days


def _cut_off(supplier: Supplier, day: date, zone: ZoneInfo) -> datetime:
    if supplier.cut_off is not None:
        return datetime.combine(day, supplier.cut_off, zone).astimezone(UTC)
    return datetime.combine(day + _DAY, time.min, zone).astimezone(UTC) - _TICK


def _check_calendar(supplier: Supplier) -> None:
    days = supplier.order_weekdays
    if len(set(days)) != len(days) or any(not 0 <= day <= 6 for day in days):
        raise InvalidError.of("order_weekdays", "must be different numbers from 0 (Monday) to 6 (Sunday)")
    closed = supplier.closed_dates
    if len(closed) > MAX_CLOSED_DATES or len(set(closed)) != len(closed):
        raise InvalidError.of("closed_dates", f"must be at most {MAX_CLOSED_DATES} different dates")
    if not all(map(in_calendar, closed)):
        raise InvalidError.of("closed_dates", f"must be between {FIRST_YEAR} and {LAST_YEAR}")
    if supplier.cut_off is not None and supplier.cut_off.tzinfo is not None:
        raise InvalidError.of("cut_off", "must be a time of day in the tenant's time zone, such as '15:30'")


def _check_lead_times(supplier: Supplier) -> None:
    times = supplier.lead_times
    if not 1 <= len(times) <= MAX_LEAD_TIMES or len({days for days, _ in times}) != len(times):
        raise InvalidError.of("lead_times", f"must list 1 to {MAX_LEAD_TIMES} different numbers of days")
    most = MAX_LEAD_TIME_DAYS if supplier.lead_time_unit == "calendar" else MAX_LEAD_TIME_WORKING_DAYS
    if any(not 0 <= days <= most for days, _ in times):
        raise InvalidError.of("lead_times", f"{supplier.lead_time_unit} days must be from 0 to {most}")
    if any(not 0 < share <= 1 for _, share in times) or not math.isclose(sum(p for _, p in times), 1.0, abs_tol=1e-6):
        raise InvalidError.of("lead_times", "probabilities must be over 0 and sum to 1")


def slug(name: str) -> str:
    """A supplier's id made of its name."""
    return _SLUG.sub("-", name.casefold()).strip("-")[:100] or "supplier"
