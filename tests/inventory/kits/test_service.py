"""A kit is sold as one product and leaves the stock as its components."""

import json
from datetime import timedelta

import pytest

from fixtures.inventory import NOW, TENANT, opening, sale
from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.counts.schemas import CountIn, CountLineIn
from shelfwise.inventory.kits.schemas import ComponentIn, ComponentsIn
from shelfwise.inventory.reservations.schemas import ReservationIn
from shelfwise.platform.problems import ConflictError, InvalidError

LONG_AGO = NOW - timedelta(days=9)


@pytest.fixture
async def kit(inventory, laptop):
    """PRD-123 is a kit of one P1 and two P2, of which there are 10 and 9."""
    for name in ("P1", "P2"):
        await inventory.catalogue.create(TENANT, Product(name, name, name))
    await inventory.stock.load(TENANT, [opening(10, "P1", at=LONG_AGO), opening(9, "P2", at=LONG_AGO)], source="t")
    await inventory.kits.put(TENANT, "PRD-123", ComponentsIn([ComponentIn("P1", 1), ComponentIn("P2", 2)]))
    return inventory


async def on_hand(inventory):
    levels = await inventory.stock.levels(TENANT, location_id=None, oversold=False, limit=20, cursor=None)
    return {entry.product_id: entry.on_hand for entry in levels.items}


async def test_a_kits_sale_moves_its_components_once_and_no_stock_of_its_own(kit):
    answer = await kit.inbox.take(TENANT, [sale(1, 3)])
    assert answer["applied"] == 1
    assert (await kit.inbox.take(TENANT, [sale(1, 3)]))["duplicates"] == 1
    assert await on_hand(kit) == {"P1": 7, "P2": 3}


async def test_its_cancellation_and_resellable_return_bring_the_components_back_and_a_spoilt_one_does_not(kit):
    await kit.inbox.take(TENANT, [sale(1, 4), sale(2, 1, kind="cancellation"), sale(3, 1, kind="return")])
    assert await on_hand(kit) == {"P1": 8, "P2": 5}
    await kit.inbox.take(TENANT, [sale(4, 1, kind="return", resellable=False)])
    assert await on_hand(kit) == {"P1": 8, "P2": 5}


async def test_how_many_kits_can_be_made_follows_from_what_is_available(kit):
    assert (await kit.kits.show(TENANT, "PRD-123")).buildable == 4
    await kit.reservations.hold(TENANT, ReservationIn("P2", 4))
    assert (await kit.kits.show(TENANT, "PRD-123")).buildable == 2
    assert (await kit.kits.show(TENANT, "P1")).buildable == 0


async def test_a_kits_sale_consumes_what_was_held_of_its_components_for_the_order(kit):
    await kit.reservations.hold(TENANT, ReservationIn("P2", 4, reference="o1"))
    await kit.inbox.take(TENANT, [sale(1, 2)])
    levels = await kit.stock.levels(TENANT, location_id=None, oversold=False, limit=20, cursor=None)
    assert {(entry.product_id, entry.committed) for entry in levels.items} == {("P1", 0), ("P2", 0)}


async def test_a_sale_that_one_components_count_contains_moves_only_the_others(kit):
    await kit.counts.count(TENANT, CountIn([CountLineIn("P2", 5)], counted_at=NOW - timedelta(hours=1)))
    answer = await kit.inbox.take(TENANT, [sale(1, 1, at=NOW - timedelta(hours=2)), sale(2, 1)])
    assert (answer["applied"], answer["before_opening"]) == (2, 0)
    assert await on_hand(kit) == {"P1": 8, "P2": 3}


async def test_what_cannot_be_a_kit_or_a_component_is_refused(kit):
    await kit.catalogue.create(TENANT, Product("K2", "K2", "K2"))
    for parts, field in (
        ([ComponentIn("nothing", 1)], "components[0].product_id"),
        ([ComponentIn("P1", 1), ComponentIn("P1", 1)], "components[1].product_id"),
        ([ComponentIn("PRD-123", 1)], "components[0].product_id"),
        ([ComponentIn("K2", 1)], "components[0].product_id"),
    ):
        with pytest.raises(InvalidError) as caught:
            await kit.kits.put(TENANT, "K2", ComponentsIn(parts))
        assert caught.value.errors[0].field == field
    with pytest.raises(ConflictError, match="component of a kit"):
        await kit.kits.put(TENANT, "P1", ComponentsIn([ComponentIn("K2", 1)]))
    await kit.stock.load(TENANT, [opening(1, "K2")], source="t")
    with pytest.raises(ConflictError, match="stock of its own"):
        await kit.kits.put(TENANT, "K2", ComponentsIn([ComponentIn("P1", 1)]))


async def test_components_are_put_and_shown_over_http(call, kit):
    path = "/api/inventory/products/PRD-123/components"
    shown = json.loads((await call("GET", path)).body)
    assert [(part["product_id"], part["quantity"], part["available"]) for part in shown["components"]] == [
        ("P1", 1, 10),
        ("P2", 2, 9),
    ]
    assert (await call("PUT", path, {"components": []})).status == 200
    assert json.loads((await call("GET", path)).body)["components"] == []
    assert (await call("PUT", path, {"components": [{"product_id": "P1", "quantity": 0}]})).status == 422
    assert (await call("GET", "/api/inventory/products/none/components")).status == 404
