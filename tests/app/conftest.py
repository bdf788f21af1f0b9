"""The document's setting: a real Sales, an Inventory that asks it, and a client that carries a token."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fixtures.inventory import SECRET, TENANT, opening, token
from fixtures.servers import free_port, running
from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.config import Settings
from shelfwise.inventory.main import compose, create_app
from shelfwise.inventory.tables import MIGRATIONS
from shelfwise.inventory.tenants.rules import TenantSettings
from shelfwise.platform.migrate import MigrationUrls, upgrade
from shelfwise.sales.config import SalesSettings
from shelfwise.sales.main import create_app as create_sales
from shelfwise.sales.tables import MIGRATIONS as SALES_MIGRATIONS


@dataclass(frozen=True)
class Pair:
    """Both services' addresses, and Inventory's settings."""

    inventory: str
    sales: str
    settings: Settings


@dataclass(frozen=True)
class Traces:
    """What each service's spans are kept in; an SDK is set up in neither process otherwise."""

    inventory: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    sales: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)


@pytest.fixture
def traces() -> Traces:
    return Traces()


@pytest.fixture
async def pair(tmp_path: Path, traces: Traces) -> AsyncIterator[Pair]:
    """PRD-123, 50 on hand, five sold a day for 30 days: the document's example, recorded in a real Sales."""
    port = free_port()
    sales_settings = SalesSettings(
        _env_file=None, DATA_DIR=tmp_path, AUTH_SECRET=SECRET, INVENTORY_SERVICE_URL=f"http://127.0.0.1:{port}"
    )
    await upgrade(SALES_MIGRATIONS, MigrationUrls(sales_settings.database_url))
    async with running(create_sales(sales_settings, tracer_provider=_kept_in(traces.sales)).asgi) as sales:
        settings = Settings(_env_file=None, DATA_DIR=tmp_path, AUTH_SECRET=SECRET, SALES_SERVICE_URL=sales.url)
        await upgrade(MIGRATIONS, MigrationUrls(settings.database_url))
        prepared = compose(settings)
        await prepared.tenants.create(TENANT, TenantSettings("Tenant one", simulated=True))
        await prepared.catalogue.create(TENANT, Product("PRD-123", "LAP-001", "Laptop", pack_size=100))
        await prepared.stock.load(TENANT, [opening(50)], source="test")
        await prepared.aclose()
        async with running(create_app(settings, tracer_provider=_kept_in(traces.inventory)).asgi, port) as inventory:
            pair = Pair(inventory.url, sales.url, settings)
            await _sell(pair)
            yield pair


def _kept_in(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


async def _sell(pair: Pair) -> None:
    headers = {"Authorization": f"Bearer {token()}", "X-Tenant-ID": TENANT}
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    async with httpx2.AsyncClient(base_url=pair.sales, headers=headers, trust_env=False) as client:
        async with asyncio.timeout(20):
            # Inventory's relay tells Sales of the tenant and the product.
            while (await client.get("/api/sales/products/PRD-123/analytics")).status_code != 200:
                await asyncio.sleep(0.05)
        for day in range(1, 31):
            order = {
                "order_id": f"O-{day}",
                "ordered_at": (noon - timedelta(days=day)).isoformat(),
                "lines": [{"line_no": 1, "product": "LAP-001", "quantity": 5, "unit_price": 1200}],
            }
            answer = await client.post("/api/sales/orders", json=order)
            assert answer.status_code < 300, answer.text


@pytest.fixture
async def client(pair: Pair) -> AsyncIterator[httpx2.AsyncClient]:
    """The document's ``client``. It carries a token: without one nobody is answered."""
    headers = {"Authorization": f"Bearer {token()}"}
    async with httpx2.AsyncClient(base_url=pair.inventory, headers=headers, trust_env=False) as client:
        yield client
