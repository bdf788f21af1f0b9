"""Orders against a real database, one writer or many."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa

from fixtures.sales import catalogue
from shelfwise.contracts.events import SaleEvent
from shelfwise.platform.idempotency import RequestIdentity
from shelfwise.platform.problems import InvalidError
from shelfwise.sales.orders.errors import OrderExistsError, OrderNotFoundError
from shelfwise.sales.orders.schemas import Cancellation, LineQuantity, NewOrder, OrderLine, OrderReturn, ReturnedLine
from shelfwise.sales.tables import OUTBOX, SALES_DAILY


def order(name="o1", *quantities, product="P1", at="2026-02-20T10:00:00Z"):
    lines = [
        OrderLine(line_no=n, product=product, quantity=q, unit_price=2.5) for n, q in enumerate(quantities or (5,), 1)
    ]
    return NewOrder(order_id=name, ordered_at=at, lines=lines)


async def events(sales):
    async with sales.database.read("t1") as connection:
        rows = await connection.execute(sa.select(OUTBOX.c.payload).order_by(OUTBOX.c.id))
        return [msgspec.json.decode(row.payload, type=SaleEvent) for row in rows]


@pytest.fixture
async def shop(sales):
    await sales.product_refs.apply("t1", catalogue("P1", "P2", zone="Europe/London", currency="GBP"))
    return sales


async def test_orders_posted_at_once_get_gapless_sequences_and_an_exact_rollup(shop):
    await asyncio.gather(*(shop.orders.post("t1", order(f"o{n}", 1, 2)) for n in range(25)))
    assert [event.sequence for event in await events(shop)] == list(range(1, 51))
    figures = await shop.analytics.product("t1", "P1", 30)
    assert figures["total_quantity_sold"] == 75
    async with shop.database.read("t1") as connection:
        assert await connection.scalar(sa.select(SALES_DAILY.c.orders)) == 25


async def test_the_same_order_posted_at_once_is_recorded_once(shop):
    answers = await asyncio.gather(*(shop.orders.post("t1", order()) for _ in range(10)))
    assert len({answer.body for answer in answers}) == 1
    assert len(await events(shop)) == 1


async def test_one_of_two_different_orders_under_one_id_is_refused(shop):
    results = await asyncio.gather(
        shop.orders.post("t1", order("o1", 1)), shop.orders.post("t1", order("o1", 2)), return_exceptions=True
    )
    assert Counter(type(result) for result in results)[OrderExistsError] == 1
    assert len(await events(shop)) == 1


async def test_cancellations_at_once_never_take_back_more_than_was_sold(shop):
    await shop.orders.post("t1", order("o1", 5))
    what = Cancellation(lines=[LineQuantity(line_no=1, quantity=2)])
    results = await asyncio.gather(*(shop.orders.cancel("t1", "o1", what) for _ in range(6)), return_exceptions=True)
    assert sum(not isinstance(result, Exception) for result in results) == 2
    assert (await shop.analytics.product("t1", "P1", 30))["total_quantity_sold"] == 1


async def test_orders_in_opposite_orders_of_products_do_not_block_each_other(shop):
    def mixed(name, first, second):
        lines = [OrderLine(line_no=n, product=p, quantity=1, unit_price=1) for n, p in ((1, first), (2, second))]
        return NewOrder(order_id=name, ordered_at="2026-02-20", lines=lines)

    pairs = [("P1", "P2"), ("P2", "P1")] * 10
    await asyncio.gather(*(shop.orders.post("t1", mixed(f"o{n}", *pair)) for n, pair in enumerate(pairs)))
    assert len(await events(shop)) == 40


async def test_a_wall_time_and_an_instant_fall_on_the_tenants_day(shop, clock):
    clock.now = datetime(2026, 7, 1, 9, tzinfo=UTC)
    await shop.orders.post("t1", order("wall", at="2026-07-01T00:30"))
    await shop.orders.post("t1", order("instant", at="2026-06-30T23:30:00Z"))
    views = [await shop.orders.view("t1", name) for name in ("wall", "instant")]
    assert {view["business_date"] for view in views} == {"2026-07-01"}
    assert {view["ordered_at"] for view in views} == {"2026-06-30T23:30:00Z"}


async def test_a_return_is_on_its_own_day_and_says_whether_it_can_be_sold_again(shop):
    await shop.orders.post("t1", order("o1", 5))
    line = ReturnedLine(line_no=1, quantity=2, unit_price=1.0, resellable=False)
    await shop.orders.take_back("t1", "o1", OrderReturn(lines=[line], returned_at="2026-02-25"))
    figures = await shop.analytics.product("t1", "P1", 30)
    assert (figures["total_quantity_sold"], figures["returned_quantity"], figures["refunded_revenue"]) == (5, 2, 2.0)
    event = (await events(shop))[-1]
    assert (event.kind, event.business_date, event.resellable) == ("return", "2026-02-25", False)


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        ("2026-02-20T09:59:59Z", "must not be before the order was placed"),
        ("2026-02-19", "must not be before the order was placed"),
        ("2026-03-02T12:00:01Z", "must not be more than a day in the future"),
    ],
)
async def test_lines_are_not_taken_back_before_the_order_nor_far_ahead(shop, moment, reason):
    await shop.orders.post("t1", order("o1", 5))
    with pytest.raises(InvalidError) as cancelling:
        await shop.orders.cancel("t1", "o1", Cancellation(cancelled_at=moment))
    line = ReturnedLine(line_no=1, quantity=1)
    with pytest.raises(InvalidError) as returning:
        await shop.orders.take_back("t1", "o1", OrderReturn(lines=[line], returned_at=moment))
    found = [(error.value.errors[0].field, error.value.errors[0].message) for error in (cancelling, returning)]
    assert found == [("cancelled_at", reason), ("returned_at", reason)]
    assert (await shop.orders.view("t1", "o1"))["quantity"] == 5


@pytest.mark.parametrize("moment", ["2026-02-20T10:00:00Z", "2026-02-20", "2026-03-02T12:00:00Z"])
async def test_lines_are_taken_back_from_the_orders_moment_or_day_on(shop, moment):
    await shop.orders.post("t1", order("o1", 5))
    await shop.orders.cancel("t1", "o1", Cancellation(cancelled_at=moment))
    assert (await shop.orders.view("t1", "o1"))["status"] == "cancelled"


async def test_an_order_dated_within_a_day_ahead_can_be_cancelled_now(shop, clock):
    ahead = (clock.now + timedelta(hours=23)).isoformat().replace("+00:00", "Z")
    await shop.orders.post("t1", order("o1", 5, at=ahead))
    await shop.orders.cancel("t1", "o1", Cancellation())
    view = await shop.orders.view("t1", "o1")
    assert view["status"] == "cancelled"
    assert {line["occurred_at"] for line in view["lines"]} == {ahead}


async def test_an_order_dated_more_than_a_day_ahead_is_refused_and_records_nothing(shop, clock):
    mistyped = (clock.now + timedelta(days=1, minutes=1)).isoformat()
    with pytest.raises(InvalidError, match="ordered_at: must not be more than a day in the future"):
        await shop.orders.post("t1", order("o1", 5, at=mistyped))
    with pytest.raises(OrderNotFoundError):
        await shop.orders.view("t1", "o1")
    assert await events(shop) == []


async def test_another_tenants_order_is_not_there(shop):
    await shop.product_refs.apply("t2", catalogue("P1", tenant="t2"))
    await shop.orders.post("t1", order())
    with pytest.raises(OrderNotFoundError):
        await shop.orders.view("t2", "o1")
    assert (await shop.analytics.summary("t2", 30))["total_orders"] == 0


async def test_an_idempotency_key_is_forgotten_after_two_days(shop, clock):
    identity = RequestIdentity.of(tenant_id="t1", subject="ann", route="POST /orders", key="k", payload=b"1")
    await shop.orders.post("t1", order(), identity)
    assert await shop.orders.prune("t1") == 0
    clock.now += timedelta(hours=49)
    assert await shop.orders.prune("t1") == 1
