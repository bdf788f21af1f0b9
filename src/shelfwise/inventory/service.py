"""InventoryService: the integration document's four methods.

Made by ``compose``: ``compose(settings).inventory`` gives one that is ready. By hand it takes the parts that it asks:
``InventoryService(replenishment, dashboard, clock)``. Single-product figures of Sales come only through the four class
methods of :class:`SalesServiceClient`, looked up when they are called, so a patched one is the one that is asked; keys
that its answer lacks are filled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, cast

from shelfwise.contracts.analytics import SalesSummary
from shelfwise.inventory.answers import (
    Dashboard,
    ForecastPart,
    ProductWithForecast,
    ProductWithSales,
    ReorderDecision,
    ReorderForecast,
    ReorderRecommendation,
    ReorderSales,
    SalesAnalytics,
    marks,
)
from shelfwise.inventory.clients.defaults import no_forecast, no_sales, no_summary
from shelfwise.inventory.clients.errors import SalesUnavailableError
from shelfwise.inventory.clients.sales import NoTopSellers, SalesServiceClient
from shelfwise.inventory.dashboard.service import DashboardService
from shelfwise.inventory.replenishment.schemas import LowStock, Recommendation
from shelfwise.inventory.replenishment.service import Facts, ReplenishmentService
from shelfwise.inventory.tenants.service import Tenant

_REORDER_DAYS = 30
_NO_HISTORY = "the product has no day of sales history yet"
_TOP_SELLERS = 10
_ANALYTICS_KEYS = tuple(SalesAnalytics.__annotations__)
_FORECAST_KEYS = tuple(ForecastPart.__annotations__)
Forecast = Mapping[str, Any]


class InventoryService:
    """Every answer comes within the deadline, whether Sales can be asked or not; 401 and 403 of Sales are raised."""

    def __init__(
        self, replenishment: ReplenishmentService, dashboard: DashboardService, clock: Callable[[], datetime]
    ) -> None:
        self._replenishment = replenishment
        self._dashboard = dashboard
        self._clock = clock

    async def get_product_with_sales_data(
        self, *, product_id: str, tenant_id: str, days: int = 30, auth_token: str
    ) -> ProductWithSales:
        """A product with its sales of the last ``days`` complete business days.

        Raises:
            NotFoundError: the tenant has no such product.
        """
        (_, facts), sales = await together(
            self._replenishment.facts(tenant_id, product_id),
            SalesServiceClient.get_product_sales_data(
                product_id=product_id, tenant_id=tenant_id, days=days, auth_token=auth_token
            ),
        )
        return ProductWithSales(
            id=facts.product_id,
            sku=facts.sku,
            name=facts.name,
            quantity_on_hand=facts.on_hand,
            available=facts.available,
            sales_analytics=_analytics(product_id, sales, days),
        )

    async def get_product_with_demand_forecast(
        self, *, product_id: str, tenant_id: str, forecast_days: int = 30, auth_token: str
    ) -> ProductWithForecast:
        """A product with its forecast; whether to reorder is the one policy's word, whatever ``forecast_days`` is.

        Raises:
            NotFoundError: the tenant has no such product.
        """
        tenant, facts = await self._replenishment.facts(tenant_id, product_id)
        shown, deciding = await self._forecasts(tenant, facts, forecast_days, auth_token)
        recommendation = self._replenishment.recommend(tenant, facts, deciding)
        part = cast("ForecastPart", {key: shown[key] for key in _FORECAST_KEYS if key in shown})
        if recommendation is None:
            await self._fall_back(tenant_id, facts, part)
        else:
            level = part["recommended_stock_level"]
            needed = recommendation.needs_reorder and level is not None
            part["should_reorder"] = recommendation.needs_reorder
            part["recommended_reorder_quantity"] = max(0, (level or 0) - facts.position) if needed else 0
        return ProductWithForecast(id=facts.product_id, current_stock=facts.available, demand_forecast=part)

    async def smart_reorder_recommendation(
        self, *, product_id: str, tenant_id: str, auth_token: str
    ) -> ReorderRecommendation:
        """Whether, how much and how urgently to order a product, with what that was derived from.

        Raises:
            NotFoundError: the tenant has no such product.
        """
        tenant, facts = await self._replenishment.facts(tenant_id, product_id)
        sales, (shown, deciding) = await together(
            SalesServiceClient.get_product_sales_data(
                product_id=product_id, tenant_id=tenant_id, days=_REORDER_DAYS, auth_token=auth_token
            ),
            self._forecasts(tenant, facts, _REORDER_DAYS, auth_token),
        )
        analytics = _analytics(product_id, sales, _REORDER_DAYS)
        recommendation = self._replenishment.recommend(tenant, facts, deciding)
        if recommendation is not None:
            decision = _decision(recommendation)
        else:
            decision = await self._last_decision(tenant, facts, deciding)
        decision["days_of_stock_remaining"] = _days_remaining(facts.available, analytics)
        return ReorderRecommendation(
            product_id=facts.product_id,
            current_stock=facts.available,
            sales_analytics=_reorder_sales(analytics),
            forecast=_reorder_forecast(shown, decision),
            recommendation=decision,
        )

    async def get_inventory_dashboard(self, *, tenant_id: str, days: int = 30, auth_token: str) -> Dashboard:
        """Stock, sales and what is low, asked at once; a part that fails never takes the others with it."""
        stats, summary, top, low = await together(
            self._dashboard.stats(tenant_id),
            SalesServiceClient.get_sales_summary(tenant_id=tenant_id, days=days, auth_token=auth_token),
            SalesServiceClient.get_top_selling_products(
                tenant_id=tenant_id, days=days, limit=_TOP_SELLERS, auth_token=auth_token
            ),
            _or_none(self._replenishment.low_stock(tenant_id, auth_token)),
        )
        stats["low_stock_products"] = None if low is None else low[1]
        failed = summary.get("degraded", False)
        alerts: list[LowStock] = [] if low is None else low[0]
        parts = {
            "sales_summary": failed,
            "top_selling_products": isinstance(top, NoTopSellers),
            "low_stock_alerts": low is None,
        }
        return Dashboard(
            inventory_stats=stats,
            sales_summary=None if failed else cast("SalesSummary", {**no_summary(), **summary}),
            top_selling_products=list(top),
            low_stock_alerts=alerts,
            low_stock_alerts_total=None if low is None else low[1],
            period_days=days,
            degraded=[name for name, is_degraded in parts.items() if is_degraded],
        )

    async def _forecasts(
        self, tenant: Tenant, facts: Facts, forecast_days: int, auth_token: str
    ) -> tuple[Forecast, Forecast]:
        """The forecast over the days that were asked for, and the one over the days that the decision looks at."""
        days = dict.fromkeys((forecast_days, facts.horizon_days))
        answers = await together(
            *(
                SalesServiceClient.get_product_demand_forecast(
                    product_id=facts.product_id,
                    tenant_id=tenant.tenant_id,
                    forecast_days=wanted,
                    auth_token=auth_token,
                    service_level=facts.service_level,
                )
                for wanted in days
            )
        )
        filled = [
            {**no_forecast(facts.product_id, wanted), "service_level": facts.service_level, **answer}
            for wanted, answer in zip(days, answers, strict=True)
        ]
        return filled[0], filled[-1]

    async def _fall_back(self, tenant_id: str, facts: Facts, part: ForecastPart) -> None:
        """The last stored forecast where it is of the same days, and the last stored word on reordering."""
        stored = await self._replenishment.last(tenant_id, facts.product_id)
        part["should_reorder"] = None
        part["recommended_reorder_quantity"] = None
        if stored is None:
            return
        part["as_of"] = stored.business_date.isoformat()
        part["should_reorder"] = stored.needs_reorder
        part["recommended_reorder_quantity"] = stored.recommended_reorder_quantity
        if stored.forecast_days == part["forecast_days"]:
            part["predicted_demand"] = stored.predicted_demand
            part["confidence_level"] = stored.confidence_level
            part["recommended_stock_level"] = stored.recommended_stock_level

    async def _last_decision(self, tenant: Tenant, facts: Facts, forecast: Forecast) -> ReorderDecision:
        why = str(forecast.get("error") or _NO_HISTORY)
        stored = await self._replenishment.last(tenant.tenant_id, facts.product_id)
        if stored is None:
            return ReorderDecision(
                needs_reorder=None,
                days_of_stock_remaining=None,
                recommended_order_quantity=None,
                urgency=None,
                reason=f"Cannot be decided: {why}; no earlier recommendation is stored.",
            )
        age = (tenant.today(self._clock()) - stored.business_date).days
        decision = _decision(stored)
        decision["as_of"] = stored.business_date
        decision["age_days"] = age
        decision["reason"] = f"The recommendation of {stored.business_date}, {age} days old: {why}."
        return decision


def _analytics(product_id: str, sales: Mapping[str, Any], days: int) -> SalesAnalytics:
    filled = {**no_sales(product_id, days), **sales}
    if "average_daily_sales" not in sales:
        filled["average_daily_sales"] = round(filled["total_quantity_sold"] / days, 4)
    return cast("SalesAnalytics", {key: filled[key] for key in _ANALYTICS_KEYS if key in filled})


def _reorder_sales(analytics: SalesAnalytics) -> ReorderSales:
    sales = ReorderSales(
        average_daily_sales=analytics["average_daily_sales"],
        total_sold_30_days=analytics["total_quantity_sold"],
        sales_trend=analytics["sales_trend"],
    )
    if "average_daily_demand" in analytics:
        sales["average_daily_demand"] = analytics["average_daily_demand"]
    return cast("ReorderSales", {**sales, **marks(analytics)})


def _reorder_forecast(shown: Forecast, decision: ReorderDecision) -> ReorderForecast:
    """The forecast that the decision follows from: the shown one, else the stored decision's own."""
    demand, confidence = shown["predicted_demand"], shown["confidence_level"]
    stored = decision.get("derivation")
    if demand is None and stored is not None and stored.forecast_days == _REORDER_DAYS:
        demand, confidence = stored.predicted_demand, stored.confidence_level
    figures = {"predicted_demand_30_days": demand, "confidence_level": confidence, **marks(shown)}
    return cast("ReorderForecast", figures)


def _decision(recommendation: Recommendation) -> ReorderDecision:
    return ReorderDecision(
        needs_reorder=recommendation.needs_reorder,
        days_of_stock_remaining=None,
        recommended_order_quantity=recommendation.recommended_order_quantity,
        urgency=recommendation.urgency,
        recommended_reorder_quantity=recommendation.recommended_reorder_quantity,
        days_of_cover_forecast=recommendation.days_of_cover_forecast,
        expected_stockout_date=recommendation.expected_stockout_date,
        sentence=recommendation.sentence,
        computed_at=recommendation.computed_at,
        derivation=recommendation,
    )


def _days_remaining(current_stock: int, analytics: SalesAnalytics) -> float | None:
    rate = analytics["average_daily_sales"]
    if rate <= 0 or analytics.get("degraded", False):
        return None
    return round(current_stock / rate, 1)


async def together(*parts: Awaitable[Any]) -> list[Any]:
    """All parts at once; when all have ended, the first error of any is raised.

    Nothing runs on behind an answer: a part that was left alone could use what the application closes.
    """
    results = await asyncio.gather(*parts, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


async def _or_none(part: Awaitable[tuple[list[LowStock], int]]) -> tuple[list[LowStock], int] | None:
    try:
        return await part
    except SalesUnavailableError:
        return None
