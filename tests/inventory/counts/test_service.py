"""Counts: what was there at an instant, however late anybody tells of it or of the sales around it."""

import json
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from fixtures.inventory import NOW, TENANT, opening, receipt, sale
from shelfwise.inventory.counts.schemas import CountIn, CountLineIn, CountOut
from shelfwise.platform.problems import ConflictError, InvalidError

HOUR = timedelta(hours=1)


@pytest.fixture
async def stocked(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(10, at=NOW - timedelta(days=3), unit_cost=Decimal(4))], source="test")
    return inventory


async def count(inventory, counted, **more) -> CountOut:
    lines = more.pop("lines", [CountLineIn("PRD-123", counted)])
    answer = await inventory.counts.count(TENANT, CountIn(lines, **more))
    return msgspec.json.decode(answer.body, type=CountOut)


async def level(inventory):
    return (await inventory.stock.levels(TENANT, location_id=None, oversold=False, limit=9, cursor=None)).items[0]


async def test_a_difference_moves_with_the_counts_reason_and_its_value(stocked):
    done = await count(stocked, 7, reason="yearly count")
    assert [(line.expected_quantity, line.difference) for line in done.lines] == [(10, -3)]
    assert ((await level(stocked)).on_hand, (await level(stocked)).value) == (7, 28.0)
    moved = (await stocked.stock.movements(TENANT, product_id=None, limit=9, cursor=None)).items
    counted = [(entry.quantity, entry.to_location_id, entry.reason) for entry in moved if entry.kind == "count"]
    assert counted == [(3, "loss", "yearly count")]


async def test_a_count_that_finds_what_the_ledger_says_moves_nothing_and_is_kept(stocked):
    done = await count(stocked, 10)
    assert len((await stocked.stock.movements(TENANT, product_id=None, limit=9, cursor=None)).items) == 1
    assert (await stocked.counts.show(TENANT, done.count_id)).lines[0].counted_quantity == 10


async def test_what_moved_after_the_count_stays_on_top_of_it(stocked):
    await stocked.inbox.take(TENANT, [sale(1, 2, at=NOW - 5 * HOUR), sale(2, 1, at=NOW - HOUR)])
    done = await count(stocked, 6, counted_at=NOW - 3 * HOUR)
    assert done.lines[0].expected_quantity == 8
    assert (await level(stocked)).on_hand == 5


async def test_a_sale_from_before_the_count_that_comes_late_is_history(stocked):
    await count(stocked, 6, counted_at=NOW - 3 * HOUR)
    answer = await stocked.inbox.take(TENANT, [sale(1, 2, at=NOW - 5 * HOUR), sale(2, 1, at=NOW - HOUR)])
    assert (answer["before_opening"], answer["applied"]) == (1, 1)
    assert (await level(stocked)).on_hand == 5


async def test_a_count_ends_oversold_stock(stocked):
    await stocked.inbox.take(TENANT, [sale(1, 14, at=NOW - HOUR)])
    assert (await level(stocked)).oversold
    await count(stocked, 3)
    assert ((await level(stocked)).on_hand, (await level(stocked)).oversold) == (3, False)


async def test_an_older_count_does_not_undo_a_newer_one(stocked):
    await count(stocked, 6, counted_at=NOW - HOUR)
    with pytest.raises(ConflictError, match="after this count"):
        await count(stocked, 9, counted_at=NOW - 2 * HOUR)
    assert (await level(stocked)).on_hand == 6


async def test_a_product_that_was_never_opened_can_be_counted(inventory, laptop):
    await inventory.stock.load(TENANT, [receipt(2)], source="test")
    await count(inventory, 5)
    assert (await level(inventory)).on_hand == 5


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"lines": [CountLineIn("nothing", 1)]}, "lines[0].product_id"),
        ({"lines": [CountLineIn("PRD-123", 1), CountLineIn("PRD-123", 1)]}, "lines[1].product_id"),
        ({"lines": [CountLineIn("PRD-123", -1)]}, "lines[0].counted_quantity"),
        ({"location_id": "transit"}, "location_id"),
        ({"counted_at": NOW + timedelta(days=2)}, "counted_at"),
        ({"reason": " "}, "reason"),
    ],
)
async def test_an_impossible_count_moves_nothing_and_names_the_field(stocked, more, field):
    with pytest.raises(InvalidError) as caught:
        await count(stocked, 5, **more)
    assert caught.value.errors[0].field == field
    assert (await level(stocked)).on_hand == 10


async def test_a_count_over_http_can_be_repeated(call, stocked):
    root = "/api/inventory/stock-counts"
    body = {"lines": [{"product_id": "PRD-123", "counted_quantity": 8}], "count_id": "C1"}
    first = await call("POST", root, body, headers={"Idempotency-Key": "c"})
    again = await call("POST", root, body, headers={"Idempotency-Key": "c"})
    assert (first.status, again.body) == (201, first.body)
    assert (await call("POST", root, body)).status == 409
    assert json.loads((await call("GET", f"{root}/C1")).body)["lines"][0]["difference"] == -2
    assert len(json.loads((await call("GET", f"{root}?location_id=main")).body)["items"]) == 1
    assert (await call("GET", f"{root}/none")).status == 404
