"""Locations of one tenant."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.places.rules import Location
from shelfwise.inventory.tables import LOCATIONS, STOCK_BALANCES, TRANSFERS
from shelfwise.platform.database import insert_into

_L, _B, _T = LOCATIONS.c, STOCK_BALANCES.c, TRANSFERS.c


class PlaceRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, location: Location) -> bool:
        """Whether the location was new."""
        statement = insert_into(self._connection, LOCATIONS).values(
            tenant_id=self._tenant_id, location_id=location.location_id, name=location.name, kind=location.kind
        )
        return (await self._connection.execute(statement.on_conflict_do_nothing())).rowcount == 1

    async def get(self, location_id: str) -> Location | None:
        """The location, locked: whoever archives it waits."""
        query = self._select().where(_L.location_id == location_id).with_for_update()
        row = (await self._connection.execute(query)).first()
        return None if row is None else _location(row)

    async def page(self, *, after: str, limit: int, archived: bool) -> list[Location]:
        """Locations by id; archived ones only when asked for."""
        query = self._select().where(_L.location_id > after).order_by(_L.location_id).limit(limit)
        if not archived:
            query = query.where(_L.archived_at.is_(None))
        return [_location(row) for row in await self._connection.execute(query)]

    async def rename(self, location_id: str, name: str) -> None:
        await self._set(location_id, name=name)

    async def archive(self, location_id: str, now: datetime | None) -> None:
        """Archives a location, or with None brings it back."""
        await self._set(location_id, archived_at=now)

    async def is_in_use(self, location_id: str) -> bool:
        """Whether anything is at the location, held there or on its way there."""
        balances = sa.select(_B.product_id).where(
            _B.tenant_id == self._tenant_id,
            _B.location_id == location_id,
            sa.or_(_B.on_hand != 0, _B.committed != 0, _B.unavailable != 0),
        )
        if (await self._connection.execute(balances.limit(1))).first() is not None:
            return True
        coming = sa.select(_T.transfer_id).where(
            _T.tenant_id == self._tenant_id, _T.to_location_id == location_id, _T.status != "received"
        )
        return (await self._connection.execute(coming.limit(1))).first() is not None

    async def _set(self, location_id: str, **values: Any) -> None:  # noqa: ANN401  columns of the table
        await self._connection.execute(
            sa.update(LOCATIONS).where(_L.tenant_id == self._tenant_id, _L.location_id == location_id).values(**values)
        )

    def _select(self) -> "sa.Select[*tuple[Any, ...]]":
        return sa.select(LOCATIONS).where(_L.tenant_id == self._tenant_id)


def _location(row: "sa.Row[*tuple[Any, ...]]") -> Location:
    return Location(row.location_id, row.name, row.kind, row.archived_at)
