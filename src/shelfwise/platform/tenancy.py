"""Tenant ids, business days and periods."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shelfwise.platform.problems import InvalidError

#: Days inside these years, inclusive, have room before them for any period and after them for any forecast.
FIRST_YEAR, LAST_YEAR = 1971, 2198
TENANT_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


def check_tenant_id(tenant_id: str) -> str:
    """The id itself when it is well formed.

    Raises:
        InvalidError: it is not 1 to 64 letters, digits, dots, underscores or hyphens.
    """
    if not TENANT_ID.match(tenant_id):
        raise InvalidError.of(
            "X-Tenant-ID",
            "must be 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit",
            "header",
        )
    return tenant_id


def check_time_zone(name: str, field: str = "time_zone") -> str:
    """The IANA name itself when it is known.

    Raises:
        InvalidError: no such time zone.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidError.of(field, f"{name!r} is not an IANA time zone such as 'Europe/London'") from error
    return name


def in_calendar(day: date) -> bool:
    """Whether a day, or an instant's, is one that periods, forecasts and time zones can be reckoned around."""
    return FIRST_YEAR <= day.year <= LAST_YEAR


@dataclass(frozen=True, slots=True)
class Period:
    """Business days ``start <= day < end``."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def last(self) -> date:
        return self.end - timedelta(days=1)


def business_day(instant: datetime, time_zone: str) -> date:
    """The calendar day of an aware instant in the tenant's time zone."""
    return instant.astimezone(ZoneInfo(time_zone)).date()


def business_date(now: datetime, time_zone: str, pinned: date | None) -> date:
    """Today for the tenant: the pinned business date where there is one."""
    return pinned if pinned is not None else business_day(now, time_zone)


def complete_days(today: date, days: int) -> Period:
    """The ``days`` complete business days that end yesterday; today is never part of a period."""
    return Period(today - timedelta(days=days), today)
