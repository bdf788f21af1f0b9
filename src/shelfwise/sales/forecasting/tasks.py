"""A forecast run: every product of a tenant, in shards of bounded memory.

A run is frozen by the hash of all that goes into it, which is read once for the hash and once more, shard by shard,
to be forecast. It is resumed where it was broken off, and the same input on the same business date is not run again.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

import structlog

from shelfwise.planning.demand import Calibration, backtest, calibrate, lightgbm
from shelfwise.platform.database import Database
from shelfwise.platform.leases import Leases
from shelfwise.platform.problems import InvalidError
from shelfwise.sales.forecasting.repository import ForecastingRepository, RunRecord
from shelfwise.sales.forecasting.rules import (
    STORED_HORIZON,
    InputDigest,
    Inputs,
    ProductSeries,
    panel_start,
    sample_of,
)
from shelfwise.sales.forecasting.schemas import BacktestView, ForecastRun, backtest_view, run_view
from shelfwise.sales.forecasting.service import ForecastingService, NothingToForecastError, computed
from shelfwise.sales.product_refs.service import ProductRefsService
from shelfwise.sales.stock_history.service import StockHistoryService

LEASE = "forecast run"
_LEASE_SECONDS = 60.0
_SHARD_PRODUCTS = 500
READING, STOCK, FORECASTING = "reading sales", "asking for stock-outs", "forecasting"

#: Told what is being done, and for how many products of all it is done.
ForecastProgress = Callable[[str, int, int], None]

logger = structlog.get_logger("shelfwise.forecasting")


class FetchStockHistory(Protocol):
    """Fetches when products were in stock on ``start <= day < end``, and keeps it; False: nobody can say."""

    async def __call__(self, tenant_id: str, product_ids: Sequence[str], start: date, end: date) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Work:
    """What a run is about; ``renew`` keeps it this process's own."""

    tenant_id: str
    today: date
    start: date
    horizon: int
    products: Sequence[ProductSeries]
    champion: bool
    renew: Callable[[], Awaitable[None]]
    progress: ForecastProgress

    def shards(self) -> list[Sequence[ProductSeries]]:
        return [self.products[i : i + _SHARD_PRODUCTS] for i in range(0, len(self.products), _SHARD_PRODUCTS)]


class ForecastRuns:
    def __init__(
        self,
        database: Database,
        product_refs: ProductRefsService,
        stock_history: StockHistoryService,
        fetch_stock_history: FetchStockHistory,
        forecasting: ForecastingService,
        leases: Leases,
        *,
        clock: Callable[[], datetime],
        lease_seconds: float = _LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._product_refs = product_refs
        self._stock_history = stock_history
        self._fetch = fetch_stock_history
        self._forecasting = forecasting
        self._leases = leases
        self._clock = clock
        self._lease_seconds = lease_seconds

    async def run(
        self,
        tenant_id: str,
        *,
        horizon: int = STORED_HORIZON,
        champion: bool = False,
        progress: ForecastProgress | None = None,
    ) -> ForecastRun:
        """Forecasts all products of a tenant and stores the run; the same input on the same day is not run again.

        ``champion``: LightGBM competes. Inventory is asked when products were out of stock; without its answer the run
        uses what it knows and says so.

        Raises:
            NothingToForecastError: the tenant has no products.
            LeaseHeldError: another process is at it.
            ChampionMissingError: LightGBM is not installed.
            LeaseLostError: it was held up for so long that another process took over.
        """
        if champion:
            lightgbm()  # a missing one is told before the work
        tenant = await self._product_refs.tenant(tenant_id)
        async with self._leases.hold(tenant_id, LEASE, self._lease_seconds) as renew:
            async with self._database.read(tenant_id) as connection:
                known = await self._product_refs.all_products(connection, tenant_id)
            if not known:
                raise NothingToForecastError(tenant_id)
            products = [ProductSeries(each.product_id, each.category, each.listed_from) for each in known]
            today = tenant.today(self._clock())
            start = panel_start(products, today)
            work = _Work(tenant_id, today, start, horizon, products, champion, renew, progress or _silent)
            stock = await self._fetch_stock_history(work)
            digest = await self._digest(work)
            async with self._database.read(tenant_id) as connection:
                run = await ForecastingRepository(connection, tenant_id).run_of(today, digest)
            if run is not None and run.finished_at is not None:
                return run_view(run, repeated=True)
            if run is None:
                run, calibration = await self._begin(work, digest, stock)
                done: set[str] = set()
            else:
                calibration, done = await self._resume(work, run)
            await self._forecast(work, run, calibration, done)
            return await self._finish(work, run)

    async def backtest(
        self, tenant_id: str, *, horizon: int = 28, origins: int = 3, product_ids: Collection[str] = ()
    ) -> BacktestView:
        """Forecasts made from past days, beside what came: of the named products, or of at most 2,000 of them all.

        Raises:
            NothingToForecastError: the tenant has no products, or none of those named.
            InvalidError: the history is too short for so many origins.
        """
        tenant = await self._product_refs.tenant(tenant_id)
        today = tenant.today(self._clock())
        async with self._database.read(tenant_id) as connection:
            known = await self._product_refs.all_products(connection, tenant_id)
            wanted = [
                ProductSeries(each.product_id, each.category, each.listed_from)
                for each in known
                if not product_ids or each.product_id in product_ids
            ]
            if not wanted:
                raise NothingToForecastError(tenant_id)
            start = panel_start(wanted, today)
            inputs = await self._forecasting.inputs(connection, tenant_id, sample_of(wanted), start, today, horizon)
        panel = inputs.panel
        try:
            result = await asyncio.to_thread(backtest, panel, horizon, origins)
        except ValueError as error:
            raise InvalidError.of("origins", str(error).removeprefix("origins: ")) from error
        return backtest_view(panel, result)

    async def _fetch_stock_history(self, work: _Work) -> str:
        """What is known of stock-outs afterwards: current, stale or none."""
        done = 0
        for shard in work.shards():
            await work.renew()
            names = [product.product_id for product in shard]
            if not await self._fetch(work.tenant_id, names, work.start, work.today):
                async with self._database.read(work.tenant_id) as connection:
                    kept = await self._stock_history.known(connection, work.tenant_id)
                return "stale" if kept else "none"
            done += len(shard)
            work.progress(STOCK, done, len(work.products))
        return "current"

    async def _digest(self, work: _Work) -> bytes:
        digest, done = InputDigest(work.horizon, work.start, champion=work.champion), 0
        for shard in work.shards():
            await work.renew()
            inputs = await self._inputs(work, shard)
            await asyncio.to_thread(digest.add, inputs)
            done += len(shard)
            work.progress(READING, done, len(work.products))
        return digest.result()

    async def _begin(self, work: _Work, digest: bytes, stock: str) -> tuple[RunRecord, Calibration]:
        inputs = await self._inputs(work, sample_of(work.products))
        calibration = await asyncio.to_thread(
            calibrate, inputs.panel, work.horizon, calendar=inputs.events or None, champion=work.champion
        )
        await work.renew()
        run_id = f"{int(self._clock().timestamp() * 1000):012x}{secrets.token_hex(4)}"
        run = RunRecord(
            run_id, work.today, digest, work.horizon, len(work.products), work.start, calibration.id, stock, None
        )
        async with self._database.write(work.tenant_id) as connection:
            await ForecastingRepository(connection, work.tenant_id).add_run(run, calibration.to_bytes())
        return run, calibration

    async def _resume(self, work: _Work, run: RunRecord) -> tuple[Calibration, set[str]]:
        async with self._database.read(work.tenant_id) as connection:
            repository = ForecastingRepository(connection, work.tenant_id)
            packed = await repository.calibration(run.run_id)
            done = await repository.stored_by(run.business_date, run.run_id)
        assert packed is not None, "a run is stored with its calibration"
        logger.info("forecast.run_resumed", run_id=run.run_id, done=len(done))
        return await asyncio.to_thread(Calibration.from_bytes, packed), done

    async def _forecast(self, work: _Work, run: RunRecord, calibration: Calibration, done: set[str]) -> None:
        """Stores shard by shard, so that other writers get their turn between two."""
        count = 0
        for shard in work.shards():
            left = [product for product in shard if product.product_id not in done]
            if left:
                await work.renew()
                inputs = await self._inputs(work, left)
                packed = await asyncio.to_thread(computed, inputs, calibration)
                async with self._database.write(work.tenant_id) as connection:
                    await ForecastingRepository(connection, work.tenant_id).store(
                        work.today, run.run_id, list(zip(inputs.panel.ids, packed, strict=True)), self._clock()
                    )
            count += len(shard)
            work.progress(FORECASTING, count, len(work.products))

    async def _finish(self, work: _Work, run: RunRecord) -> ForecastRun:
        finished = replace(run, finished_at=self._clock())
        async with self._database.write(work.tenant_id) as connection:
            await ForecastingRepository(connection, work.tenant_id).finish_run(run.run_id, self._clock())
        logger.info("forecast.run", run_id=run.run_id, products=run.products, stock_history=run.stock_history)
        return run_view(finished, repeated=False)

    async def _inputs(self, work: _Work, products: Sequence[ProductSeries]) -> Inputs:
        async with self._database.read(work.tenant_id) as connection:
            return await self._forecasting.inputs(
                connection, work.tenant_id, products, work.start, work.today, work.horizon
            )


def _silent(stage: str, done: int, total: int) -> None:
    del stage, done, total
