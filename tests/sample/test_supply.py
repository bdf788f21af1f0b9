import random
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.sample.flow import flows_of
from shelfwise.sample.models import SampleLine, SampleProduct, SampleSupplier
from shelfwise.sample.stockouts import plan_stock_outs
from shelfwise.sample.supply import Care, simulate_supply

OPENING = date(2028, 1, 3)
DAYS = 90


def flow_of(quantities):
    lines = [
        SampleLine(str(day), 1, f"{OPENING + timedelta(days=day)}T09:00", "SKU", quantity, "3.00", "sale", None, None)
        for day, quantity in enumerate(quantities)
        if quantity
    ]
    return flows_of(["SKU"], lines, OPENING, OPENING + timedelta(days=DAYS))["SKU"]


@given(
    st.sampled_from((0.05, 0.2, 0.5, 1.0)),
    st.sampled_from((1, 3, 30)),
    st.sampled_from((1, 2, 6)),
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from((Care.STEADY, Care.NEGLECTED)),
    st.integers(0, 2**32),
)
@settings(max_examples=200, deadline=None)
def test_each_planned_stock_out_happens_and_lasts_until_its_receipt(frequency, most, pack, packs, at_end, care, seed):
    rng = random.Random(seed)
    quantities = [rng.randint(1, most) if rng.random() < frequency else 0 for _ in range(DAYS)]
    product = SampleProduct("P", "SKU", "Thing", None, Decimal(3), Decimal(1), pack, pack * packs, "S")
    supplier = SampleSupplier("S", "S (simulated)", ((3, 0.5), (8, 0.5)), (0, 2), Decimal(0))
    flow = flow_of(quantities)
    stock_outs = plan_stock_outs(flow, product, rng, count=2, at_end=at_end)
    supply = simulate_supply(flow, product, supplier, stock_outs, care, lambda _: 8, rng)
    balance, closes = supply.opening, []
    for day in range(DAYS):
        balance += sum(delivery.quantity for delivery in supply.deliveries if delivery.arrives == day)
        assert balance >= quantities[day]
        balance -= quantities[day]
        closes.append(balance)
    for stock_out in stock_outs:
        end = DAYS if stock_out.received_on is None else stock_out.received_on
        assert closes[stock_out.empty_from : end] == [0] * (end - stock_out.empty_from)
        assert not any(quantities[stock_out.empty_from + 1 : end])
        if stock_out.received_on is not None:
            assert closes[end] + quantities[end] > 0


def test_stock_outs_are_found_where_sales_leave_gaps_and_nowhere_else():
    product = SampleProduct("P", "SKU", "Thing", None, Decimal(3), Decimal(1), 1, 1, "S")
    weekly = flow_of([5 if day % 7 == 0 else 0 for day in range(DAYS)])
    assert len(plan_stock_outs(weekly, product, random.Random(1), count=2, at_end=True)) == 3
    daily = flow_of([5] * DAYS)
    assert plan_stock_outs(daily, product, random.Random(1), count=2, at_end=False) == []
