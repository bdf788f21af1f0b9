"""Demand forecasts: answers from what the last run stored.

A product without a stored forecast for the business date, or asked about a longer time, is computed on demand from
the latest run's calibration, so that no answer contradicts the run's advice.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.contracts.forecasts import DemandForecast, ForecastAnswer, ForecastQuery, RefreshAnswer
from shelfwise.planning.demand import Calibration, forecast
from shelfwise.platform.database import Database
from shelfwise.platform.problems import ConflictError, NotFoundError
from shelfwise.sales.calendar.service import CalendarService
from shelfwise.sales.forecasting.repository import ForecastingRepository
from shelfwise.sales.forecasting.rules import (
    MAX_HORIZON,
    Inputs,
    Known,
    ProductSeries,
    StoredForecast,
    closed_days,
    inputs_of,
    panel_start,
    stored_forecasts,
)
from shelfwise.sales.forecasting.schemas import Asked, Origin, demand_forecast, iso
from shelfwise.sales.overrides.service import OverridesService
from shelfwise.sales.product_refs.service import KnownProduct, ProductRefsService, Tenant
from shelfwise.sales.promotions.service import PromotionsService
from shelfwise.sales.stock_history.service import StockHistoryService

MAX_FORECAST_DAYS = MAX_HORIZON
RETENTION = timedelta(days=35)
_CALIBRATIONS_KEPT = 32


class ProductUnknownError(NotFoundError):
    def __init__(self, product_id: str) -> None:
        super().__init__(f"Sales knows no product {product_id!r}.")


class NothingToForecastError(NotFoundError):
    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"Tenant {tenant_id!r} has no products to forecast.")


class NoRunError(ConflictError):
    slug, title = "no_forecast_run", "No forecast run yet"

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"There is no forecast run yet. Start one with `shelfwise forecast run --tenant {tenant_id}`.")


class ForecastingService:
    """Answers from what runs stored."""

    def __init__(
        self,
        database: Database,
        product_refs: ProductRefsService,
        stock_history: StockHistoryService,
        promotions: PromotionsService,
        calendar: CalendarService,
        overrides: OverridesService,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._product_refs = product_refs
        self._stock_history = stock_history
        self._promotions = promotions
        self._calendar = calendar
        self._overrides = overrides
        self._clock = clock
        self._calibrations: OrderedDict[tuple[str, str], Calibration] = OrderedDict()

    async def product(
        self, tenant_id: str, product_id: str, *, forecast_days: int, service_level: float
    ) -> DemandForecast:
        """One product's forecast with its daily fan and explanation.

        Raises:
            ProductUnknownError: Sales knows no such product.
        """
        answer = await self._answer(tenant_id, [product_id], Asked(forecast_days, service_level, True, ()))
        if not answer["items"]:
            raise ProductUnknownError(product_id)
        return answer["items"][0]

    async def query(self, tenant_id: str, query: ForecastQuery) -> ForecastAnswer:
        """Forecasts of many products, in the order asked, each once; and the ids that Sales does not know."""
        asked = Asked(query.forecast_days, query.service_level, query.detail, tuple(query.total_days))
        return await self._answer(tenant_id, list(dict.fromkeys(query.product_ids)), asked)

    async def refresh(self, tenant_id: str, product_ids: Sequence[str]) -> RefreshAnswer:
        """Computes the products' forecasts anew from today's data, by the last run's calibration, and stores them.

        Raises:
            NoRunError: no run has finished yet.
        """
        tenant = await self._product_refs.tenant(tenant_id)
        now = self._clock()
        today = tenant.today(now)
        async with self._database.read(tenant_id) as connection:
            run = await ForecastingRepository(connection, tenant_id).latest_run()
            if run is None:
                raise NoRunError(tenant_id)
            known = await self._product_refs.known(connection, tenant_id, product_ids)
            fresh = await self._compute(connection, tenant, today, list(known.values()), run.horizon) if known else {}
        async with self._database.write(tenant_id) as connection:
            await ForecastingRepository(connection, tenant_id).store(
                today, run.run_id, [(name, kept) for name, (_, kept) in sorted(fresh.items())], now
            )
        return RefreshAnswer(
            refreshed=len(fresh),
            run_id=run.run_id,
            calibration_id=run.calibration_id,
            business_date=today.isoformat(),
            as_of=iso(now),
            unknown=[name for name in dict.fromkeys(product_ids) if name not in known],
        )

    async def prune(self, tenant_id: str) -> int:
        """Removes forecasts and runs older than 35 days; says how many forecasts went."""
        tenant = await self._product_refs.tenant(tenant_id)
        async with self._database.write(tenant_id) as connection:
            repository = ForecastingRepository(connection, tenant_id)
            return await repository.prune(tenant.today(self._clock()) - RETENTION)

    async def inputs(
        self,
        connection: AsyncConnection,
        tenant_id: str,
        products: Sequence[ProductSeries],
        start: date,
        today: date,
        horizon: int,
    ) -> Inputs:
        """What is known of the products on each day from ``start`` to yesterday, and planned for the days to come."""
        ids = [product.product_id for product in products]
        rows = await ForecastingRepository(connection, tenant_id).daily_sales(start, today, ids)
        shares = await self._stock_history.shares(connection, tenant_id, ids, start, today)
        days = (today - start).days + horizon
        grouped = [(product.product_id, product.category) for product in products]
        promo, price = await self._promotions.planned(connection, tenant_id, grouped, start, days) or (None, None)
        calendar = await self._calendar.days(connection, tenant_id, start, days)
        known = Known(shares, promo, price, calendar.events, calendar.closed if calendar.closed.any() else None)
        return await asyncio.to_thread(inputs_of, products, rows, start, today, horizon, known)

    async def _answer(self, tenant_id: str, product_ids: Sequence[str], asked: Asked) -> ForecastAnswer:
        tenant = await self._product_refs.tenant(tenant_id)
        today = tenant.today(self._clock())
        async with self._database.read(tenant_id) as connection:
            known = await self._product_refs.known(connection, tenant_id, product_ids)
            wanted = [known[name] for name in product_ids if name in known]
            found = await self._found(connection, tenant, today, wanted, asked.horizon)
            overrides = await self._overrides.standing(connection, tenant_id, found, today, asked.horizon)
        items = await asyncio.to_thread(
            lambda: [
                demand_forecast(name, kept, origin, asked, overrides.get(name, ()))
                for name, (origin, kept) in found.items()
            ]
        )
        return ForecastAnswer(items=items, unknown=[name for name in product_ids if name not in known])

    async def expected_units(
        self, connection: AsyncConnection, tenant: Tenant, product_id: str, days: int
    ) -> NDArray[np.float64]:
        """(days,) units expected of a product on each day from the business date on, without overrides.

        Raises:
            ProductUnknownError: Sales knows no such product.
        """
        known = await self._product_refs.known(connection, tenant.tenant_id, [product_id])
        if product_id not in known:
            raise ProductUnknownError(product_id)
        today = tenant.today(self._clock())
        found = await self._found(connection, tenant, today, [known[product_id]], days)
        return found[product_id][1].arrays().mean[:days]

    async def _found(
        self,
        connection: AsyncConnection,
        tenant: Tenant,
        today: date,
        products: Sequence[KnownProduct],
        horizon: int,
    ) -> dict[str, tuple[Origin, StoredForecast]]:
        """The products' forecasts in their order: as stored for the day, else computed."""
        names = [product.product_id for product in products]
        stored = await ForecastingRepository(connection, tenant.tenant_id).forecasts(today, names)
        found = {
            name: (Origin(today, run_id, computed_at), kept)
            for name, (run_id, computed_at, kept) in stored.items()
            if kept.horizon >= horizon
        }
        missing = [product for product in products if product.product_id not in found]
        if missing:
            found |= await self._compute(connection, tenant, today, missing, horizon)
        return {name: found[name] for name in names}

    async def _compute(
        self,
        connection: AsyncConnection,
        tenant: Tenant,
        today: date,
        products: Collection[KnownProduct],
        horizon: int,
    ) -> dict[str, tuple[Origin, StoredForecast]]:
        repository = ForecastingRepository(connection, tenant.tenant_id)
        series = [_series(product) for product in products]
        run = await repository.latest_run()
        calibration = None if run is None else await self._calibration(repository, tenant.tenant_id, run.run_id)
        # The run's own first day, so that a product alone gets what it gets among all.
        start = panel_start(series, today) if run is None else min(run.history_start, panel_start(series, today))
        inputs = await self.inputs(connection, tenant.tenant_id, series, start, today, horizon)
        packed = await asyncio.to_thread(computed, inputs, calibration)
        origin = Origin(today, None if run is None else run.run_id, self._clock())
        return {product.product_id: (origin, kept) for product, kept in zip(series, packed, strict=True)}

    async def _calibration(self, repository: ForecastingRepository, tenant_id: str, run_id: str) -> Calibration | None:
        key = (tenant_id, run_id)
        if key not in self._calibrations:
            found = await repository.calibration(run_id)
            if found is None:
                return None
            self._keep(tenant_id, run_id, await asyncio.to_thread(Calibration.from_bytes, found))
        self._calibrations.move_to_end(key)
        return self._calibrations[key]

    def _keep(self, tenant_id: str, run_id: str, calibration: Calibration) -> None:
        self._calibrations[tenant_id, run_id] = calibration
        while len(self._calibrations) > _CALIBRATIONS_KEPT:
            self._calibrations.popitem(last=False)


def computed(inputs: Inputs, calibration: Calibration | None) -> list[StoredForecast]:
    """The products' forecasts in the form that is stored; without a calibration by one of these very products."""
    answer = forecast(
        inputs.panel,
        inputs.horizon,
        calibration=calibration,
        calendar=inputs.events or None,
        future_price=inputs.future_price,
        future_promo=inputs.future_promo,
    )
    found = stored_forecasts(inputs.panel, answer)
    if inputs.closed is None or not inputs.closed.any():
        return found
    return [closed_days(stored, inputs.closed) for stored in found]


def _series(product: KnownProduct) -> ProductSeries:
    return ProductSeries(product.product_id, product.category, product.listed_from)
