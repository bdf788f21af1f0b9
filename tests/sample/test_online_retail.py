from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import pytest

from fixtures.sample_ledger import replay
from shelfwise.sample import demo_tenant

#: Every weekday, a leap day and the day after a change of London's clocks.
TODAYS = [date(2026, 11, 16) + timedelta(days=n) for n in range(7)]
TODAYS += [date(2028, 2, 29), date(2027, 3, 29)]


@pytest.fixture(scope="module", params=TODAYS, ids=str)
def sample(request):
    return demo_tenant(request.param)


@pytest.fixture(scope="module")
def ledger(sample):
    return replay(sample)


def test_no_recorded_sale_is_uncovered(sample, ledger):
    assert len(ledger) == 500
    assert min(product.lowest for product in ledger.values()) == 0
    assert min(product.lowest for product in replay(sample, old_orders_come_back=False).values()) == 0


def test_shelves_stand_empty_only_on_days_without_sales(sample, ledger):
    empty_days = 0
    for product in ledger.values():
        for day, opening in product.opens.items():
            if opening == 0:
                empty_days += 1
                assert day not in product.sold_on
    share = empty_days / sum(len(product.opens) for product in ledger.values())
    assert 0.01 < share < 0.06


def test_the_end_is_a_realistic_mix(sample, ledger):
    month = (sample.business_date - timedelta(days=30)).isoformat()
    quarter = sample.business_date - timedelta(days=90)
    sold = Counter()
    for line in sample.lines:
        if line.ordered_at >= month:
            sold[line.product] += line.outflow
    on_order = Counter()
    for order in sample.open_orders:
        for line in order.lines:
            on_order[line.product_id] += line.quantity
    lead_time = {supplier.supplier_id: supplier.lead_time_days for supplier in sample.suppliers}
    empty = low = excess = dead = 0
    for product in sample.products:
        own, mean = ledger[product.product_id], sold[product.sku] / 30
        position = own.balance + on_order[product.product_id]
        empty += own.balance == 0
        low += mean > 0 and position <= mean * (lead_time[product.supplier_id] + 1)
        excess += mean > 0 and position > 180 * mean
        dead += own.balance > 0 and not any(day >= quarter for day in own.sold_on)
    assert 10 <= empty <= 60
    assert 25 <= low <= 150
    assert 10 <= excess <= 80
    assert 15 <= dead <= 90
    assert len(sample.open_orders) >= 10
    assert any(order.expected_on < sample.business_date for order in sample.open_orders)


def test_open_orders_meet_the_suppliers_minimum_and_weekdays(sample):
    suppliers = {supplier.supplier_id: supplier for supplier in sample.suppliers}
    for order in sample.open_orders:
        value = sum((line.quantity * line.unit_cost for line in order.lines), Decimal(0))
        assert value >= suppliers[order.supplier_id].min_order_value
        assert order.ordered_on.weekday() in suppliers[order.supplier_id].order_weekdays


def test_observed_lead_times_are_those_of_the_supplier(sample):
    for supplier in sample.suppliers:
        observed = [
            (movement.occurred_at.date() - movement.ordered_on).days
            for movement in sample.movements
            if movement.supplier_id == supplier.supplier_id
        ]
        assert len(observed) > 20
        assert abs(sum(observed) / len(observed) - supplier.lead_time_days) < 3


def test_the_opening_day_is_a_parameter():
    sample = demo_tenant(date(2026, 11, 20), opening_day=date(2026, 9, 1))
    assert sample.opening_day == date(2026, 9, 1)
    assert min(movement.occurred_at.date() for movement in sample.movements) == date(2026, 9, 1)
    assert min(product.lowest for product in replay(sample).values()) == 0


def test_fewer_products_are_spread_over_the_catalogue_and_keep_their_own_lines_and_stock():
    today = date(2026, 11, 20)
    whole, part = demo_tenant(today), demo_tenant(today, products=20)
    kept = [product.sku for product in part.products]
    assert kept == [product.sku for product in whole.products[::25]]
    assert part.lines == tuple(line for line in whole.lines if line.product in set(kept))
    openings = {movement.product_id: movement.quantity for movement in whole.movements if movement.kind == "opening"}
    assert {m.product_id: m.quantity for m in part.movements if m.kind == "opening"} == {
        product.product_id: openings[product.product_id] for product in part.products
    }
    assert min(product.lowest for product in replay(part).values()) >= 0


@pytest.mark.parametrize("products", [500, 501, None])
def test_all_products_are_all_products(products):
    assert len(demo_tenant(date(2026, 11, 20), products=products).products) == 500
