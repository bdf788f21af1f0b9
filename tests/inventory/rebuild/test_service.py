"""A rebuild: the balances follow from what was recorded, and one that does not is found and mended."""

import random
import time
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from resource import RUSAGE_SELF, getrusage

import pytest
import sqlalchemy as sa

from fixtures.inventory import NOW, TENANT, opening, receipt, sale
from fixtures.ledgers import assert_sound
from fixtures.sizes import STATED
from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.counts.schemas import CountIn, CountLineIn
from shelfwise.inventory.places.schemas import LocationIn
from shelfwise.inventory.reservations.schemas import ReservationIn
from shelfwise.inventory.stock.schemas import MovementIn, ReversalIn
from shelfwise.inventory.tables import STOCK_BALANCES, STOCK_MOVEMENTS
from shelfwise.inventory.transfers.schemas import ArrivedLine, TransferIn, TransferLineIn, TransferReceiptIn
from shelfwise.platform.bulk import append

B = STOCK_BALANCES.c


@pytest.fixture
async def busy(inventory, laptop):
    """A ledger in which everything that moves stock has happened."""
    await inventory.catalogue.create(TENANT, Product("P2", "P2", "Two", unit_cost=Decimal("2.5")))
    await inventory.places.create(TENANT, LocationIn("shop"))
    await inventory.inbox.take(TENANT, [sale(1, 7, at=NOW - timedelta(days=5)), sale(2, 3, "P2")])
    openings = [opening(50, at=NOW - timedelta(days=4), unit_cost=Decimal("3.3333")), opening(8, "P2")]
    await inventory.stock.load(TENANT, openings, source="t")
    wrong = await inventory.stock.load(TENANT, [receipt(9, unit_cost=Decimal("5.77"))], source="t2")
    await inventory.stock.load(TENANT, [receipt(11, unit_cost=Decimal("4.10"))], source="t3")
    await inventory.stock.reverse(TENANT, wrong.movement_ids[0], ReversalIn("twice"))
    shipped = TransferIn("shop", [TransferLineIn("PRD-123", 7), TransferLineIn("P2", 3)], transfer_id="T")
    await inventory.transfers.ship(TENANT, shipped)
    await inventory.transfers.receive(TENANT, "T", TransferReceiptIn([ArrivedLine("PRD-123", 5)], final=False))
    await inventory.transfers.receive(TENANT, "T", TransferReceiptIn([ArrivedLine("P2", 3)]))
    await inventory.counts.count(TENANT, CountIn([CountLineIn("P2", 1), CountLineIn("PRD-123", 60)]))
    await inventory.reservations.hold(TENANT, ReservationIn("PRD-123", 4))
    await inventory.reservations.hold(TENANT, ReservationIn("PRD-123", 2, purpose="set_aside"))
    await inventory.inbox.take(TENANT, [sale(5, 9, "P2"), sale(6, 2, kind="return")])
    return inventory


async def test_a_rebuild_of_a_sound_ledger_differs_in_nothing(busy):
    report = await busy.rebuild.rebuild(TENANT, check=True)
    assert (report.listed, report.differing) == ([], 0)
    assert (report.movements, report.balances) == (17, 6)
    await assert_sound(busy)


DAMAGE = {
    "on_hand": 999,
    "committed": 1,
    "unavailable": 9,
    "value": Decimal(1),
    "opened_at": None,
    "last_moved_on": None,
}


@pytest.mark.parametrize("field", list(DAMAGE))
async def test_a_damaged_balance_is_named_and_then_mended(busy, field):
    async with busy.database.write(TENANT) as connection:
        mine = (B.tenant_id == TENANT, B.product_id == "PRD-123", B.location_id == "main")
        await connection.execute(sa.update(STOCK_BALANCES).where(*mine).values({field: DAMAGE[field]}))
    checked = await busy.rebuild.rebuild(TENANT, check=True)
    assert [(one.product_id, one.location_id, one.field) for one in checked.listed] == [("PRD-123", "main", field)]
    assert (await busy.rebuild.rebuild(TENANT, check=False)).differing == 1
    assert (await busy.rebuild.rebuild(TENANT, check=True)).differing == 0


async def test_balances_that_are_gone_are_made_again(busy):
    before = await busy.stock.levels(TENANT, location_id=None, oversold=False, limit=99, cursor=None)
    async with busy.database.write(TENANT) as connection:
        await connection.execute(sa.delete(STOCK_BALANCES))
    await busy.rebuild.rebuild(TENANT, check=False)
    after = await busy.stock.levels(TENANT, location_id=None, oversold=False, limit=99, cursor=None)
    figures = [(one.product_id, one.location_id, one.on_hand, one.available, one.value) for one in before.items]
    assert [(one.product_id, one.location_id, one.on_hand, one.available, one.value) for one in after.items] == figures


async def test_movements_go_on_after_a_rebuild_in_the_right_order(busy):
    async with busy.database.write(TENANT) as connection:
        await connection.execute(sa.update(STOCK_BALANCES).values(on_hand=0))
    await busy.rebuild.rebuild(TENANT, check=False)
    await busy.stock.load(
        TENANT, [receipt(3, unit_cost=Decimal(9)), MovementIn("adjustment", "PRD-123", 2)], source="n"
    )
    await assert_sound(busy)


def many_rows(movements, products):
    """Openings, then receipts and sales of one unit at random, as the table keeps them."""
    chance = random.Random(5)
    day = NOW.date()
    left, sequence = [0] * products, [0] * products
    for number in range(movements):
        product = number % products
        sold = number >= products and left[product] > 0 and chance.random() < 0.7
        units = 1 if sold else 3
        left[product] += -units if sold else units
        sequence[product] += 1
        ends = ("main", "customer") if sold else ("supplier", "main")
        name = f"P{product:05}"
        yield (TENANT, f"{number:014x}", name, "sale" if sold else "receipt", *ends, units, NOW, day, NOW, "load",
            f"e{number}", 1, sequence[product])  # fmt: skip


@pytest.mark.long
async def test_a_million_movements_are_replayed_in_bounded_memory(inventory):
    movements, products = (1_000_000, 2_000) if STATED else (20_000, 200)
    columns = ("tenant_id", "movement_id", "product_id", "kind", "from_location_id", "to_location_id", "quantity",
        "occurred_at", "business_date", "recorded_at", "source", "event_id", "line_no", "sequence")  # fmt: skip
    rows, expected = many_rows(movements, products), Counter()
    while part := list(islice(rows, 20_000)):
        async with inventory.database.write(TENANT) as connection:
            await append(connection, STOCK_MOVEMENTS, columns, part)
        for row in part:
            expected[row[2]] += -row[6] if row[3] == "sale" else row[6]
    del part
    before_kib, started = getrusage(RUSAGE_SELF).ru_maxrss, time.process_time()
    report = await inventory.rebuild.rebuild(TENANT, check=False)
    print(f"{movements} movements: {time.process_time() - started:.1f} s of CPU time")
    grown_kib = getrusage(RUSAGE_SELF).ru_maxrss - before_kib
    assert (report.movements, report.balances) == (movements, products)
    async with inventory.database.read(TENANT) as connection:
        found = dict((await connection.execute(sa.select(B.product_id, B.on_hand))).all())
    assert found == expected
    assert (await inventory.rebuild.rebuild(TENANT, check=True)).differing == 0
    # A million movements as Python objects would be some 400 MB.
    assert grown_kib < 100_000
