"""What a tenant is, and which settings are possible."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from shelfwise.inventory.locations import VIRTUAL_LOCATIONS
from shelfwise.platform.problems import InvalidError
from shelfwise.platform.tenancy import FIRST_YEAR, LAST_YEAR, business_date, check_time_zone, in_calendar

_CURRENCY = re.compile(r"^[A-Z]{3}$")
_LOCATION_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """What ``shelfwise tenant create`` may be told; the defaults are the one policy's."""

    name: str
    time_zone: str = "UTC"
    currency: str = "USD"
    service_level: float = 0.95
    review_period_days: int = 1
    cover_days: int = 30
    default_lead_time_days: int = 7
    default_location_id: str = "main"
    business_date: date | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as stored. ``version`` rises with every change."""

    tenant_id: str
    settings: TenantSettings
    version: int

    def today(self, now: datetime) -> date:
        """The tenant's business date: the pinned one where there is one."""
        return business_date(now, self.settings.time_zone, self.settings.business_date)


def check_settings(settings: TenantSettings) -> TenantSettings:
    """The settings themselves when they are possible.

    Raises:
        InvalidError: one is not; it is named.
    """
    if not 0 < len(settings.name.strip()) <= 256 or not settings.name.isprintable():
        raise InvalidError.of("name", "must be 1 to 256 printable characters")
    check_time_zone(settings.time_zone)
    if not _CURRENCY.match(settings.currency):
        raise InvalidError.of("currency", "must be an ISO 4217 code such as 'EUR'")
    if not 0.5 <= settings.service_level <= 0.999:
        raise InvalidError.of("service_level", "must be from 0.5 to 0.999")
    _check_range("review_period_days", settings.review_period_days, 1, 90)
    _check_range("cover_days", settings.cover_days, 1, 180)
    _check_range("default_lead_time_days", settings.default_lead_time_days, 0, 365)
    if settings.business_date is not None and not in_calendar(settings.business_date):
        raise InvalidError.of("business_date", f"must be between {FIRST_YEAR} and {LAST_YEAR}")
    if not _LOCATION_ID.match(settings.default_location_id) or settings.default_location_id in VIRTUAL_LOCATIONS:
        raise InvalidError.of(
            "default_location_id", "must be 1 to 64 letters, digits, '.', '_' or '-', and no reserved name"
        )
    return settings


def _check_range(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidError.of(field, f"must be from {least} to {most}")
