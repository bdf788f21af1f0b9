"""When something was sold: an instant, or a local wall time read in the tenant's zone."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shelfwise.platform.tenancy import FIRST_YEAR, LAST_YEAR, in_calendar

#: Clocks differ, and so do time zones; more than that is a mistake.
AHEAD = timedelta(days=1)
TOO_FAR_AHEAD = "must not be more than a day in the future"


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


def is_ahead(moment: Moment, now: datetime, pinned: date | None) -> bool:
    """Whether a moment lies more than a day in the future: of the clock, and of a pinned business date."""
    return moment.instant > now + AHEAD and (pinned is None or moment.business_day > pinned + AHEAD)
