"""Sales, put together: the one place where its parts meet its settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import NamedTuple

from opentelemetry.trace import TracerProvider
from prometheus_client import CollectorRegistry

from shelfwise.http import Hooks, HookSet, LogHooks, OpenTelemetryTracing, PrometheusHooks, Tracing
from shelfwise.platform.database import Database
from shelfwise.platform.edge import Edge
from shelfwise.platform.health import Check, Component, Readiness, health_router
from shelfwise.platform.identity import service_tokens, token_verifier
from shelfwise.platform.leases import Leases
from shelfwise.platform.migrate import current_revision, head_revision
from shelfwise.platform.outbox import Relay
from shelfwise.platform.telemetry import HttpMetrics
from shelfwise.platform.web import create_application
from shelfwise.sales.analytics.endpoints import analytics_router
from shelfwise.sales.analytics.service import AnalyticsService
from shelfwise.sales.booking.service import BookingService
from shelfwise.sales.bulk.endpoints import bulk_router
from shelfwise.sales.bulk.service import BulkOrdersService
from shelfwise.sales.calendar.endpoints import calendar_router
from shelfwise.sales.calendar.service import CalendarService
from shelfwise.sales.config import SalesSettings
from shelfwise.sales.forecasting.endpoints import forecasting_router
from shelfwise.sales.forecasting.service import MAX_FORECAST_DAYS, ForecastingService
from shelfwise.sales.forecasting.tasks import ForecastRuns
from shelfwise.sales.imports.endpoints import imports_router
from shelfwise.sales.imports.service import ImportService
from shelfwise.sales.orders.endpoints import orders_router
from shelfwise.sales.orders.service import OrdersService
from shelfwise.sales.orders.tasks import InventoryDelivery
from shelfwise.sales.overrides.endpoints import overrides_router
from shelfwise.sales.overrides.service import OverridesService
from shelfwise.sales.peers import Peers
from shelfwise.sales.product_refs.endpoints import product_refs_router
from shelfwise.sales.product_refs.service import ProductRefsService
from shelfwise.sales.promotions.endpoints import promotions_router
from shelfwise.sales.promotions.service import PromotionsService
from shelfwise.sales.stock_history.service import StockHistoryService
from shelfwise.sales.stock_history.tasks import StockHistoryFetch
from shelfwise.sales.tables import LEASES, MIGRATIONS, OUTBOX

_DESCRIPTION = "Records what is sold, analyses it and forecasts demand."
#: An outbox that has not moved for so long wants an operator's eye.
_LAG_SECONDS = 60.0
#: A delivery under way may end; one that hangs is cut off, and its rows are delivered after the next start.
_RELAY_STOP_SECONDS = 2.0

Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Sales:
    """The service without HTTP, as the command line uses it."""

    settings: SalesSettings
    database: Database
    relay: Relay
    product_refs: ProductRefsService
    booking: BookingService
    orders: OrdersService
    bulk: BulkOrdersService
    imports: ImportService
    analytics: AnalyticsService
    promotions: PromotionsService
    calendar: CalendarService
    overrides: OverridesService
    forecasting: ForecastingService
    forecast_runs: ForecastRuns
    peers: Peers
    relay_database: Database
    clock: Clock

    async def aclose(self) -> None:
        """Closes connections; nothing can be asked afterwards."""
        await self.peers.aclose()
        await self.database.dispose()
        if self.relay_database is not self.database:
            await self.relay_database.dispose()


class Application(NamedTuple):
    """What a server serves, and the switch that says that it drains."""

    asgi: Edge
    readiness: Readiness


def compose(
    settings: SalesSettings, *, clock: Clock = _utc_now, hooks: Hooks | None = None, tracing: Tracing | None = None
) -> Sales:
    """The service's parts, connected. Opens no connection and runs no migration by itself.

    ``hooks`` and ``tracing`` hear of the calls to Inventory.
    """
    database = _database(settings, settings.database_url)
    relay_url = settings.SALES_RELAY_URL
    # On SQLite the relay must share the process's one queue of writers.
    relay_database = database if relay_url is None else _database(settings, relay_url)
    peers = Peers(settings.INVENTORY_SERVICE_URL, hooks=hooks, tracing=tracing)
    tokens = service_tokens(settings, MIGRATIONS.service)
    delivery = InventoryDelivery(peers.post_to_inventory, tokens)
    relay = Relay(relay_database, OUTBOX, delivery, clock=clock)
    product_refs = ProductRefsService(database, clock)
    booking = BookingService(database, product_refs, clock=clock, wake=relay.wake)
    product_refs.when_changed(booking.resolve_unresolved)
    stock_history = StockHistoryService()
    fetch = StockHistoryFetch(database, peers.ask_inventory, tokens, clock=clock)
    overrides = OverridesService(database, product_refs, longest_days=MAX_FORECAST_DAYS, clock=clock)
    promotions = PromotionsService(database, product_refs, clock=clock)
    calendar = CalendarService(database, product_refs, clock=clock)
    forecasting = ForecastingService(
        database, product_refs, stock_history, promotions, calendar, overrides, clock=clock
    )
    overrides.compare_with(forecasting.expected_units)
    leases = Leases(database, LEASES, clock)
    return Sales(
        settings=settings,
        database=database,
        relay=relay,
        product_refs=product_refs,
        booking=booking,
        orders=OrdersService(database, product_refs, booking, clock=clock),
        bulk=BulkOrdersService(product_refs, booking, clock=clock),
        imports=ImportService(database, product_refs, booking, clock=clock),
        analytics=AnalyticsService(database, product_refs, clock=clock),
        promotions=promotions,
        calendar=calendar,
        overrides=overrides,
        forecasting=forecasting,
        forecast_runs=ForecastRuns(database, product_refs, stock_history, fetch, forecasting, leases, clock=clock),
        peers=peers,
        relay_database=relay_database,
        clock=clock,
    )


def create_app(
    settings: SalesSettings | None = None, *, clock: Clock = _utc_now, tracer_provider: TracerProvider | None = None
) -> Application:
    """The service as an ASGI application; its lifespan runs the relay. Settings are read here, once.

    Spans go to ``tracer_provider``, or to the process's.

    Raises:
        SettingsError: the settings do not allow a start.
    """
    settings = SalesSettings() if settings is None else settings
    registry = CollectorRegistry()
    sales = compose(
        settings,
        clock=clock,
        hooks=HookSet([LogHooks(), PrometheusHooks(registry)]),
        tracing=OpenTelemetryTracing(tracer_provider),
    )
    readiness = Readiness()
    release = version("shelfwise")

    asgi = create_application(
        title="Shelfwise Sales",
        version=release,
        description=_DESCRIPTION,
        settings=settings,
        verifier=token_verifier(settings),
        metrics=HttpMetrics(registry),
        routes=[
            product_refs_router(sales.product_refs),
            orders_router(sales.orders, sales.booking),
            bulk_router(sales.bulk),
            imports_router(sales.imports),
            analytics_router(sales.analytics),
            promotions_router(sales.promotions),
            calendar_router(sales.calendar),
            overrides_router(sales.overrides),
            forecasting_router(sales.forecasting),
        ],
        health=health_router(
            service="sales",
            version=release,
            checks=health_checks(sales),
            essential=frozenset({"database"}),
            readiness=readiness,
            registry=registry,
        ),
        dependencies={},
        lifespan=lambda _app: _running(sales),
        import_paths=frozenset({"/api/sales/imports", "/api/sales/orders/bulk"}),
        tracer_provider=tracer_provider,
    )
    return Application(asgi, readiness)


@asynccontextmanager
async def _running(sales: Sales) -> AsyncIterator[None]:
    """The application's life: the relay runs."""
    relaying = asyncio.create_task(sales.relay.run())
    try:
        yield
    finally:
        sales.relay.stop()
        done, _ = await asyncio.wait({relaying}, timeout=_RELAY_STOP_SECONDS)
        if not done:
            relaying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await relaying
        await sales.aclose()


def health_checks(sales: Sales) -> dict[str, Check]:
    """The database with its schema's revision, and how far delivery to Inventory is behind."""

    async def database() -> Component:
        await sales.database.ping()
        revision = await current_revision(MIGRATIONS, sales.settings.database_url)
        wanted = head_revision(MIGRATIONS)
        if revision != wanted:
            return Component(
                status="down",
                error="Schema is at another revision: run `shelfwise migrate`.",
                detail={"revision": revision, "wanted": wanted},
            )
        return Component(status="ok", detail={"revision": revision})

    async def outbox() -> Component:
        lag = await sales.relay.lag()
        seconds = 0.0 if lag.oldest is None else max(0.0, (sales.clock() - lag.oldest).total_seconds())
        detail = {"pending": lag.pending, "oldest_seconds": round(seconds, 1)}
        return Component(status="degraded" if seconds > _LAG_SECONDS else "ok", detail=detail)

    return {"database": database, "outbox": outbox}


def _database(settings: SalesSettings, url: str) -> Database:
    return Database(
        url,
        schema=MIGRATIONS.service,
        pool_size=settings.DATABASE_POOL_SIZE,
        busy_timeout_seconds=settings.DATABASE_BUSY_TIMEOUT_SECONDS,
    )
