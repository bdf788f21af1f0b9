"""The tenant's settings as JSON."""

from datetime import date

import msgspec

from shelfwise.inventory.tenants.rules import Tenant


class TenantOut(msgspec.Struct, frozen=True):
    tenant_id: str
    name: str
    time_zone: str
    currency: str
    service_level: float
    review_period_days: int
    cover_days: int
    default_lead_time_days: int
    default_location_id: str
    business_date: date | None
    today: date
    simulated: bool
    version: int


class TenantChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What may be changed; what is left out stays. ``version``: refuse when it is not the current one."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    time_zone: str | msgspec.UnsetType = msgspec.UNSET
    service_level: float | msgspec.UnsetType = msgspec.UNSET
    review_period_days: int | msgspec.UnsetType = msgspec.UNSET
    cover_days: int | msgspec.UnsetType = msgspec.UNSET
    default_lead_time_days: int | msgspec.UnsetType = msgspec.UNSET
    default_location_id: str | msgspec.UnsetType = msgspec.UNSET
    business_date: date | msgspec.UnsetType | None = msgspec.UNSET
    version: int | msgspec.UnsetType = msgspec.UNSET


def tenant_out(tenant: Tenant, today: date) -> TenantOut:
    settings = tenant.settings
    return TenantOut(
        tenant_id=tenant.tenant_id,
        name=settings.name,
        time_zone=settings.time_zone,
        currency=settings.currency,
        service_level=settings.service_level,
        review_period_days=settings.review_period_days,
        cover_days=settings.cover_days,
        default_lead_time_days=settings.default_lead_time_days,
        default_location_id=settings.default_location_id,
        business_date=settings.business_date,
        today=today,
        simulated=settings.simulated,
        version=tenant.version,
    )
