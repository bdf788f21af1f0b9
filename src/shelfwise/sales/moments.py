"""When something was sold: an instant, or a local wall time read in the tenant's zone."""

from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shelfwise.platform.tenancy import FIRST_YEAR, LAST_YEAR, in_calendar


class Moment(NamedTuple):
    """An instant in UTC and the tenant's business day that it falls on."""

    instant: datetime
    business_day: date


def read_moment(text: str, zone: ZoneInfo) -> Moment:
    """The moment that an ISO 8601 text names; without an offset it is the tenant's wall time.

    A wall time that a clock change repeats means its first occurrence; one that it skips, the same time after it.

    Raises:
        ValueError: not a date and time, or outside the years 1971 to 2198.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not a date and time such as 2024-01-15T10:00:00Z") from error
    if not in_calendar(moment):
        raise ValueError(f"the year {moment.year} is not between {FIRST_YEAR} and {LAST_YEAR}")
    if moment.tzinfo is None:
        return Moment(moment.replace(tzinfo=zone).astimezone(UTC), moment.date())
    instant = moment.astimezone(UTC)
    return Moment(instant, instant.astimezone(zone).date())
