"""In-stock shares as Inventory told them, one row a product."""

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.bulk import append
from shelfwise.platform.database import insert_into
from shelfwise.sales.stock_history.rules import Shares
from shelfwise.sales.tables import IN_STOCK_SHARES


class StockHistoryRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def shares(self, product_ids: Collection[str]) -> dict[str, Shares]:
        """Those of the products of which something is known."""
        c = IN_STOCK_SHARES.c
        query = sa.select(c.product_id, c.start, c.shares).where(
            c.tenant_id == self._tenant_id, c.product_id.in_(product_ids)
        )
        return {row[0]: Shares.unpack(row[1], row[2]) for row in await self._connection.execute(query)}

    async def known(self) -> bool:
        """Whether anything is known of any product."""
        c = IN_STOCK_SHARES.c
        query = sa.select(c.product_id).where(c.tenant_id == self._tenant_id).limit(1)
        return (await self._connection.execute(query)).first() is not None

    async def store(self, shares: Mapping[str, Shares], fetched_at: datetime) -> None:
        """Keeps the products' shares in place of those before."""
        statement = insert_into(self._connection, IN_STOCK_SHARES)
        columns = ("tenant_id", "product_id", "start", "shares", "fetched_at")
        await append(
            self._connection,
            IN_STOCK_SHARES,
            columns,
            [(self._tenant_id, name, each.start, each.pack(), fetched_at) for name, each in shares.items()],
            statement=statement.on_conflict_do_update(
                index_elements=["tenant_id", "product_id"],
                set_={name: statement.excluded[name] for name in columns[2:]},
            ),
        )
