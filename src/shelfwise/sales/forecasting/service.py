"""Demand forecasts: one run over all products of a tenant, and answers from what it stored.

A product without a stored forecast for the business date, or asked about a longer time, is computed on demand from
the latest run's calibration, so that no answer contradicts the run's advice.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.contracts.forecasts import DemandForecast, ForecastAnswer, ForecastQuery
from shelfwise.planning.demand import Calibration, Panel, calibrate, forecast
from shelfwise.platform.database import Database
from shelfwise.platform.problems import NotFoundError
from shelfwise.sales.forecasting.repository import ForecastingRepository, RunRecord
from shelfwise.sales.forecasting.rules import (
    STORED_HORIZON,
    ProductSeries,
    StoredForecast,
    input_hash,
    panel_of,
    panel_start,
    stored_forecasts,
)
from shelfwise.sales.forecasting.schemas import Asked, ForecastRun, Origin, demand_forecast
from shelfwise.sales.product_refs.service import KnownProduct, ProductRefsService, Tenant

__all__ = ["ForecastProgress", "ForecastRun", "ForecastingService"]

RETENTION = timedelta(days=35)
_SHARD_PRODUCTS = 500
_CALIBRATIONS_KEPT = 32

#: Called with products done and products in all.
ForecastProgress = Callable[[int, int], None]

logger = structlog.get_logger("shelfwise.forecasting")


class ProductUnknownError(NotFoundError):
    def __init__(self, product_id: str) -> None:
        super().__init__(f"Sales knows no product {product_id!r}.")


class NothingToForecastError(NotFoundError):
    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"Tenant {tenant_id!r} has no products to forecast.")


class ForecastingService:
    def __init__(self, database: Database, product_refs: ProductRefsService, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._product_refs = product_refs
        self._clock = clock
        self._calibrations: OrderedDict[tuple[str, str], Calibration] = OrderedDict()

    async def run(
        self, tenant_id: str, *, horizon: int = STORED_HORIZON, progress: ForecastProgress | None = None
    ) -> ForecastRun:
        """Forecasts all products of a tenant and stores the run; the same input on the same day is not run again.

        Raises:
            NothingToForecastError: the tenant has no products.
        """
        tenant = await self._product_refs.tenant(tenant_id)
        today = tenant.today(self._clock())
        async with self._database.read(tenant_id) as connection:
            products = [_series(product) for product in await self._product_refs.all_products(connection, tenant_id)]
            if not products:
                raise NothingToForecastError(tenant_id)
            start = panel_start(products, today)
            rows = await ForecastingRepository(connection, tenant_id).daily_units(start, today)
        panel = await asyncio.to_thread(panel_of, products, rows, start, today)
        digest = await asyncio.to_thread(input_hash, panel, horizon)
        async with self._database.read(tenant_id) as connection:
            before = await ForecastingRepository(connection, tenant_id).run_of(today, digest)
        if before is not None:
            return _run_view(before, repeated=True)
        calibration = await asyncio.to_thread(calibrate, panel, horizon)
        run_id = f"{int(self._clock().timestamp() * 1000):012x}{secrets.token_hex(4)}"
        await self._store_panel(tenant, today, run_id, panel, calibration, horizon, progress)
        run = RunRecord(run_id, today, digest, horizon, len(panel), start, calibration.id, self._clock())
        async with self._database.write(tenant_id) as connection:
            await ForecastingRepository(connection, tenant_id).add_run(run, calibration.to_bytes())
        self._keep(tenant_id, run_id, calibration)
        logger.info("forecast.run", run_id=run_id, products=len(panel), days=panel.days)
        return _run_view(run, repeated=False)

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

    async def prune(self, tenant_id: str) -> int:
        """Removes forecasts and runs older than 35 days; says how many forecasts went."""
        tenant = await self._product_refs.tenant(tenant_id)
        async with self._database.write(tenant_id) as connection:
            repository = ForecastingRepository(connection, tenant_id)
            return await repository.prune(tenant.today(self._clock()) - RETENTION)

    async def _store_panel(
        self,
        tenant: Tenant,
        today: date,
        run_id: str,
        panel: Panel,
        calibration: Calibration,
        horizon: int,
        progress: ForecastProgress | None,
    ) -> None:
        """Stores shard by shard, so that other writers get their turn between two."""
        for begin in range(0, len(panel), _SHARD_PRODUCTS):
            shard = panel.rows(slice(begin, begin + _SHARD_PRODUCTS))
            packed = await asyncio.to_thread(_computed, shard, horizon, calibration)
            async with self._database.write(tenant.tenant_id) as connection:
                await ForecastingRepository(connection, tenant.tenant_id).store(
                    today, run_id, list(zip(shard.ids, packed, strict=True)), self._clock()
                )
            if progress is not None:
                progress(begin + len(shard), len(panel))

    async def _answer(self, tenant_id: str, product_ids: Sequence[str], asked: Asked) -> ForecastAnswer:
        tenant = await self._product_refs.tenant(tenant_id)
        today = tenant.today(self._clock())
        async with self._database.read(tenant_id) as connection:
            known = await self._product_refs.known(connection, tenant_id, product_ids)
            stored = await ForecastingRepository(connection, tenant_id).forecasts(today, known)
            found = {
                name: (Origin(today, run_id, computed_at), kept)
                for name, (run_id, computed_at, kept) in stored.items()
                if kept.horizon >= asked.horizon
            }
            missing = [known[name] for name in product_ids if name in known and name not in found]
            if missing:
                found |= await self._compute(connection, tenant, today, missing, asked.horizon)
        items = await asyncio.to_thread(
            lambda: [
                demand_forecast(name, found[name][1], found[name][0], asked) for name in product_ids if name in found
            ]
        )
        return ForecastAnswer(items=items, unknown=[name for name in product_ids if name not in known])

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
        rows = await repository.daily_units(start, today, [product.product_id for product in series])
        packed = await asyncio.to_thread(lambda: _computed(panel_of(series, rows, start, today), horizon, calibration))
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


def _computed(panel: Panel, horizon: int, calibration: Calibration | None) -> list[StoredForecast]:
    return stored_forecasts(panel, forecast(panel, horizon, calibration=calibration))


def _series(product: KnownProduct) -> ProductSeries:
    return ProductSeries(product.product_id, product.category, product.listed_from)


def _run_view(run: RunRecord, *, repeated: bool) -> ForecastRun:
    return ForecastRun(
        run_id=run.run_id,
        business_date=run.business_date.isoformat(),
        products=run.products,
        horizon_days=run.horizon,
        history_start=run.history_start.isoformat(),
        calibration_id=run.calibration_id,
        finished_at=run.finished_at.isoformat().replace("+00:00", "Z"),
        repeated=repeated,
    )
