"""Tenants: created once, changed by version, published with each change."""

import json
from datetime import date

import pytest

from fixtures.inventory import TENANT
from shelfwise.inventory.tenants.rules import TenantSettings
from shelfwise.platform.problems import ConflictError, InvalidError, TenantNotSetUpError


async def test_a_tenant_has_the_policys_defaults(inventory):
    settings = (await inventory.tenants.show(TENANT)).settings
    assert (settings.service_level, settings.review_period_days, settings.cover_days) == (0.95, 1, 30)
    assert settings.default_lead_time_days == 7


async def test_a_tenant_is_created_once(inventory):
    with pytest.raises(ConflictError):
        await inventory.tenants.create(TENANT, TenantSettings("Again"))
    with pytest.raises(TenantNotSetUpError):
        await inventory.tenants.show("nobody")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"currency": "euro"}, "currency"),
        ({"service_level": 1.0}, "service_level"),
        ({"service_level": float("nan")}, "service_level"),
        ({"review_period_days": 0}, "review_period_days"),
        ({"cover_days": 181}, "cover_days"),
        ({"default_lead_time_days": 366}, "default_lead_time_days"),
        ({"default_location_id": "customer"}, "default_location_id"),
    ],
)
async def test_an_impossible_setting_is_named(inventory, change, field):
    with pytest.raises(InvalidError) as caught:
        await inventory.tenants.change(TENANT, change)
    assert caught.value.errors[0].field == field


async def test_the_pinned_business_date_is_today(call):
    changed = json.loads((await call("PATCH", "/api/inventory/tenant", {"business_date": "2025-12-24"})).body)
    assert (changed["today"], changed["version"]) == ("2025-12-24", 2)
    assert (await call("PATCH", "/api/inventory/tenant", {"name": "x", "version": 1})).status == 409
    freed = json.loads((await call("PATCH", "/api/inventory/tenant", {"business_date": None})).body)
    assert (freed["today"], freed["business_date"]) == ("2026-03-10", None)


async def test_today_is_the_tenants_own(inventory):
    tenant = await inventory.tenants.create("far", TenantSettings("Far", time_zone="Pacific/Kiritimati"))
    assert tenant.today(inventory.clock()) == date(2026, 3, 10)
    settings = TenantSettings("West", time_zone="Pacific/Honolulu")
    assert (await inventory.tenants.create("west", settings)).today(inventory.clock()) == date(2026, 3, 9)


async def test_a_new_default_location_holds_stock(call):
    assert (await call("PATCH", "/api/inventory/tenant", {"default_location_id": "shop"})).status == 200
    locations = json.loads((await call("GET", "/api/inventory/locations")).body)["items"]
    assert {"location_id": "shop", "name": "shop", "kind": "stock", "archived_at": None} in locations
