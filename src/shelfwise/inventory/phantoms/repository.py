"""Products of which something is on hand."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.tables import PRODUCTS, STOCK_BALANCES

_P, _B = PRODUCTS.c, STOCK_BALANCES.c


class StockedProducts:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def page(self, *, after: str, limit: int) -> list[tuple[str, str, str]]:
        """(id, SKU, name), by id."""
        stocked = sa.exists().where(_B.tenant_id == self._tenant_id, _B.product_id == _P.product_id, _B.on_hand > 0)
        query = (
            sa.select(_P.product_id, _P.sku, _P.name)
            .where(_P.tenant_id == self._tenant_id, _P.product_id > after, _P.status != "archived", stocked)
            .order_by(_P.product_id)
            .limit(limit)
        )
        return [(row.product_id, row.sku, row.name) for row in await self._connection.execute(query)]
