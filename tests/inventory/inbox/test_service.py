"""Events of Sales: each has its effect exactly once, history has none, and what cannot be applied blocks nothing."""

import asyncio
from datetime import timedelta

from fixtures.inventory import NOW, TENANT, opening, sale
from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.stock.service import Ledger


async def on_hand(inventory, product_id="PRD-123"):
    levels = await inventory.stock.levels(TENANT, location_id=None, oversold=False, limit=100, cursor=None)
    return {entry.product_id: entry.on_hand for entry in levels.items}.get(product_id)


async def test_sales_lower_stock_and_cancellations_and_returns_raise_it(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(50, at=NOW - timedelta(days=2))], source="test")
    answer = await inventory.inbox.take(
        TENANT,
        [
            sale(1, 10),
            sale(2, 4, kind="cancellation"),
            sale(3, 3, kind="return"),
            sale(4, 2, kind="return", resellable=False),
        ],
    )
    assert answer == {"applied": 4, "duplicates": 0, "before_opening": 0, "rejected": []}
    assert await on_hand(inventory) == 47


async def test_an_event_that_comes_again_changes_nothing(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(50, at=NOW - timedelta(days=2))], source="test")
    events = [sale(1), sale(2), sale(2)]
    assert (await inventory.inbox.take(TENANT, events))["applied"] == 2
    assert await inventory.inbox.take(TENANT, events) == {
        "applied": 0,
        "duplicates": 3,
        "before_opening": 0,
        "rejected": [],
    }
    assert await on_hand(inventory) == 48


async def test_the_same_batch_delivered_by_many_at_once_is_applied_once(inventory, laptop):
    events = [sale(number) for number in range(20)]
    answers = await asyncio.gather(*(inventory.inbox.take(TENANT, events) for _ in range(8)))
    assert sum(answer["applied"] for answer in answers) == 20
    assert await on_hand(inventory) == -20


async def test_lines_before_the_opening_balance_move_nothing(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(50, at=NOW)], source="test")
    before = NOW - timedelta(seconds=1)
    answer = await inventory.inbox.take(
        TENANT,
        [
            sale(1, at=before),
            sale(2, at=NOW - timedelta(days=300)),
            sale(3, kind="cancellation", at=NOW, business_date="2026-03-01"),
            sale(4, at=NOW),
        ],
    )
    assert (answer["before_opening"], answer["applied"]) == (3, 1)
    assert await on_hand(inventory) == 49


async def test_a_sale_is_applied_whatever_the_balance_and_the_product_is_flagged_oversold(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(2, at=NOW - timedelta(days=1))], source="test")
    await inventory.inbox.take(TENANT, [sale(1, 5)])
    flagged = await inventory.stock.levels(TENANT, location_id=None, oversold=True, limit=10, cursor=None)
    assert [(entry.on_hand, entry.oversold) for entry in flagged.items] == [(-3, True)]


async def test_what_cannot_be_applied_is_kept_with_its_reason_and_taken_when_it_can_be(inventory, laptop):
    events = [
        sale(1),
        sale(2, product_id="NEW"),
        sale(3, location_id="moon"),
        sale(4, business_date="2026-02-31"),
        sale(5),
    ]
    answer = await inventory.inbox.take(TENANT, events)
    assert answer["applied"] == 2
    assert [entry["event_id"] for entry in answer["rejected"]] == ["e2", "e3", "e4"]
    assert "unknown product 'NEW'" in answer["rejected"][0]["reason"]
    assert await inventory.inbox.rejected_count(inventory.relay_database) == 3

    await inventory.catalogue.create(TENANT, Product("NEW", "NEW", "New"))
    retried = await inventory.inbox.retry(TENANT)
    assert (retried["applied"], len(retried["rejected"])) == (1, 2)
    assert await inventory.inbox.rejected_count(inventory.relay_database) == 2
    assert await on_hand(inventory, "NEW") == -1


async def test_an_event_that_fails_as_nobody_foresaw_is_rejected_alone(inventory, laptop, monkeypatch):
    await inventory.catalogue.create(TENANT, Product("BAD", "BAD", "Bad"))
    apply = Ledger.apply

    def failing(self, movement, own_cost):
        if movement.product_id == "BAD":
            raise OverflowError
        return apply(self, movement, own_cost)

    monkeypatch.setattr(Ledger, "apply", failing)
    impossible = [sale(number, product_id="BAD") for number in (11, 12)]
    batch = [sale(1), *impossible, sale(2), sale(3)]
    answer = await inventory.inbox.take(TENANT, batch)
    assert answer["applied"] == 3
    assert {entry["event_id"] for entry in answer["rejected"]} == {event.event_id for event in impossible}
    assert await on_hand(inventory) == -3
    monkeypatch.undo()
    assert (await inventory.inbox.retry(TENANT))["applied"] == 2
    assert (await inventory.inbox.take(TENANT, batch))["duplicates"] == 5
