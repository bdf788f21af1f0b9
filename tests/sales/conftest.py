"""A composed Sales service on each database, with a clock that stands still."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shelfwise.contracts.events import CatalogueRefs, ProductRef, TenantRef
from shelfwise.platform.auth import PERSON_SCOPES, mint_token
from shelfwise.sales.config import SalesSettings
from shelfwise.sales.main import Sales, compose
from shelfwise.sales.tables import MIGRATIONS

SECRET = "0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def settings(databases, tmp_path: Path) -> SalesSettings:
    urls = await databases.fresh(MIGRATIONS)
    return SalesSettings(
        _env_file=None,
        DATA_DIR=tmp_path,
        AUTH_SECRET=SECRET,
        SALES_DATABASE_URL=urls.database,
        SALES_MIGRATION_URL=urls.migration,
        SALES_RELAY_URL=urls.relay,
        INVENTORY_SERVICE_URL="http://127.0.0.1:9",
        OPS_PUBLIC=True,
    )


@pytest.fixture
async def sales(settings: SalesSettings, clock: Clock) -> AsyncIterator[Sales]:
    composed = compose(settings, clock=clock)
    yield composed
    await composed.aclose()


def catalogue(*products: str, tenant: str = "t1", zone: str = "UTC", currency: str = "EUR") -> CatalogueRefs:
    """A tenant and products whose SKU is the id with ``SKU-`` before it."""
    return CatalogueRefs(
        tenant=TenantRef(tenant_id=tenant, name=tenant, time_zone=zone, currency=currency, version=1),
        products=[
            ProductRef(product_id=name, sku=f"SKU-{name}", name=f"Name of {name}", version=1) for name in products
        ],
    )


def headers(*scopes: str, tenant: str = "t1", tenants: tuple[str, ...] = ("t1",)) -> dict[str, str]:
    """Headers of a person with all scopes, or of a caller with those named."""
    token = mint_token(
        SECRET,
        subject="ann",
        tenants=list(tenants),
        scopes=frozenset(scopes) or PERSON_SCOPES,
        ttl_seconds=600,
    )
    return {
        "Authorization": f"Bearer {token}",
        "X-Tenant-ID": tenant,
        "Host": "localhost",
        "Content-Type": "application/json",
    }
