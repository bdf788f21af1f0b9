"""What a rebuild reads: everything that was ever recorded, a bounded part at a time."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.ledger.service import Balance, LedgerRepository, Place, balance_of
from shelfwise.inventory.movements import Movement
from shelfwise.inventory.tables import RESERVATIONS, STOCK_BALANCES, STOCK_COUNT_LINES, STOCK_MOVEMENTS

_M, _B, _R, _C = STOCK_MOVEMENTS.c, STOCK_BALANCES.c, RESERVATIONS.c, STOCK_COUNT_LINES.c
_ROWS_AT_ONCE = 2000
_READ = (
    _M.product_id,
    _M.kind,
    _M.from_location_id,
    _M.to_location_id,
    _M.quantity,
    _M.occurred_at,
    _M.business_date,
    _M.unit_cost,
    _M.value,
    _M.sequence,
)


class RebuildRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._ledger = LedgerRepository(connection, tenant_id)

    async def total(self) -> int:
        """How many movements there are."""
        query = sa.select(sa.func.count()).select_from(STOCK_MOVEMENTS).where(_M.tenant_id == self._tenant_id)
        return int(await self._connection.scalar(query) or 0)

    async def products(self, *, after: str, limit: int) -> list[tuple[str, int]]:
        """(product, movements), by product; those that have a balance alone too."""
        moved = sa.select(_M.product_id, sa.literal(1).label("one")).where(
            _M.tenant_id == self._tenant_id, _M.product_id > after
        )
        kept = sa.select(_B.product_id, sa.literal(0).label("one")).where(
            _B.tenant_id == self._tenant_id, _B.product_id > after
        )
        both = sa.union_all(moved, kept).subquery()
        query = (
            sa.select(both.c.product_id, sa.func.sum(both.c.one))
            .group_by(both.c.product_id)
            .order_by(both.c.product_id)
            .limit(limit)
        )
        return [(row[0], int(row[1])) for row in await self._connection.execute(query)]

    async def lock(self, product_ids: Sequence[str]) -> dict[Place, Balance]:
        """The products' balances as they are kept, locked."""
        query = (
            sa.select(STOCK_BALANCES)
            .where(_B.tenant_id == self._tenant_id, _B.product_id.in_(product_ids))
            .order_by(_B.product_id, _B.location_id)
            .with_for_update()
        )
        return {(row.product_id, row.location_id): balance_of(row) for row in await self._connection.execute(query)}

    async def make(self, places: Sequence[Place]) -> dict[Place, Balance]:
        """Balances that are missing, empty and locked; another's that was made meanwhile as it is."""
        return await self._ledger.lock_balances(places)

    async def save(self, balances: dict[Place, Balance]) -> None:
        await self._ledger.save_balances(balances)

    async def movements(self, product_ids: Sequence[str]) -> AsyncIterator[Movement]:
        """The products' movements in the order in which their balances took them, streamed."""
        query = (
            sa.select(*_READ)
            .where(_M.tenant_id == self._tenant_id, _M.product_id.in_(product_ids))
            .order_by(_M.product_id, _M.sequence, _M.movement_id)
        )
        async with self._connection.stream(query) as result:
            async for part in result.partitions(_ROWS_AT_ONCE):
                for product_id, kind, source, target, quantity, at, day, unit_cost, value, sequence in part:
                    yield Movement(
                        product_id=product_id,
                        kind=kind,
                        from_location_id=source,
                        to_location_id=target,
                        quantity=quantity,
                        occurred_at=at,
                        business_date=day,
                        event_id="",
                        unit_cost=unit_cost,
                        value=value,
                        sequence=sequence,
                    )

    async def held(self, product_ids: Sequence[str]) -> dict[Place, tuple[int, int]]:
        """(committed, unavailable) that open reservations hold."""
        left = _R.quantity - _R.consumed_quantity
        query = (
            sa.select(
                _R.product_id,
                _R.location_id,
                sa.func.sum(sa.case((_R.purpose == "order", left), else_=0)),
                sa.func.sum(sa.case((_R.purpose == "order", 0), else_=left)),
            )
            .where(_R.tenant_id == self._tenant_id, _R.product_id.in_(product_ids), _R.status == "held")
            .group_by(_R.product_id, _R.location_id)
        )
        return {(row[0], row[1]): (int(row[2]), int(row[3])) for row in await self._connection.execute(query)}

    async def last_counts(self, product_ids: Sequence[str]) -> dict[Place, datetime]:
        """When each product was counted last at each location."""
        query = (
            sa.select(_C.product_id, _C.location_id, sa.func.max(_C.counted_at))
            .where(_C.tenant_id == self._tenant_id, _C.product_id.in_(product_ids))
            .group_by(_C.product_id, _C.location_id)
        )
        return {(row[0], row[1]): row[2] for row in await self._connection.execute(query)}
