"""In-stock shares of business days, from the ledger."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fixtures.inventory import SERVICE_TOKEN, TENANT, opening, receipt, sale
from shelfwise.contracts.availability import AvailabilityQuery
from shelfwise.inventory.availability.rules import StockChange, in_stock_shares, share_of_day

#: Midnight of 2 March in London (before summer time).
DAY = datetime(2026, 3, 2, tzinfo=UTC)


async def shares(inventory, start="2026-03-01", end="2026-03-08", product_id="PRD-123"):
    query = AvailabilityQuery(product_ids=[product_id, "nothing"], start=start, end=end)
    answer = await inventory.availability.shares(TENANT, query)
    assert answer["unknown"] == ["nothing"]
    return answer["items"][0]["shares"]


async def test_a_product_is_in_stock_until_it_is_sold_out_and_again_from_its_receipt(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(10, at=DAY)], source="test")
    await inventory.inbox.take(TENANT, [sale(1, 4, at=DAY + timedelta(hours=9))])
    await inventory.inbox.take(TENANT, [sale(2, 6, at=DAY + timedelta(days=1, hours=6))])
    await inventory.stock.load(TENANT, [receipt(5, occurred_at=DAY + timedelta(days=3, hours=12))], source="later")
    assert await shares(inventory) == [None, 1.0, 0.25, 0.0, 0.5, 1.0, 1.0]
    assert await shares(inventory, "2026-03-03", "2026-03-05") == [0.25, 0.0]


async def test_a_product_that_never_moved_is_unknown_to_the_ledger(inventory, laptop):
    assert await shares(inventory) == [None] * 7


async def test_only_a_service_may_ask_and_bad_days_are_named(call, laptop):
    query = {"product_ids": ["PRD-123"], "start": "2026-03-01", "end": "2026-03-03"}
    path = "/api/inventory/stock-availability/query"
    assert (await call("POST", path, query)).status == 403
    answer = await call("POST", path, query, auth=SERVICE_TOKEN)
    assert json.loads(answer.body)["items"] == [{"product_id": "PRD-123", "shares": [None, None]}]
    for change in ({"end": "2026-03-01"}, {"end": "2036-03-01"}, {"end": "2026-02-30"}, {"product_ids": []}):
        assert (await call("POST", path, {**query, **change}, auth=SERVICE_TOKEN)).status == 422


async def test_a_day_with_a_clock_change_is_whole():
    spring = datetime(2026, 3, 29, tzinfo=UTC).date()
    assert share_of_day(datetime(2026, 3, 29, 0, 0, tzinfo=UTC), spring, "Europe/London") == 0.0
    assert share_of_day(datetime(2026, 3, 29, 23, 0, tzinfo=UTC), spring, "Europe/London") == 1.0


@given(
    st.integers(-3, 5),
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1), st.integers(-4, 4).filter(bool)), max_size=30),
)
def test_shares_agree_with_stepping_through_time(start, raw):
    changes = [StockChange(*entry) for entry in sorted(raw, key=lambda entry: entry[:2])]
    for day, share in enumerate(in_stock_shares(start, changes, 10)):
        before = start + sum(change.delta for change in changes if change.day < day)
        total, at = 0.0, 0.0
        for change in [*(change for change in changes if change.day == day), StockChange(day, 1.0, 0)]:
            total += (change.at - at) * (before > 0)
            at, before = change.at, before + change.delta
        assert abs(share - total) < 1e-3
