"""Reading the ledger of one tenant: movements, levels, and what moved since when."""

from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.ledger.service import Balance, Place, balance_of, movement_of
from shelfwise.inventory.movements import Movement
from shelfwise.inventory.tables import PRODUCTS, STOCK_BALANCES, STOCK_MOVEMENTS

#: Product, from, to, quantity, instant and business day.
Move = tuple[str, str, str, int, datetime, date]
_B = STOCK_BALANCES.c
_M = STOCK_MOVEMENTS.c


class StockRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def movement(self, movement_id: str) -> tuple[Movement, str] | None:
        """(movement, source) of an id."""
        query = sa.select(STOCK_MOVEMENTS).where(_M.tenant_id == self._tenant_id, _M.movement_id == movement_id)
        row = (await self._connection.execute(query)).first()
        return None if row is None else (movement_of(row), row.source)

    async def is_reversed(self, movement_id: str) -> bool:
        """Whether a movement was reversed already."""
        query = sa.select(_M.movement_id).where(_M.tenant_id == self._tenant_id, _M.reverses_movement_id == movement_id)
        return (await self._connection.execute(query)).first() is not None

    async def movements(
        self, *, product_id: str | None, before: str, limit: int
    ) -> list[tuple[str, Movement, datetime, str]]:
        """(id, movement, recorded at, source), newest recording first, those before an id."""
        query = sa.select(STOCK_MOVEMENTS).where(_M.tenant_id == self._tenant_id)
        if product_id is not None:
            query = query.where(_M.product_id == product_id)
        if before:
            query = query.where(_M.movement_id < before)
        rows = await self._connection.execute(query.order_by(_M.movement_id.desc()).limit(limit))
        return [(row.movement_id, movement_of(row), row.recorded_at, row.source) for row in rows]

    async def levels(
        self, *, after: Place, limit: int, product_id: str | None, location_id: str | None, oversold: bool
    ) -> list[tuple[Place, str, str, Balance]]:
        """(place, SKU, name, balance), by product and location."""
        query = (
            sa.select(STOCK_BALANCES, PRODUCTS.c.sku, PRODUCTS.c.name)
            .join(
                PRODUCTS,
                sa.and_(PRODUCTS.c.tenant_id == _B.tenant_id, PRODUCTS.c.product_id == _B.product_id),
            )
            .where(_B.tenant_id == self._tenant_id, sa.tuple_(_B.product_id, _B.location_id) > sa.tuple_(*after))
            .order_by(_B.product_id, _B.location_id)
            .limit(limit)
        )
        if product_id is not None:
            query = query.where(_B.product_id == product_id)
        if location_id is not None:
            query = query.where(_B.location_id == location_id)
        if oversold:
            query = query.where(_B.on_hand < 0)
        rows = await self._connection.execute(query)
        return [((row.product_id, row.location_id), row.sku, row.name, balance_of(row)) for row in rows]

    async def balances(self, product_ids: Sequence[str]) -> dict[Place, Balance]:
        """The products' balances at every location."""
        query = sa.select(STOCK_BALANCES).where(_B.tenant_id == self._tenant_id, _B.product_id.in_(product_ids))
        return {(row.product_id, row.location_id): balance_of(row) for row in await self._connection.execute(query)}

    async def moves_since(self, product_ids: Sequence[str], start: date) -> list[Move]:
        """Movements from a business day on, by product in time order."""
        query = (
            sa.select(
                _M.product_id, _M.from_location_id, _M.to_location_id, _M.quantity, _M.occurred_at, _M.business_date
            )
            .where(_M.tenant_id == self._tenant_id, _M.product_id.in_(product_ids), _M.business_date >= start)
            .order_by(_M.product_id, _M.business_date, _M.occurred_at, _M.movement_id)
        )
        return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in await self._connection.execute(query)]
