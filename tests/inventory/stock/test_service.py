"""The ledger: movements, balances, opening balances, races."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from fixtures.inventory import NOW, TENANT, opening, receipt, sale
from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.stock.schemas import MovementIn
from shelfwise.inventory.tables import STOCK_BALANCES, STOCK_MOVEMENTS
from shelfwise.platform.problems import ConflictError, InvalidError


async def level(inventory, product_id="PRD-123"):
    levels = await inventory.stock.levels(TENANT, location_id=None, oversold=False, limit=100, cursor=None)
    return next(entry for entry in levels.items if entry.product_id == product_id)


async def assert_balances_are_the_sums_of_movements(inventory):
    m, b = STOCK_MOVEMENTS.c, STOCK_BALANCES.c
    async with inventory.database.read(TENANT) as connection:
        sums = {}
        for row in await connection.execute(sa.select(m.product_id, m.from_location_id, m.to_location_id, m.quantity)):
            for place, sign in ((row.from_location_id, -1), (row.to_location_id, 1)):
                sums[row.product_id, place] = sums.get((row.product_id, place), 0) + sign * row.quantity
        for row in await connection.execute(sa.select(b.product_id, b.location_id, b.on_hand)):
            assert sums.get((row.product_id, row.location_id), 0) == row.on_hand


async def test_an_opening_balance_and_a_receipt_add_up(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(50), receipt(20)], source="test")
    found = await level(inventory)
    assert (found.on_hand, found.available, found.location_id) == (70, 70, "main")
    await assert_balances_are_the_sums_of_movements(inventory)


async def test_a_second_opening_balance_is_refused(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(50)], source="test")
    with pytest.raises(ConflictError, match="opening balance"):
        await inventory.stock.load(TENANT, [opening(60)], source="test")
    assert (await level(inventory)).on_hand == 50


async def test_an_opening_balance_supersedes_what_moved_before_it_and_keeps_what_moved_since(inventory, laptop):
    await inventory.inbox.take(
        TENANT, [sale(1, 7, at=NOW - timedelta(days=3)), sale(2, 4, at=NOW - timedelta(hours=1))]
    )
    assert (await level(inventory)).on_hand == -11
    await inventory.stock.load(TENANT, [opening(50, at=NOW - timedelta(days=1))], source="test")
    assert (await level(inventory)).on_hand == 46
    await assert_balances_are_the_sums_of_movements(inventory)


async def test_more_than_is_available_cannot_leave(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(5)], source="test")
    lost = MovementIn(kind="adjustment", direction="out", product_id="PRD-123", quantity=6)
    with pytest.raises(ConflictError, match="Only 5"):
        await inventory.stock.load(TENANT, [lost], source="test")
    assert (await level(inventory)).on_hand == 5


async def test_of_fifty_who_take_the_last_unit_at_once_one_succeeds(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(1)], source="test")
    lost = MovementIn(kind="adjustment", direction="out", product_id="PRD-123", quantity=1)

    async def take_one() -> bool:
        try:
            await inventory.stock.post(TENANT, [lost], identity=None)
        except ConflictError:
            return False
        return True

    assert sum(await asyncio.gather(*(take_one() for _ in range(50)))) == 1
    assert (await level(inventory)).on_hand == 0
    await assert_balances_are_the_sums_of_movements(inventory)


async def test_first_movements_of_a_product_from_many_connections_are_all_counted(inventory, laptop):
    await asyncio.gather(*(inventory.stock.load(TENANT, [receipt(1)], source=f"s{number}") for number in range(20)))
    assert (await level(inventory)).on_hand == 20
    await assert_balances_are_the_sums_of_movements(inventory)


async def test_a_repeated_event_moves_nothing_and_another_content_is_refused(inventory, laptop):
    first = receipt(5, event_id="po-1", occurred_at=NOW)
    assert (await inventory.stock.load(TENANT, [first], source="erp")).recorded == 1
    again = await inventory.stock.load(TENANT, [first, first], source="erp")
    assert (again.recorded, again.duplicates) == (0, 2)
    with pytest.raises(ConflictError, match="another content"):
        await inventory.stock.load(TENANT, [receipt(6, event_id="po-1", occurred_at=NOW)], source="erp")
    assert (await level(inventory)).on_hand == 5


async def test_a_transfer_moves_units_and_their_value(inventory, laptop):
    await inventory.tenants.change(TENANT, {"default_location_id": "shop"})
    await inventory.stock.load(
        TENANT,
        [
            opening(10, location_id="main", unit_cost=Decimal("3.00")),
            MovementIn(kind="transfer", product_id="PRD-123", quantity=4, location_id="main", to_location_id="shop"),
        ],
        source="test",
    )
    levels = await inventory.stock.levels(TENANT, location_id=None, oversold=False, limit=10, cursor=None)
    assert [(entry.location_id, entry.on_hand, entry.value) for entry in levels.items] == [
        ("main", 6, 18.0),
        ("shop", 4, 12.0),
    ]


@pytest.mark.parametrize(
    ("movement", "field"),
    [
        (receipt(1, "nothing"), "movements[1].product_id"),
        (receipt(1, location_id="moon"), "movements[1].location_id"),
        (receipt(1, location_id="customer"), "movements[1].location_id"),
        (receipt(0), "movements[1].quantity"),
        (receipt(1, unit_cost=Decimal("NaN")), "movements[1].unit_cost"),
        (
            MovementIn(kind="transfer", product_id="PRD-123", quantity=1, to_location_id="main"),
            "movements[1].to_location_id",
        ),
    ],
)
async def test_one_impossible_movement_records_none_and_is_named(inventory, laptop, movement, field):
    with pytest.raises(InvalidError) as caught:
        await inventory.stock.load(TENANT, [receipt(1), movement], source="test")
    assert caught.value.errors[0].field == field
    assert (await inventory.stock.movements(TENANT, product_id=None, limit=10, cursor=None)).items == []


async def test_a_load_reports_progress_and_can_be_repeated(inventory, laptop):
    await inventory.catalogue.create(TENANT, Product("P2", "P2", "Two"))
    movements = [receipt(1, "P2", event_id=f"r{number}", occurred_at=NOW) for number in range(4500)]
    seen = []
    loaded = await inventory.stock.load(
        TENANT, movements, source="demo", progress=lambda done, total: seen.append((done, total))
    )
    assert loaded.recorded == len(loaded.movement_ids) == 4500
    assert seen == [(2000, 4500), (4000, 4500), (4500, 4500)]
    again = await inventory.stock.load(TENANT, movements, source="demo")
    assert (again.recorded, again.duplicates) == (0, 4500)


async def test_movements_are_listed_newest_first_page_by_page(inventory, laptop):
    await inventory.stock.load(TENANT, [receipt(number, event_id=f"r{number}") for number in range(1, 6)], source="t")
    first = await inventory.stock.movements(TENANT, product_id="PRD-123", limit=3, cursor=None)
    second = await inventory.stock.movements(TENANT, product_id="PRD-123", limit=3, cursor=first.next)
    assert [entry.quantity for entry in first.items + second.items] == [5, 4, 3, 2, 1]
    assert second.next is None
