"""A mistake is taken back by a movement that names it: once, and only where nothing else would be wrong afterwards."""

import asyncio
import json
from decimal import Decimal

import pytest

from fixtures.inventory import TENANT, opening, receipt, sale
from shelfwise.inventory.stock.schemas import ReversalIn
from shelfwise.platform.problems import ConflictError, NotFoundError

MISTAKE = ReversalIn("typed twice")


async def level(inventory):
    return (await inventory.stock.levels(TENANT, location_id=None, oversold=False, limit=9, cursor=None)).items[0]


async def test_units_and_value_are_what_they_were_and_both_movements_stay(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(10, unit_cost=Decimal(2))], source="test")
    wrong = await inventory.stock.load(TENANT, [receipt(10, unit_cost=Decimal(5))], source="test")
    await inventory.stock.reverse(TENANT, wrong.movement_ids[0], MISTAKE)
    assert ((await level(inventory)).on_hand, (await level(inventory)).value) == (10, 20.0)
    newest = (await inventory.stock.movements(TENANT, product_id=None, limit=9, cursor=None)).items
    reversals = [entry for entry in newest if entry.kind == "reversal"]
    assert [(entry.reverses_movement_id, entry.reason) for entry in reversals] == [
        (wrong.movement_ids[0], "typed twice")
    ]
    assert len(newest) == 3


async def test_of_many_who_reverse_a_movement_at_once_one_succeeds(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(50)], source="test")
    wrong = (await inventory.stock.load(TENANT, [receipt(1)], source="test")).movement_ids[0]

    async def reverse() -> bool:
        try:
            await inventory.stock.reverse(TENANT, wrong, MISTAKE)
        except ConflictError:
            return False
        return True

    assert sum(await asyncio.gather(*(reverse() for _ in range(20)))) == 1
    assert (await level(inventory)).on_hand == 50


async def test_what_has_left_already_cannot_be_taken_back(inventory, laptop):
    wrong = (await inventory.stock.load(TENANT, [receipt(5)], source="test")).movement_ids[0]
    await inventory.inbox.take(TENANT, [sale(1, 3)])
    with pytest.raises(ConflictError, match="Only 2"):
        await inventory.stock.reverse(TENANT, wrong, MISTAKE)


async def test_sales_openings_and_reversals_are_corrected_elsewhere(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(5)], source="test")
    await inventory.inbox.take(TENANT, [sale(1, 3)])
    for entry in (await inventory.stock.movements(TENANT, product_id=None, limit=9, cursor=None)).items:
        with pytest.raises(ConflictError, match="cannot be reversed"):
            await inventory.stock.reverse(TENANT, entry.movement_id, MISTAKE)
    with pytest.raises(NotFoundError):
        await inventory.stock.reverse(TENANT, "nothing", MISTAKE)


async def test_a_reversal_over_http_can_be_repeated(call, inventory, laptop):
    wrong = (await inventory.stock.load(TENANT, [receipt(5)], source="test")).movement_ids[0]
    path, key = f"/api/inventory/stock-movements/{wrong}/reverse", {"Idempotency-Key": "r"}
    first = await call("POST", path, {"reason": "typed twice"}, headers=key)
    again = await call("POST", path, {"reason": "typed twice"}, headers=key)
    assert (first.status, json.loads(first.body)["reverses_movement_id"]) == (201, wrong)
    assert again.body == first.body
    assert (await call("POST", path, {"reason": "typed twice"})).status == 409
    assert (await call("POST", path, {"reason": ""})).status == 422
