"""Tenants: created and changed here, published to Sales."""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.contracts.events import TenantRef
from shelfwise.inventory.locations import VIRTUAL_LOCATIONS
from shelfwise.inventory.publishing import publish_tenant
from shelfwise.inventory.tenants.repository import TenantRepository
from shelfwise.inventory.tenants.rules import Tenant, TenantSettings, check_settings
from shelfwise.platform.database import Database
from shelfwise.platform.problems import ConflictError, InvalidError, TenantNotSetUpError
from shelfwise.platform.tenancy import check_tenant_id

__all__ = [
    "Clock",
    "Tenant",
    "TenantService",
    "TenantSettings",
    "all_and_open_locations",
    "location_kinds",
    "require_tenant",
    "tenant_ref",
]

Clock = Callable[[], datetime]


async def require_tenant(connection: AsyncConnection, tenant_id: str) -> Tenant:
    """The tenant, inside another feature's transaction.

    Raises:
        TenantNotSetUpError: nobody created it.
    """
    tenant = await TenantRepository(connection, tenant_id).find()
    if tenant is None:
        raise TenantNotSetUpError(tenant_id)
    return tenant


async def location_kinds(connection: AsyncConnection, tenant_id: str) -> dict[str, str]:
    """Kind by location id, archived ones too, inside another feature's transaction."""
    return (await TenantRepository(connection, tenant_id).locations())[0]


async def all_and_open_locations(connection: AsyncConnection, tenant_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """Kind by location id: of all locations, which the ledger keeps, and of those that a person may still use."""
    return await TenantRepository(connection, tenant_id).locations()


class TenantService:
    def __init__(self, database: Database, clock: Clock, committed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._committed = committed

    async def create(self, tenant_id: str, settings: TenantSettings) -> Tenant:
        """Creates a tenant with its locations.

        Raises:
            InvalidError: an id or setting is not possible.
            ConflictError: the tenant exists.
        """
        check_tenant_id(tenant_id)
        check_settings(settings)
        now = self._clock()
        async with self._database.write(tenant_id) as connection:
            repository = TenantRepository(connection, tenant_id)
            if not await repository.add(settings, now):
                raise ConflictError(f"Tenant {tenant_id!r} exists. Change it with `shelfwise tenant set`.")
            default = settings.default_location_id
            virtual = [(name, name.capitalize(), name) for name in VIRTUAL_LOCATIONS]
            await repository.add_locations([(default, default.capitalize(), "stock"), *virtual])
            tenant = Tenant(tenant_id, settings, 1)
            await publish_tenant(connection, tenant_ref(tenant), now)
        self._committed()
        return tenant

    async def show(self, tenant_id: str) -> Tenant:
        """Raises TenantNotSetUpError when nobody created it."""
        async with self._database.read(tenant_id) as connection:
            return await require_tenant(connection, tenant_id)

    async def change(self, tenant_id: str, changes: Mapping[str, Any], version: int | None = None) -> Tenant:
        """The tenant with some settings replaced, by their names in ``TenantSettings``.

        Raises:
            InvalidError: a setting is not possible.
            ConflictError: ``version`` is given and is not the current one.
        """
        now = self._clock()
        async with self._database.write(tenant_id) as connection:
            repository = TenantRepository(connection, tenant_id)
            known = await repository.find(lock=True)
            if known is None:
                raise TenantNotSetUpError(tenant_id)
            if version is not None and version != known.version:
                raise ConflictError(f"The tenant is at version {known.version}, not {version}. Read it again.")
            settings = check_settings(dataclasses.replace(known.settings, **changes))
            if settings == known.settings:
                return known
            tenant = Tenant(tenant_id, settings, known.version + 1)
            await repository.change(settings, tenant.version, now)
            every, usable = await repository.locations()
            if settings.default_location_id in every and usable.get(settings.default_location_id) != "stock":
                raise InvalidError.of("default_location_id", "must be a stocking location that is not archived")
            await repository.add_locations([(settings.default_location_id, settings.default_location_id, "stock")])
            await publish_tenant(connection, tenant_ref(tenant), now)
        self._committed()
        return tenant


def tenant_ref(tenant: Tenant) -> TenantRef:
    """The tenant as Sales needs it."""
    settings = tenant.settings
    return TenantRef(
        tenant_id=tenant.tenant_id,
        name=settings.name,
        time_zone=settings.time_zone,
        currency=settings.currency,
        version=tenant.version,
        business_date=None if settings.business_date is None else settings.business_date.isoformat(),
        simulated=settings.simulated,
    )
