"""The tenant's own row, its locations, and what Sales is told of it."""

import dataclasses
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.tables import LOCATIONS, TENANTS
from shelfwise.inventory.tenants.rules import Tenant, TenantSettings
from shelfwise.platform.database import insert_into

_FIELDS = tuple(field.name for field in dataclasses.fields(TenantSettings))

# Built once: every request asks it.
_FIND = sa.select(TENANTS).where(TENANTS.c.tenant_id == sa.bindparam("tenant"))
_FIND_LOCKED = _FIND.with_for_update()


class TenantRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find(self, *, lock: bool = False) -> Tenant | None:
        query = _FIND_LOCKED if lock else _FIND
        row = (await self._connection.execute(query, {"tenant": self._tenant_id})).mappings().first()
        if row is None:
            return None
        return Tenant(self._tenant_id, TenantSettings(**{name: row[name] for name in _FIELDS}), row["version"])

    async def add(self, settings: TenantSettings, now: datetime) -> bool:
        """Whether the tenant was new."""
        values = dataclasses.asdict(settings)
        statement = (
            insert_into(self._connection, TENANTS)
            .values(tenant_id=self._tenant_id, version=1, updated_at=now, **values)
            .on_conflict_do_nothing()
        )
        return (await self._connection.execute(statement)).rowcount == 1

    async def change(self, settings: TenantSettings, version: int, now: datetime) -> None:
        await self._connection.execute(
            sa.update(TENANTS)
            .where(TENANTS.c.tenant_id == self._tenant_id)
            .values(version=version, updated_at=now, **dataclasses.asdict(settings))
        )

    async def add_locations(self, locations: list[tuple[str, str, str]]) -> None:
        """(id, name, kind) of each; those that exist stay as they are."""
        await self._connection.execute(
            insert_into(self._connection, LOCATIONS).on_conflict_do_nothing(),
            [
                {"tenant_id": self._tenant_id, "location_id": location_id, "name": name, "kind": kind}
                for location_id, name, kind in locations
            ],
        )

    async def locations(self) -> tuple[dict[str, str], dict[str, str]]:
        """Kind by location id: of all locations, and of those that are not archived."""
        rows = (
            await self._connection.execute(
                sa.select(LOCATIONS.c.location_id, LOCATIONS.c.kind, LOCATIONS.c.archived_at).where(
                    LOCATIONS.c.tenant_id == self._tenant_id
                )
            )
        ).all()
        return (
            {row.location_id: row.kind for row in rows},
            {row.location_id: row.kind for row in rows if row.archived_at is None},
        )
