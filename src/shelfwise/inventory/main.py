"""Inventory, put together: the one place where its parts meet its settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, NamedTuple

from litestar.di import Provide
from opentelemetry.trace import TracerProvider
from prometheus_client import CollectorRegistry

from shelfwise.http import Hooks, HookSet, HTTPClient, LogHooks, OpenTelemetryTracing, PrometheusHooks, Tracing
from shelfwise.inventory.audit.endpoints import ROUTES as AUDIT_ROUTES
from shelfwise.inventory.audit.service import AuditService
from shelfwise.inventory.availability.endpoints import ROUTES as AVAILABILITY_ROUTES
from shelfwise.inventory.availability.service import AvailabilityService
from shelfwise.inventory.catalogue.endpoints import IMPORT_PATH
from shelfwise.inventory.catalogue.endpoints import ROUTES as CATALOGUE_ROUTES
from shelfwise.inventory.catalogue.service import CatalogueImport, CatalogueService
from shelfwise.inventory.clients.sales import SalesClient, SalesServiceClient
from shelfwise.inventory.config import Settings
from shelfwise.inventory.counts.endpoints import ROUTES as COUNT_ROUTES
from shelfwise.inventory.counts.service import CountService
from shelfwise.inventory.dashboard.service import DashboardService
from shelfwise.inventory.endpoints import ROUTES as DOCUMENT_ROUTES
from shelfwise.inventory.inbox.endpoints import ROUTES as INBOX_ROUTES
from shelfwise.inventory.inbox.service import InboxService
from shelfwise.inventory.kits.endpoints import ROUTES as KIT_ROUTES
from shelfwise.inventory.kits.service import KitService
from shelfwise.inventory.phantoms.endpoints import ROUTES as PHANTOM_ROUTES
from shelfwise.inventory.phantoms.service import PhantomService
from shelfwise.inventory.places.endpoints import ROUTES as PLACE_ROUTES
from shelfwise.inventory.places.service import PlaceService
from shelfwise.inventory.publishing import CatalogueDelivery
from shelfwise.inventory.purchase_orders.endpoints import ROUTES as PURCHASE_ORDER_ROUTES
from shelfwise.inventory.purchase_orders.service import PurchaseOrderService
from shelfwise.inventory.purchasing.endpoints import ROUTES as PURCHASING_ROUTES
from shelfwise.inventory.purchasing.service import PurchasingService
from shelfwise.inventory.rebuild.service import RebuildService
from shelfwise.inventory.replenishment.endpoints import ROUTES as REPLENISHMENT_ROUTES
from shelfwise.inventory.replenishment.service import ReplenishmentService
from shelfwise.inventory.reservations.endpoints import ROUTES as RESERVATION_ROUTES
from shelfwise.inventory.reservations.service import ReservationService
from shelfwise.inventory.reservations.tasks import sweep_until_cancelled
from shelfwise.inventory.service import InventoryService
from shelfwise.inventory.status import health_checks
from shelfwise.inventory.stock.endpoints import ROUTES as STOCK_ROUTES
from shelfwise.inventory.stock.service import StockService
from shelfwise.inventory.tables import MIGRATIONS, OUTBOX
from shelfwise.inventory.tenants.endpoints import ROUTES as TENANT_ROUTES
from shelfwise.inventory.tenants.service import TenantService
from shelfwise.inventory.transfers.endpoints import ROUTES as TRANSFER_ROUTES
from shelfwise.inventory.transfers.service import TransferService
from shelfwise.platform.database import Database
from shelfwise.platform.edge import Edge
from shelfwise.platform.health import Readiness, health_router
from shelfwise.platform.identity import service_tokens, token_verifier
from shelfwise.platform.outbox import Relay
from shelfwise.platform.service_tokens import ServiceTokens
from shelfwise.platform.telemetry import HttpMetrics
from shelfwise.platform.web import create_application

_DESCRIPTION = "Keeps the stock ledger and decides what to order, how much and when."

#: A delivery under way may end; one that hangs is cut off, and its rows are delivered after the next start.
_RELAY_STOP_SECONDS = 2.0

Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The service without HTTP, as the command line uses it."""

    settings: Settings
    clock: Clock
    database: Database
    relay_database: Database
    relay: Relay
    sales: SalesClient
    service_tokens: ServiceTokens
    tenants: TenantService
    catalogue: CatalogueService
    catalogue_import: CatalogueImport
    purchasing: PurchasingService
    purchase_orders: PurchaseOrderService
    stock: StockService
    reservations: ReservationService
    places: PlaceService
    transfers: TransferService
    counts: CountService
    kits: KitService
    phantoms: PhantomService
    audit: AuditService
    rebuild: RebuildService
    inbox: InboxService
    availability: AvailabilityService
    replenishment: ReplenishmentService
    inventory: InventoryService

    async def aclose(self) -> None:
        """Closes connections; nothing can be asked afterwards."""
        await self.sales.aclose()
        await self.database.dispose()
        if self.relay_database is not self.database:
            await self.relay_database.dispose()


class Application(NamedTuple):
    """What a server serves, and the switch that says that it drains."""

    asgi: Edge
    readiness: Readiness


def compose(
    settings: Settings, *, clock: Clock = _utc_now, hooks: Hooks | None = None, tracing: Tracing | None = None
) -> Inventory:
    """The service's parts, connected. Opens no connection and runs no migration by itself.

    ``hooks`` and ``tracing`` hear of the calls to Sales.
    """
    database = _database(settings, settings.database_url)
    relay_url = settings.INVENTORY_RELAY_URL
    # On SQLite the relay must share the process's one queue of writers.
    relay_database = database if relay_url is None else _database(settings, relay_url)
    sales = SalesClient.from_settings(settings, hooks=hooks, tracing=tracing)
    tokens = service_tokens(settings, "inventory")
    stock = StockService(database, clock)
    replenishment = ReplenishmentService(database, clock, sales, tokens)
    relay = Relay(relay_database, OUTBOX, CatalogueDelivery(sales.post_refs, tokens), clock=clock)
    return Inventory(
        settings=settings,
        clock=clock,
        database=database,
        relay_database=relay_database,
        relay=relay,
        sales=sales,
        service_tokens=tokens,
        tenants=TenantService(database, clock, relay.wake),
        catalogue=CatalogueService(database, clock, relay.wake),
        catalogue_import=CatalogueImport(database, clock, relay.wake),
        purchasing=PurchasingService(database, clock),
        purchase_orders=PurchaseOrderService(database, stock, clock),
        stock=stock,
        reservations=ReservationService(database, relay_database, clock),
        places=PlaceService(database, clock),
        transfers=TransferService(database, clock),
        counts=CountService(database, clock),
        kits=KitService(database, clock),
        phantoms=PhantomService(database, clock),
        audit=AuditService(database),
        rebuild=RebuildService(database),
        inbox=InboxService(database, clock),
        availability=AvailabilityService(database),
        replenishment=replenishment,
        inventory=InventoryService(replenishment, DashboardService(database, clock), clock),
    )


def create_app(
    settings: Settings | None = None, *, clock: Clock = _utc_now, tracer_provider: TracerProvider | None = None
) -> Application:
    """The service as an ASGI application; its lifespan runs the relay. Settings are read here, once.

    Spans go to ``tracer_provider``, or to the process's.

    Raises:
        SettingsError: the settings do not allow a start.
    """
    settings = Settings() if settings is None else settings
    registry = CollectorRegistry()
    inventory = compose(
        settings,
        clock=clock,
        hooks=HookSet([LogHooks(), PrometheusHooks(registry)]),
        tracing=OpenTelemetryTracing(tracer_provider),
    )
    verifier = token_verifier(settings)
    inventory.sales.recognise(verifier.remembered)
    readiness = Readiness()
    release = version("shelfwise")
    asgi = create_application(
        title="Shelfwise Inventory",
        version=release,
        description=_DESCRIPTION,
        settings=settings,
        verifier=verifier,
        metrics=HttpMetrics(registry),
        routes=[
            *DOCUMENT_ROUTES,
            *CATALOGUE_ROUTES,
            *STOCK_ROUTES,
            *RESERVATION_ROUTES,
            *PLACE_ROUTES,
            *TRANSFER_ROUTES,
            *COUNT_ROUTES,
            *KIT_ROUTES,
            *PHANTOM_ROUTES,
            *AUDIT_ROUTES,
            *PURCHASING_ROUTES,
            *PURCHASE_ORDER_ROUTES,
            *INBOX_ROUTES,
            *AVAILABILITY_ROUTES,
            *REPLENISHMENT_ROUTES,
            *TENANT_ROUTES,
        ],
        health=health_router(
            service="inventory",
            version=release,
            checks=health_checks(
                settings=settings,
                database=inventory.database,
                relay_database=inventory.relay_database,
                relay=inventory.relay,
                sales=inventory.sales,
                inbox=inventory.inbox,
                clock=clock,
            ),
            essential=frozenset({"database"}),
            readiness=readiness,
            registry=registry,
        ),
        dependencies=_dependencies(inventory),
        lifespan=lambda _app: _running(inventory),
        import_paths=frozenset({IMPORT_PATH}),
        tracer_provider=tracer_provider,
    )
    SalesServiceClient.use(inventory.sales)
    return Application(asgi, readiness)


@asynccontextmanager
async def _running(inventory: Inventory) -> AsyncIterator[None]:
    """The application's life: the relay and the sweep run, and its client is the process's default."""
    SalesServiceClient.use(inventory.sales)
    relaying = asyncio.create_task(inventory.relay.run())
    sweeping = asyncio.create_task(sweep_until_cancelled(inventory.reservations))
    try:
        yield
    finally:
        inventory.relay.stop()
        sweeping.cancel()
        done, _ = await asyncio.wait({relaying}, timeout=_RELAY_STOP_SECONDS)
        for task in (sweeping, *(() if done else (relaying,))):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        SalesServiceClient.forget(inventory.sales)
        await inventory.aclose()
        await HTTPClient.aclose()


def _dependencies(inventory: Inventory) -> dict[str, Provide]:
    """What endpoints are given, by parameter name."""
    parts: dict[str, Any] = {
        "tenants": inventory.tenants,
        "catalogue": inventory.catalogue,
        "catalogue_import": inventory.catalogue_import,
        "purchasing": inventory.purchasing,
        "purchase_orders": inventory.purchase_orders,
        "stock": inventory.stock,
        "reservations": inventory.reservations,
        "places": inventory.places,
        "transfers": inventory.transfers,
        "counts": inventory.counts,
        "kits": inventory.kits,
        "phantoms": inventory.phantoms,
        "audit": inventory.audit,
        "inbox": inventory.inbox,
        "availability": inventory.availability,
        "replenishment": inventory.replenishment,
        "service": inventory.inventory,
        "clock": inventory.clock,
    }
    return {name: _always(part) for name, part in parts.items()}


def _always(part: object) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)


def _database(settings: Settings, url: str) -> Database:
    return Database(
        url,
        schema=MIGRATIONS.service,
        pool_size=settings.DATABASE_POOL_SIZE,
        busy_timeout_seconds=settings.DATABASE_BUSY_TIMEOUT_SECONDS,
    )
