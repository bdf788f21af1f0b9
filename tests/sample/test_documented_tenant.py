from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.sample_ledger import replay
from shelfwise.sample import documented_tenant


@pytest.fixture(
    scope="module", params=[date(2026, 11, 16) + timedelta(days=n) for n in range(7)] + [date(2028, 2, 29)], ids=str
)
def sample(request):
    return documented_tenant(request.param)


@given(st.dates(date(2020, 1, 1), date(2060, 1, 1)))
@settings(max_examples=15, deadline=None)
def test_150_laptops_are_sold_in_30_days_for_180000_and_50_are_left(today):
    sample = documented_tenant(today)
    recent = [
        line
        for line in sample.lines
        if line.product == "LAP-001" and line.ordered_at >= (today - timedelta(days=30)).isoformat()
    ]
    assert sum(line.quantity for line in recent) == 150
    assert sum(line.quantity * Decimal(line.unit_price) for line in recent) == 180_000
    assert max(line.ordered_at for line in sample.lines) < today.isoformat()
    laptops = replay(sample)["PRD-123"]
    assert (laptops.balance, laptops.lowest) == (50, 0)


def test_the_laptop_is_the_documents(sample):
    laptop = sample.products[0]
    assert (laptop.product_id, laptop.sku, laptop.name) == ("PRD-123", "LAP-001", "Laptop")
    assert laptop.price == Decimal("1200.00")
    assert laptop.pack_size == 100
    supplier = next(supplier for supplier in sample.suppliers if supplier.supplier_id == laptop.supplier_id)
    assert supplier.lead_times == ((7, 1.0),)
    assert not [line for order in sample.open_orders for line in order.lines if line.product_id == "PRD-123"]


def test_laptops_sell_every_week_and_more_at_the_end_than_at_the_start(sample):
    def sold(first_ago, last_ago):
        first, last = (sample.business_date - timedelta(days=ago) for ago in (first_ago, last_ago))
        return sum(
            line.quantity
            for line in sample.lines
            if line.product == "LAP-001" and first.isoformat() <= line.ordered_at < last.isoformat()
        )

    assert all(sold(ago, ago - 7) > 14 for ago in range(175, 6, -7))
    assert 3.5 < sold(180, 150) / 30 < 4.5
    assert sold(15, 0) > sold(30, 15) > 50


def test_everything_says_that_it_is_simulated_and_no_sale_is_uncovered(sample):
    assert sample.simulated
    assert "simulated" in sample.name
    assert all("simulated" in supplier.name for supplier in sample.suppliers)
    assert all("simulated" in movement.reason for movement in sample.movements)
    assert len(sample.products) == 12
    assert min(product.lowest for product in replay(sample).values()) == 0
