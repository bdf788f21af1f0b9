"""Stock counts of one tenant; they are never changed."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.counts.rules import CountLine, StockCount
from shelfwise.inventory.tables import STOCK_COUNT_LINES, STOCK_COUNTS
from shelfwise.platform.bulk import append
from shelfwise.platform.database import insert_into

_C, _L = STOCK_COUNTS.c, STOCK_COUNT_LINES.c


class CountRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, count: StockCount) -> bool:
        """Whether the count was new."""
        statement = insert_into(self._connection, STOCK_COUNTS).values(
            tenant_id=self._tenant_id,
            count_id=count.count_id,
            location_id=count.location_id,
            counted_at=count.counted_at,
            recorded_at=count.recorded_at,
            reason=count.reason,
        )
        if (await self._connection.execute(statement.on_conflict_do_nothing())).rowcount != 1:
            return False
        columns = ("tenant_id", "count_id", "line_no", "product_id", "location_id", "expected_quantity")
        await append(
            self._connection,
            STOCK_COUNT_LINES,
            (*columns, "counted_quantity", "counted_at"),
            [
                (
                    self._tenant_id,
                    count.count_id,
                    line.line_no,
                    line.product_id,
                    count.location_id,
                    line.expected_quantity,
                    line.counted_quantity,
                    count.counted_at,
                )
                for line in count.lines
            ],
        )
        return True

    async def get(self, count_id: str) -> StockCount | None:
        found = await self._select(_C.count_id == count_id, limit=1)
        return found[0] if found else None

    async def page(self, *, after: str, limit: int, location_id: str | None) -> list[StockCount]:
        """Counts by id."""
        conditions = [_C.count_id > after]
        if location_id is not None:
            conditions.append(_C.location_id == location_id)
        return await self._select(*conditions, limit=limit)

    async def _select(self, *conditions: "sa.ColumnElement[bool]", limit: int) -> list[StockCount]:
        query = sa.select(STOCK_COUNTS).where(_C.tenant_id == self._tenant_id, *conditions)
        rows = (await self._connection.execute(query.order_by(_C.count_id).limit(limit))).all()
        lines: dict[str, list[CountLine]] = {row.count_id: [] for row in rows}
        own = sa.select(STOCK_COUNT_LINES).where(_L.tenant_id == self._tenant_id, _L.count_id.in_(list(lines)))
        for row in await self._connection.execute(own.order_by(_L.count_id, _L.line_no)):
            lines[row.count_id].append(
                CountLine(row.line_no, row.product_id, row.expected_quantity, row.counted_quantity)
            )
        return [
            StockCount(
                row.count_id, row.location_id, row.counted_at, row.recorded_at, row.reason, tuple(lines[row.count_id])
            )
            for row in rows
        ]
