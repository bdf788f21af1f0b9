"""Locations over HTTP: made, renamed, archived when empty, brought back."""

import json

from fixtures.inventory import TENANT, opening, sale
from shelfwise.inventory.stock.schemas import MovementIn

ROOT = "/api/inventory/locations"


async def listed(call, query=""):
    return {entry["location_id"]: entry for entry in json.loads((await call("GET", ROOT + query)).body)["items"]}


async def test_a_new_location_holds_stock_and_can_be_renamed(call, inventory, laptop):
    made = await call("POST", ROOT, {"location_id": "shop", "name": "High Street"})
    assert (made.status, json.loads(made.body)["kind"]) == (201, "stock")
    await inventory.stock.load(TENANT, [opening(5, location_id="shop")], source="test")
    renamed = await call("PATCH", f"{ROOT}/shop", {"name": "Market Square"})
    assert (renamed.status, (await listed(call))["shop"]["name"]) == (200, "Market Square")
    assert {"main", "shop", "supplier", "customer", "loss", "opening", "transit"} == set(await listed(call))


async def test_a_location_is_archived_only_when_nothing_is_there_and_then_takes_nothing(call, inventory, laptop):
    await call("POST", ROOT, {"location_id": "shop"})
    await inventory.stock.load(TENANT, [opening(5, location_id="shop")], source="test")
    assert (await call("PATCH", f"{ROOT}/shop", {"archived": True})).status == 409
    away = MovementIn("transfer", "PRD-123", 5, location_id="shop", to_location_id="main")
    await inventory.stock.load(TENANT, [away], source="move")
    assert (await call("PATCH", f"{ROOT}/shop", {"archived": True})).status == 200
    assert "shop" not in await listed(call)
    assert (await listed(call, "?archived=true"))["shop"]["archived_at"] is not None
    entry = {"kind": "receipt", "product_id": "PRD-123", "quantity": 1, "location_id": "shop"}
    assert (await call("POST", "/api/inventory/stock-movements", {"movements": [entry]})).status == 422
    assert (await call("PATCH", f"{ROOT}/shop", {"archived": False})).status == 200
    assert (await call("POST", "/api/inventory/stock-movements", {"movements": [entry]})).status == 201


async def test_a_sale_recorded_at_an_archived_location_still_counts(call, inventory, laptop):
    await call("POST", ROOT, {"location_id": "shop"})
    await call("PATCH", f"{ROOT}/shop", {"archived": True})
    assert (await inventory.inbox.take(TENANT, [sale(1, 2, location_id="shop")]))["applied"] == 1
    levels = await inventory.stock.levels(TENANT, location_id="shop", oversold=True, limit=9, cursor=None)
    assert [entry.on_hand for entry in levels.items] == [-2]


async def test_the_ledgers_own_and_the_default_location_stay(call, inventory):
    assert (await call("PATCH", f"{ROOT}/transit", {"name": "Lorry"})).status == 409
    assert (await call("PATCH", f"{ROOT}/main", {"archived": True})).status == 409
    assert (await call("PATCH", f"{ROOT}/moon", {"name": "Moon"})).status == 404
    assert (await call("POST", ROOT, {"location_id": "main"})).status == 409
    for wrong in ({"location_id": "customer"}, {"location_id": "a/b"}, {"location_id": "x", "name": " "}, {}):
        assert (await call("POST", ROOT, wrong)).status in {400, 422}, wrong


async def test_neither_an_archived_nor_a_virtual_location_becomes_the_default(call, inventory):
    await call("POST", ROOT, {"location_id": "shop"})
    await call("PATCH", f"{ROOT}/shop", {"archived": True})
    for location_id in ("shop", "transit"):
        answer = await call("PATCH", "/api/inventory/tenant", {"default_location_id": location_id})
        assert answer.status == 422, location_id
