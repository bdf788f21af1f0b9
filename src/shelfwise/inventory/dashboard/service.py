"""The inventory's own part of the dashboard."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypedDict

from shelfwise.inventory.dashboard.repository import DashboardRepository
from shelfwise.inventory.tenants.service import require_tenant
from shelfwise.platform.columns import money_number
from shelfwise.platform.database import Database

ACTIVE_DAYS = timedelta(days=90)


class InventoryStats(TypedDict):
    """``low_stock_products`` is null where neither a plan nor Sales can tell."""

    total_products: int
    active_products: int
    low_stock_products: int | None
    total_stock_value: float
    products_without_cost: int
    oversold_products: int
    currency: str


class DashboardService:
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def stats(self, tenant_id: str) -> InventoryStats:
        """Everything but ``low_stock_products``, which replenishment knows."""
        async with self._database.read(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            since = tenant.today(self._clock()) - ACTIVE_DAYS
            stats = await DashboardRepository(connection, tenant_id).stats(since)
        currency = tenant.settings.currency
        return InventoryStats(
            total_products=stats.products,
            active_products=stats.active,
            low_stock_products=None,
            total_stock_value=money_number(stats.value, currency),
            products_without_cost=stats.without_cost,
            oversold_products=stats.oversold,
            currency=currency,
        )
