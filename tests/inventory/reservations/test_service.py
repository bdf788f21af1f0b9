"""Held stock: nobody else gets it, and it comes back unless it is sold."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from fixtures.inventory import NOW, TENANT, opening, sale
from shelfwise.inventory.main import compose
from shelfwise.inventory.reservations.schemas import ConsumeIn, ReservationIn, ReservationOut
from shelfwise.inventory.reservations.service import SWEEP_BATCH
from shelfwise.inventory.stock.schemas import MovementIn
from shelfwise.platform.problems import ConflictError, InvalidError, NotFoundError


async def level(inventory):
    return (await inventory.stock.levels(TENANT, location_id=None, oversold=False, limit=9, cursor=None)).items[0]


async def split(inventory):
    """(on hand, available, committed, unavailable), which always add up."""
    found = await level(inventory)
    assert found.on_hand == found.available + found.committed + found.unavailable
    return found.on_hand, found.available, found.committed, found.unavailable


async def hold(inventory, quantity=1, **more) -> ReservationOut:
    answer = await inventory.reservations.hold(TENANT, ReservationIn("PRD-123", quantity, **more))
    return msgspec.json.decode(answer.body, type=ReservationOut)


@pytest.fixture
async def stocked(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(10, at=NOW - timedelta(days=2))], source="test")
    return inventory


@pytest.fixture
async def tomorrow(stocked, settings):
    """The same service a day later."""
    later = compose(settings, clock=lambda: NOW + timedelta(days=1))
    yield later
    await later.aclose()


async def test_what_is_held_is_committed_or_unavailable_and_no_longer_available(stocked):
    await hold(stocked, 3)
    await hold(stocked, 2, purpose="set_aside", reason="water damage")
    assert await split(stocked) == (10, 5, 3, 2)


async def test_of_fifty_who_hold_the_last_unit_at_once_one_succeeds(stocked):
    await hold(stocked, 9)

    async def hold_one() -> bool:
        try:
            await hold(stocked)
        except ConflictError:
            return False
        return True

    assert sum(await asyncio.gather(*(hold_one() for _ in range(50)))) == 1
    assert await split(stocked) == (10, 0, 10, 0)


async def test_issues_and_reservations_compete_for_the_same_units(stocked):
    await hold(stocked, 8)
    lost = MovementIn(kind="adjustment", direction="out", product_id="PRD-123", quantity=3)
    with pytest.raises(ConflictError, match="Only 2"):
        await stocked.stock.post(TENANT, [lost], identity=None)


async def test_released_units_are_available_again_and_only_once(stocked):
    held = await hold(stocked, 4)
    await stocked.reservations.release(TENANT, held.reservation_id)
    assert await split(stocked) == (10, 10, 0, 0)
    with pytest.raises(ConflictError, match="released already"):
        await stocked.reservations.release(TENANT, held.reservation_id)


async def test_consumed_units_leave_the_stock_a_part_at_a_time(stocked):
    held = await hold(stocked, 4)
    await stocked.reservations.consume(TENANT, held.reservation_id, ConsumeIn(3))
    assert await split(stocked) == (9 - 2, 6, 1, 0)
    with pytest.raises(ConflictError, match="holds 1, not 2"):
        await stocked.reservations.consume(TENANT, held.reservation_id, ConsumeIn(2))
    await stocked.reservations.consume(TENANT, held.reservation_id, ConsumeIn())
    assert await split(stocked) == (6, 6, 0, 0)
    assert (await stocked.reservations.show(TENANT, held.reservation_id)).status == "consumed"


async def test_a_recorded_sale_consumes_what_was_held_for_its_order_and_nobody_elses(stocked):
    mine, other = await hold(stocked, 3, reference="o1"), await hold(stocked, 2, reference="o2")
    await stocked.inbox.take(TENANT, [sale(1, 2)])
    assert await split(stocked) == (8, 5, 3, 0)
    await stocked.inbox.take(TENANT, [sale(1, 2), sale(7, 4, order_id="o1")])
    assert await split(stocked) == (4, 2, 2, 0)
    shown = [await stocked.reservations.show(TENANT, held.reservation_id) for held in (mine, other)]
    assert [(entry.status, entry.held_quantity) for entry in shown] == [("consumed", 0), ("held", 2)]


async def test_what_nobody_bought_in_time_is_available_again_after_a_sweep(stocked, tomorrow):
    held = await hold(stocked, 4)
    kept = await hold(stocked, 1, expires_at=NOW + timedelta(days=2))
    damaged = await hold(stocked, 1, purpose="set_aside")
    assert await stocked.reservations.sweep() == 0
    assert await tomorrow.reservations.sweep() == 1
    assert await tomorrow.reservations.sweep() == 0
    assert await split(stocked) == (10, 8, 1, 1)
    shown = [(await stocked.reservations.show(TENANT, one.reservation_id)).status for one in (held, kept, damaged)]
    assert shown == ["expired", "held", "held"]


async def test_a_sweep_takes_any_number_in_bounded_parts(stocked, tomorrow):
    await stocked.stock.load(TENANT, [MovementIn("receipt", "PRD-123", SWEEP_BATCH * 2)], source="more")
    for _ in range(SWEEP_BATCH + 5):
        await hold(stocked)
    assert await tomorrow.reservations.expire(TENANT) == SWEEP_BATCH
    assert await tomorrow.reservations.sweep() == 5
    assert (await level(stocked)).committed == 0


async def test_an_expired_reservation_holds_nobody_up_before_the_sweep(stocked, tomorrow):
    held = await hold(stocked, 10)
    with pytest.raises(ConflictError, match="has expired"):
        await tomorrow.reservations.consume(TENANT, held.reservation_id, ConsumeIn())
    assert (await hold(tomorrow, 10)).status == "held"
    assert await split(stocked) == (10, 0, 10, 0)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"expires_at": NOW}, "expires_at"),
        ({"expires_at": NOW + timedelta(days=31)}, "expires_at"),
        ({"location_id": "moon"}, "location_id"),
        ({"location_id": "transit"}, "location_id"),
        ({"quantity": 0}, "quantity"),
    ],
)
async def test_an_impossible_reservation_is_refused_and_the_field_named(stocked, more, field):
    with pytest.raises(InvalidError) as caught:
        await hold(stocked, **more)
    assert caught.value.errors[0].field == field
    assert await split(stocked) == (10, 10, 0, 0)


async def test_an_unknown_product_or_reservation_is_named(stocked):
    with pytest.raises(InvalidError, match="no such product"):
        await stocked.reservations.hold(TENANT, ReservationIn("nothing", 1))
    with pytest.raises(NotFoundError, match="RSV-0"):
        await stocked.reservations.release(TENANT, "RSV-0")
