"""What Sales learns of tenants and products, on both databases."""

from datetime import timedelta

import msgspec
import pytest

from fixtures.sales import catalogue
from shelfwise.contracts.events import CatalogueRefs, ProductRef, TenantRef
from shelfwise.platform.problems import InvalidError, TenantNotSetUpError
from shelfwise.sales.product_refs.service import ProductRefsService


def product(name="P1", version=1, **changes):
    return ProductRef(
        product_id=name, sku=changes.pop("sku", f"S-{name}"), name=changes.pop("name", name), version=version, **changes
    )


async def resolve(sales, *codes):
    async with sales.database.read("t1") as connection:
        return await sales.product_refs.resolve(connection, "t1", codes)


async def test_a_newer_version_replaces_and_an_older_or_equal_one_is_stale(sales):
    await sales.product_refs.apply("t1", catalogue())
    apply = sales.product_refs.apply
    assert await apply("t1", CatalogueRefs(products=[product(version=3, sku="new")])) == {"applied": 1, "stale": 0}
    old = CatalogueRefs(products=[product(version=2, sku="old"), product(version=3, sku="equal")])
    assert await apply("t1", old) == {"applied": 0, "stale": 2}
    assert await resolve(sales, "new", "old", "equal") == {"new": "P1"}
    assert await apply("t1", CatalogueRefs(products=[product(version=4, sku="newer")])) == {"applied": 1, "stale": 0}
    assert await resolve(sales, "new", "newer") == {"newer": "P1"}


async def test_a_code_is_looked_for_as_id_then_sku_then_barcode_then_alias(sales):
    products = [
        product("X", sku="s", barcodes=["b"], aliases=["a"]),
        product("s", sku="b"),
        product("Y", sku="y", barcodes=["a"]),
    ]
    await sales.product_refs.apply("t1", CatalogueRefs(tenant=catalogue().tenant, products=products))
    assert await resolve(sales, "X", "s", "b", "a", "?") == {"X": "X", "s": "s", "b": "s", "a": "Y"}


async def test_products_of_a_tenant_that_nobody_published_are_refused(sales):
    with pytest.raises(TenantNotSetUpError):
        await sales.product_refs.apply("t1", CatalogueRefs(products=[product()]))
    with pytest.raises(TenantNotSetUpError):
        await sales.analytics.summary("t1", 30)


async def test_a_tenants_older_settings_never_replace_newer_ones(sales):
    def tenant(version, zone):
        return CatalogueRefs(
            tenant=TenantRef(tenant_id="t1", name="T", time_zone=zone, currency="JPY", version=version)
        )

    await sales.product_refs.apply("t1", tenant(2, "Asia/Tokyo"))
    assert await sales.product_refs.apply("t1", tenant(1, "UTC")) == {"applied": 0, "stale": 1}
    assert (await sales.product_refs.tenant("t1")).time_zone == "Asia/Tokyo"


@pytest.mark.parametrize(
    "refs",
    [
        CatalogueRefs(tenant=msgspec.structs.replace(catalogue().tenant, tenant_id="t2")),
        CatalogueRefs(tenant=msgspec.structs.replace(catalogue().tenant, time_zone="Mars/Base")),
        CatalogueRefs(tenant=msgspec.structs.replace(catalogue().tenant, business_date="soon")),
        CatalogueRefs(tenant=catalogue().tenant, products=[product("a/b")]),
        CatalogueRefs(tenant=catalogue().tenant, products=[product(sku="a\n")]),
        CatalogueRefs(tenant=catalogue().tenant, products=[product(name="a\x00")]),
        CatalogueRefs(tenant=catalogue().tenant, products=[product(version=2**63)]),
    ],
)
async def test_a_field_that_is_not_valid_is_named_and_nothing_is_kept(sales, refs):
    with pytest.raises(InvalidError):
        await sales.product_refs.apply("t1", refs)
    with pytest.raises(TenantNotSetUpError):
        await sales.product_refs.tenant("t1")


async def test_a_tenant_is_cached_for_two_seconds_and_no_longer(sales, clock):
    ticks = [0.0]
    service = ProductRefsService(sales.database, clock, monotonic=lambda: ticks[0])
    await service.apply("t1", catalogue())
    await service.tenant("t1")
    # Another process publishes a newer version.
    newer = msgspec.structs.replace(catalogue().tenant, version=2, name="renamed")
    await sales.product_refs.apply("t1", CatalogueRefs(tenant=newer))
    assert (await service.tenant("t1")).name == "t1"
    ticks[0] += 2.1
    assert (await service.tenant("t1")).name == "renamed"


async def test_the_pinned_business_date_is_the_tenants_today(sales, clock):
    pinned = msgspec.structs.replace(catalogue().tenant, business_date="2026-01-05")
    await sales.product_refs.apply("t1", CatalogueRefs(tenant=pinned))
    tenant = await sales.product_refs.tenant("t1")
    assert tenant.today(clock.now + timedelta(days=9)).isoformat() == "2026-01-05"
