"""When products were in stock, as forecast runs fetched it from Inventory."""

from collections.abc import Collection
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.sales.stock_history.repository import StockHistoryRepository
from shelfwise.sales.stock_history.rules import F


class StockHistoryService:
    """Reads what is kept. It does not know the way to Inventory: no request handler may wait for that."""

    async def shares(
        self, connection: AsyncConnection, tenant_id: str, product_ids: Collection[str], start: date, end: date
    ) -> dict[str, F]:
        """In-stock share of each day for those of the products of which something is known; NaN is unknown."""
        found = await StockHistoryRepository(connection, tenant_id).shares(product_ids)
        return {name: each.between(start, end) for name, each in found.items()}

    async def known(self, connection: AsyncConnection, tenant_id: str) -> bool:
        """Whether anything is known of any product of the tenant."""
        return await StockHistoryRepository(connection, tenant_id).known()
