"""Transfers: nothing is made or lost on the way but what a receipt says is missing, and that is a loss."""

import json
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from fixtures.inventory import NOW, TENANT, opening
from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.places.schemas import LocationIn
from shelfwise.inventory.stock.schemas import MovementIn
from shelfwise.inventory.transfers.schemas import (
    ArrivedLine,
    TransferIn,
    TransferLineIn,
    TransferOut,
    TransferReceiptIn,
)
from shelfwise.platform.problems import ConflictError, InvalidError, NotFoundError


@pytest.fixture
async def two_places(inventory, laptop):
    await inventory.catalogue.create(TENANT, Product("P2", "P2", "Two"))
    await inventory.places.create(TENANT, LocationIn("shop"))
    openings = [opening(10, unit_cost=Decimal("3.0001")), opening(6, "P2")]
    await inventory.stock.load(TENANT, openings, source="test")
    return inventory


async def ship(inventory, quantity=7, **more) -> TransferOut:
    lines = more.pop("lines", [TransferLineIn("PRD-123", quantity)])
    answer = await inventory.transfers.ship(TENANT, TransferIn("shop", lines, **more))
    return msgspec.json.decode(answer.body, type=TransferOut)


async def receive(inventory, transfer, *lines, **more) -> TransferOut:
    wanted = [ArrivedLine(*line) for line in lines] or None
    answer = await inventory.transfers.receive(TENANT, transfer.transfer_id, TransferReceiptIn(wanted, **more))
    return msgspec.json.decode(answer.body, type=TransferOut)


async def on_hand(inventory, product_id="PRD-123"):
    levels = await inventory.stock.levels(TENANT, location_id=None, oversold=False, limit=20, cursor=None)
    return {entry.location_id: entry.on_hand for entry in levels.items if entry.product_id == product_id}


async def test_what_is_shipped_is_in_transit_until_it_is_received(two_places):
    transfer = await ship(two_places)
    assert await on_hand(two_places) == {"main": 3, "transit": 7}
    assert (await receive(two_places, transfer)).status == "received"
    assert await on_hand(two_places) == {"main": 3, "transit": 0, "shop": 7}


async def test_value_travels_whole(two_places):
    await receive(two_places, await ship(two_places))
    levels = await two_places.stock.levels(TENANT, location_id=None, oversold=False, limit=20, cursor=None)
    values = {entry.location_id: entry.value for entry in levels.items if entry.product_id == "PRD-123"}
    assert values == {"main": 9.0, "transit": 0.0, "shop": 21.0}


async def test_a_short_receipt_is_a_loss_with_its_reason(two_places):
    done = await receive(two_places, await ship(two_places), ("PRD-123", 5), reason="crushed")
    assert [(line.received_quantity, line.lost_quantity) for line in done.lines] == [(5, 2)]
    assert await on_hand(two_places) == {"main": 3, "transit": 0, "shop": 5}
    moved = (await two_places.stock.movements(TENANT, product_id="PRD-123", limit=9, cursor=None)).items
    lost = [entry for entry in moved if entry.to_location_id == "loss"]
    assert [(entry.quantity, entry.reason) for entry in lost] == [(2, "crushed")]


async def test_a_transfer_may_arrive_in_parts(two_places):
    transfer = await ship(two_places, lines=[TransferLineIn("PRD-123", 7), TransferLineIn("P2", 2)])
    part = await receive(two_places, transfer, ("PRD-123", 4), final=False)
    assert part.status == "partially_received"
    assert await on_hand(two_places) == {"main": 3, "transit": 3, "shop": 4}
    done = await receive(two_places, transfer)
    assert (done.status, await on_hand(two_places, "P2")) == ("received", {"main": 4, "transit": 0, "shop": 2})
    with pytest.raises(ConflictError, match="received already"):
        await receive(two_places, transfer)


async def test_what_is_in_transit_cannot_be_taken_by_another_movement(two_places):
    await ship(two_places)
    with pytest.raises(InvalidError, match="stocking locations"):
        await two_places.stock.load(
            TENANT, [MovementIn("transfer", "PRD-123", 1, location_id="transit", to_location_id="shop")], source="x"
        )


async def test_an_impossible_transfer_ships_nothing(two_places):
    with pytest.raises(ConflictError, match="Only 10"):
        await ship(two_places, 11)
    await ship(two_places, 1, transfer_id="T1")
    with pytest.raises(ConflictError, match="already"):
        await ship(two_places, 1, transfer_id="T1")
    for wrong, field in (
        ({"from_location_id": "shop"}, "to_location_id"),
        ({"from_location_id": "moon"}, "from_location_id"),
        ({"lines": [TransferLineIn("nothing", 1)]}, "lines[0].product_id"),
        ({"lines": [TransferLineIn("P2", 1), TransferLineIn("P2", 1)]}, "lines[1].product_id"),
        ({"shipped_at": NOW + timedelta(days=2)}, "shipped_at"),
    ):
        with pytest.raises(InvalidError) as caught:
            await ship(two_places, **wrong)
        assert caught.value.errors[0].field == field
    assert await on_hand(two_places) == {"main": 9, "transit": 1}


async def test_no_more_arrives_than_was_shipped(two_places):
    transfer = await ship(two_places)
    for line, field in ((("PRD-123", 8), "lines[0].quantity"), (("P2", 1), "lines[0].product_id")):
        with pytest.raises(InvalidError) as caught:
            await receive(two_places, transfer, line)
        assert caught.value.errors[0].field == field
    with pytest.raises(NotFoundError):
        await two_places.transfers.receive(TENANT, "none", TransferReceiptIn())


async def test_a_transfer_over_http_can_be_repeated(call, two_places):
    root, body = "/api/inventory/transfers", {"to_location_id": "shop", "lines": [{"product_id": "P2", "quantity": 4}]}
    first = await call("POST", root, body, headers={"Idempotency-Key": "s"})
    again = await call("POST", root, body, headers={"Idempotency-Key": "s"})
    assert (first.status, again.body) == (201, first.body)
    one = f"{root}/{json.loads(first.body)['transfer_id']}"
    for _ in range(2):
        assert (await call("POST", f"{one}/receive", {}, headers={"Idempotency-Key": "r"})).status == 200
    assert (await call("POST", f"{one}/receive", {}, headers={"Idempotency-Key": "other"})).status == 409
    assert json.loads((await call("GET", one)).body)["status"] == "received"
    assert len(json.loads((await call("GET", f"{root}?status=received")).body)["items"]) == 1
    assert await on_hand(two_places, "P2") == {"main": 2, "transit": 0, "shop": 4}
