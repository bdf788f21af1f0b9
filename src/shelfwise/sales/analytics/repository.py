"""Range reads of the rollups."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.tenancy import Period
from shelfwise.sales.analytics.rules import DayRow, PeriodTotals, ProductFacts
from shelfwise.sales.tables import PRODUCT_REFS, SALES_DAILY, SALES_DAYS


@dataclass(frozen=True, slots=True)
class TopRow:
    product_id: str
    name: str
    quantity: int
    revenue: Decimal


class AnalyticsRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def facts(self, product_ids: Collection[str]) -> list[ProductFacts]:
        """Those of the products that Sales knows, each with the moment of its last sale."""
        c, daily = PRODUCT_REFS.c, SALES_DAILY.c
        last = (
            sa.select(daily.last_sold_at)
            .where(daily.tenant_id == c.tenant_id, daily.product_id == c.product_id, daily.quantity > 0)
            .order_by(daily.business_day.desc(), daily.last_sold_at.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = sa.select(c.product_id, c.listed_from, last).where(
            c.tenant_id == self._tenant_id, c.product_id.in_(product_ids)
        )
        return [ProductFacts(*row) for row in await self._connection.execute(query)]

    async def daily(self, product_ids: Collection[str], period: Period) -> list[DayRow]:
        """Rows of the products in the period."""
        c = SALES_DAILY.c
        query = sa.select(
            c.product_id, c.business_day, c.quantity, c.revenue, c.returned_quantity, c.refunded_revenue
        ).where(
            c.tenant_id == self._tenant_id,
            c.product_id.in_(product_ids),
            c.business_day >= period.start,
            c.business_day < period.end,
        )
        return [DayRow(*row) for row in await self._connection.execute(query)]

    async def totals(self, period: Period) -> PeriodTotals:
        """Sums over all products, orders counted once."""
        c = SALES_DAYS.c
        query = sa.select(
            sa.func.coalesce(sa.func.sum(c.orders), 0),
            sa.func.coalesce(sa.func.sum(c.quantity), 0),
            sa.func.sum(c.revenue),
            sa.func.coalesce(sa.func.sum(c.returned_quantity), 0),
            sa.func.sum(c.refunded_revenue),
        ).where(c.tenant_id == self._tenant_id, c.business_day >= period.start, c.business_day < period.end)
        row = (await self._connection.execute(query)).one()
        return PeriodTotals(int(row[0]), int(row[1]), row[2] or Decimal(0), int(row[3]), row[4] or Decimal(0))

    async def top(self, period: Period, limit: int) -> list[TopRow]:
        """Products by units sold, ties by id."""
        c = SALES_DAILY.c
        units = sa.func.sum(c.quantity)
        best = (
            sa.select(c.product_id, units.label("quantity"), sa.func.sum(c.revenue).label("revenue"))
            .where(c.tenant_id == self._tenant_id, c.business_day >= period.start, c.business_day < period.end)
            .group_by(c.product_id)
            .having(units > 0)
            .order_by(units.desc(), c.product_id)
            .limit(limit)
            .subquery()
        )
        query = (
            sa.select(best.c.product_id, PRODUCT_REFS.c.name, best.c.quantity, best.c.revenue)
            .join(
                PRODUCT_REFS,
                sa.and_(PRODUCT_REFS.c.tenant_id == self._tenant_id, PRODUCT_REFS.c.product_id == best.c.product_id),
            )
            .order_by(best.c.quantity.desc(), best.c.product_id)
        )
        rows = await self._connection.execute(query)
        return [TopRow(row[0], row[1], int(row[2]), row[3]) for row in rows]

    async def orders_by_day(self, period: Period) -> list[tuple[date, int]]:
        """(day, orders) of the days of the period that have any."""
        c = SALES_DAYS.c
        query = sa.select(c.business_day, c.orders).where(
            c.tenant_id == self._tenant_id, c.business_day >= period.start, c.business_day < period.end
        )
        return [(row[0], row[1]) for row in await self._connection.execute(query)]
