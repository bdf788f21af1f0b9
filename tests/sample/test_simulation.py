import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.sample_ledger import replay
from shelfwise.sample.models import SampleLine, SampleProduct, SampleSupplier
from shelfwise.sample.simulation import default_opening_day, simulate_stock

TODAY = date(2028, 2, 29)


@st.composite
def cases(draw):
    """One product, one supplier and a year of arbitrary lines, returns and cancellations among them."""
    pack = draw(st.sampled_from((1, 2, 3, 12, 24)))
    product = SampleProduct(
        f"P{draw(st.integers(0, 999))}", "SKU", "Thing", None, Decimal(3), Decimal(1), pack,
        pack * draw(st.integers(1, 8)), "S",
    )  # fmt: skip
    days = sorted(draw(st.sets(st.integers(2, 41), min_size=1)))
    lead_times = tuple((day, 1 / len(days)) for day in days)
    weekdays = tuple(sorted(draw(st.sets(st.integers(0, 4), min_size=1))))
    supplier = SampleSupplier("S", "S (simulated)", lead_times, weekdays, Decimal(draw(st.integers(0, 500))))
    today = TODAY + timedelta(days=draw(st.integers(0, 6)))
    ledger_days = draw(st.integers(28, 130))
    seed = random.Random(draw(st.integers(0, 2**32)))
    frequency = draw(st.sampled_from((0.02, 0.1, 0.4, 0.95)))
    size = draw(st.sampled_from((1, pack, 5, 40)))
    return product, supplier, lines(seed, today, frequency, size), today - timedelta(days=ledger_days), today


def lines(seed, today, frequency, size):
    result, open_sales = [], []
    for ago in range(200, 0, -1):
        for hour in (9, 12, 15):
            when = f"{today - timedelta(days=ago)}T{hour:02d}:00"
            chance = seed.random()
            number = len(result)
            if chance < 0.02 and open_sales:
                sale = open_sales.pop(seed.randrange(len(open_sales)))
                result.append(
                    SampleLine(f"C{number}", 1, when, "SKU", sale.quantity, "3.00", "cancellation", sale.order_id, 1)
                )
            elif chance < 0.03:
                result.append(
                    SampleLine(f"C{number}", 1, when, "SKU", seed.randint(1, size), "3.00", "return", None, None)
                )
            elif chance < frequency:
                quantity = size * seed.randint(1, 4) if seed.random() < 0.98 else size * 200
                result.append(SampleLine(f"{number}", 1, when, "SKU", quantity, "3.00", "sale", None, None))
                open_sales.append(result[-1])
    return result


@given(cases())
@settings(max_examples=200, deadline=None)
def test_no_recorded_sale_finds_too_little_stock_whatever_the_sales(case):
    product, supplier, sales, opening_day, today = case
    stock = simulate_stock([product], [supplier], sales, opening_day, today, "Europe/London")
    sample = SimpleNamespace(
        products=[product], lines=sales, movements=stock.movements, opening_day=opening_day, business_date=today
    )
    for old_orders_come_back in (True, False):
        assert replay(sample, old_orders_come_back=old_orders_come_back)[product.product_id].lowest >= 0
    for movement in stock.movements:
        assert opening_day <= movement.occurred_at.date() < today
        assert movement.quantity > 0
        assert "simulated" in movement.reason
        if movement.kind == "receipt":
            assert movement.quantity % product.pack_size == 0
            assert movement.quantity >= product.moq
            assert movement.occurred_at.weekday() < 5
            assert movement.ordered_on < movement.occurred_at.date()
    for order in stock.open_orders:
        assert order.ordered_on < today
        assert sum(line.quantity * line.unit_cost for line in order.lines) >= supplier.min_order_value
        assert all(line.quantity % product.pack_size == 0 for line in order.lines)


def test_the_same_sales_give_the_same_stock_and_the_openings_stand_at_the_opening_midnight():
    product = SampleProduct("P", "SKU", "Thing", None, Decimal(3), Decimal(1), 6, 12, "S")
    supplier = SampleSupplier("S", "S (simulated)", ((3, 1.0),), (0, 2, 4), Decimal(10))
    sales = [
        SampleLine(str(ago), 1, f"{TODAY - timedelta(days=ago)}T09:00", "SKU", 5, "3.00", "sale", None, None)
        for ago in range(180, 0, -1)
    ]
    opening_day = default_opening_day(TODAY)
    first, second = (
        simulate_stock([product], [supplier], sales, opening_day, TODAY, "Europe/London") for _ in range(2)
    )
    assert first == second
    assert first.movements[0].kind == "opening"
    assert first.movements[0].occurred_at.replace(tzinfo=None) == datetime(2027, 11, 1)  # noqa: DTZ001 - wall time


def test_a_ledger_of_less_than_four_weeks_is_refused():
    with pytest.raises(ValueError, match="at least 28 days"):
        simulate_stock([], [], [], TODAY - timedelta(days=27), TODAY, "Europe/London")
