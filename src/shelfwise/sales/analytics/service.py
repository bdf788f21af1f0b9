"""Sales figures of complete business days, as the integration document names them."""

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.contracts.analytics import AnalyticsAnswer, SalesData, SalesSummary, TopSellingProduct
from shelfwise.planning.demand import sales_trends
from shelfwise.platform.columns import money_number
from shelfwise.platform.database import Database
from shelfwise.platform.problems import NotFoundError
from shelfwise.platform.tenancy import Period, complete_days
from shelfwise.sales.analytics.repository import AnalyticsRepository
from shelfwise.sales.analytics.rules import (
    DayRow,
    ProductFacts,
    daily_units,
    open_days,
    open_weekdays,
    year_before,
)
from shelfwise.sales.analytics.schemas import sales_data, summary
from shelfwise.sales.product_refs.service import ProductRefsService, Tenant

_WEEKDAYS_CACHE_SECONDS = 60.0
_WEEKDAYS_CACHE_SIZE = 1024
#: So many products' trends are tested on the event loop; more, or longer periods, beside it.
_LOOP_CELLS = 100


class ProductUnknownError(NotFoundError):
    def __init__(self, product_id: str) -> None:
        super().__init__(f"Sales knows no product {product_id!r}.")


class AnalyticsService:
    def __init__(
        self,
        database: Database,
        product_refs: ProductRefsService,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._product_refs = product_refs
        self._clock = clock
        self._monotonic = monotonic
        self._weekdays: OrderedDict[tuple[str, date], tuple[float, NDArray[np.bool_]]] = OrderedDict()

    async def product(self, tenant_id: str, product_id: str, days: int) -> SalesData:
        """One product's figures; zeros when it did not sell.

        Raises:
            ProductUnknownError: Sales knows no such product.
        """
        answer = await self.products(tenant_id, [product_id], days)
        if not answer["items"]:
            raise ProductUnknownError(product_id)
        return answer["items"][0]

    async def products(self, tenant_id: str, product_ids: Collection[str], days: int) -> AnalyticsAnswer:
        """Figures of many products, in the order asked, each once; and the ids that Sales does not know."""
        tenant, period = await self._period(tenant_id, days)
        wanted = list(dict.fromkeys(product_ids))
        async with self._database.read(tenant_id) as connection:
            repository = AnalyticsRepository(connection, tenant_id)
            facts = {fact.product_id: fact for fact in await repository.facts(wanted)}
            rows = await repository.daily(facts, period) if facts else []
            weekdays = await self.open_weekdays(connection, tenant)
        known = [facts[name] for name in wanted if name in facts]
        if len(known) * period.days > _LOOP_CELLS:
            items = await asyncio.to_thread(_figures, known, rows, period, weekdays, tenant.currency)
        else:
            items = _figures(known, rows, period, weekdays, tenant.currency)
        return AnalyticsAnswer(items=items, unknown=[name for name in wanted if name not in facts])

    async def top(self, tenant_id: str, days: int, limit: int) -> list[TopSellingProduct]:
        """The products of which most units were sold, ties by product id."""
        tenant, period = await self._period(tenant_id, days)
        async with self._database.read(tenant_id) as connection:
            rows = await AnalyticsRepository(connection, tenant_id).top(period, limit)
        return [
            TopSellingProduct(
                product_id=row.product_id,
                product_name=row.name,
                quantity_sold=row.quantity,
                revenue=money_number(row.revenue, tenant.currency),
                rank=rank,
            )
            for rank, row in enumerate(rows, start=1)
        ]

    async def summary(self, tenant_id: str, days: int) -> SalesSummary:
        """All products' figures together."""
        tenant, period = await self._period(tenant_id, days)
        async with self._database.read(tenant_id) as connection:
            totals = await AnalyticsRepository(connection, tenant_id).totals(period)
        return summary(totals, period, tenant.currency)

    async def open_weekdays(self, connection: AsyncConnection, tenant: Tenant) -> NDArray[np.bool_]:
        """(7,) whether the tenant sells on Mondays to Sundays, learned from the last year; a minute old at most."""
        today = tenant.today(self._clock())
        key = (tenant.tenant_id, today)
        cached = self._weekdays.get(key)
        if cached is not None and self._monotonic() < cached[0]:
            return cached[1]
        days = await AnalyticsRepository(connection, tenant.tenant_id).orders_by_day(year_before(today))
        learned = open_weekdays(days, today)
        self._weekdays[key] = (self._monotonic() + _WEEKDAYS_CACHE_SECONDS, learned)
        self._weekdays.move_to_end(key)
        while len(self._weekdays) > _WEEKDAYS_CACHE_SIZE:
            self._weekdays.popitem(last=False)
        return learned

    async def _period(self, tenant_id: str, days: int) -> tuple[Tenant, Period]:
        tenant = await self._product_refs.tenant(tenant_id)
        return tenant, complete_days(tenant.today(self._clock()), days)


def _figures(
    known: list[ProductFacts], rows: list[DayRow], period: Period, weekdays: NDArray[np.bool_], currency: str
) -> list[SalesData]:
    by_product: dict[str, list[DayRow]] = defaultdict(list)
    for row in rows:
        by_product[row.product_id].append(row)
    if not known:
        return []
    units = np.stack([daily_units(by_product[fact.product_id], fact.listed_from, period) for fact in known])
    trends = sales_trends(np.maximum(units, 0.0), open=open_days(weekdays, period))
    return [
        sales_data(fact, by_product[fact.product_id], period, trend, currency)
        for fact, trend in zip(known, trends, strict=True)
    ]
