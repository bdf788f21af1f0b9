"""Stock that cannot be wrong: many processes and clients, requests repeated at random, processes killed."""

import asyncio
import random

import pytest

from fixtures.inventory import TENANT, opening
from fixtures.ledgers import assert_sound, read_rows
from fixtures.sizes import STATED
from fixtures.storm import PRODUCTS, Storm, processes
from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.places.schemas import LocationIn
from shelfwise.inventory.tables import INBOX, STOCK_COUNTS, STOCK_MOVEMENTS, TRANSFERS

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SERVERS, WRITERS, SECONDS = (8, 200, 30.0) if STATED else (2, 24, 3.0)


@pytest.fixture
async def stocked(inventory):
    for name in PRODUCTS:
        await inventory.catalogue.create(TENANT, Product(name, name, name))
    await inventory.places.create(TENANT, LocationIn("shop"))
    await inventory.stock.load(TENANT, [opening(40, name) for name in PRODUCTS], source="t")
    return inventory


async def check(inventory, storm):
    """The ledger is sound, and has each thing that a client was told exactly once."""
    await assert_sound(inventory)
    m = STOCK_MOVEMENTS.c
    kinds = [row.kind for row in await read_rows(inventory, m.movement_id, m.kind)]
    assert kinds.count("receipt") == storm.accepted["receipt"]
    assert kinds.count("adjustment") == storm.accepted["adjustment"]
    assert len(await read_rows(inventory, STOCK_COUNTS.c.count_id)) == storm.accepted["count"]
    transfers = await read_rows(inventory, TRANSFERS.c.transfer_id, TRANSFERS.c.status)
    assert [row.status for row in transfers] == ["received"] * storm.accepted["transfer"]
    assert {row.event_id for row in await read_rows(inventory, INBOX.c.event_id)} == storm.sold
    if STATED:
        assert min(storm.accepted[what] for what in ("receipt", "transfer", "count", "reservation")) > 0
    ordered = sorted(storm.seconds)
    print(f"\n{len(ordered)} answers {dict(storm.statuses)}, p99 {ordered[int(len(ordered) * 0.99)]:.3f} s")


async def test_many_writers_at_many_processes_leave_every_figure_right(stocked, settings, tmp_path):
    async with processes(settings, tmp_path, SERVERS) as several:
        storm = Storm(several, seed=1)
        await storm.run(WRITERS, SECONDS)
    await check(stocked, storm)


async def test_processes_killed_in_the_middle_and_started_again_leave_every_figure_right(stocked, settings, tmp_path):
    chance = random.Random(7)
    async with processes(settings, tmp_path, SERVERS) as several:
        storm = Storm(several, seed=2)
        writing = asyncio.create_task(storm.run(WRITERS, SECONDS))
        for _ in range(4 if STATED else 2):
            await asyncio.sleep(SECONDS / 6)
            port = chance.choice(list(several.running))
            several.kill(port)
            several.start(port)
        await writing
    assert storm.statuses[0] > 0
    await check(stocked, storm)
