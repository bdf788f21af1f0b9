"""The one policy's arithmetic: the document's example, mixtures, packs, overdue orders and what it cannot decide."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.sales_like import five_keys
from shelfwise.inventory.replenishment.rules import Facts, decide, sentence, total_days
from shelfwise.planning.demand import TotalDemandTable

TODAY = date(2026, 3, 10)
LEVELS = [0.05, 0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99]


def facts(**more) -> Facts:
    given = {
        "product_id": "PRD-123",
        "sku": "LAP-001",
        "name": "Laptop",
        "replenished": True,
        "available": 50,
        "on_hand": 50,
        "receipts": (),
        "lead_times": ((7, 1.0),),
        "review_period_days": 1,
        "cover_days": 30,
        "service_level": 0.95,
        "moq": 1,
        "pack_size": 100,
        "max_stock": None,
        "unit_cost": Decimal(800),
        "price": Decimal(1200),
        "supplier_id": None,
    }
    return Facts(**{**given, **more})


def one(fact: Facts, forecast=None):
    return decide([fact], [forecast or five_keys("PRD-123", 30)], TODAY)[0]


def test_the_documents_example():
    decision = one(facts())
    assert decision.needs_reorder
    assert (decision.needed, decision.order_quantity, decision.order_up_to_level) == (150, 200, 200)
    assert (decision.urgency, decision.days_of_cover) == ("medium", 8.3)
    assert one(facts(review_period_days=7)).urgency == "high"


@pytest.mark.parametrize(("lead_times", "most"), [(((7, 1.0),), 6), (((5, 0.5), (7, 0.3), (14, 0.2)), 40)])
def test_a_decision_asks_the_distribution_few_times(monkeypatch, lead_times, most):
    asked, plain = [], TotalDemandTable.cdf

    def counted(table, x, days):
        asked.append(days)
        return plain(table, x, days)

    monkeypatch.setattr(TotalDemandTable, "cdf", counted)
    one(facts(lead_times=lead_times))
    assert 0 < len(asked) <= most


def test_moq_and_the_maximum_stock_are_kept():
    assert one(facts(moq=250)).order_quantity == 300
    held = one(facts(max_stock=180))
    assert (held.order_quantity, held.held_by_max_stock) == (100, True)


def test_above_the_reorder_point_nothing_is_ordered():
    decision = one(facts(available=100))
    assert not decision.needs_reorder
    assert (decision.needed, decision.order_quantity) == (0, 0)
    assert sentence(facts(available=100), decision).startswith("No order")


def test_an_overdue_order_still_counts_and_is_expected_tomorrow():
    overdue = facts(available=1, receipts=((TODAY - timedelta(days=20), 300),))
    decision = one(overdue)
    assert (decision.position, decision.overdue, decision.needs_reorder) == (301, 300, False)
    assert decision.expected_stockout_date == TODAY
    assert decision.urgency == "critical"
    assert "expedite" in sentence(overdue, decision)


def test_uncertain_lead_times_raise_the_reorder_point():
    certain, uncertain = one(facts()), one(facts(lead_times=((5, 0.5), (14, 0.5))))
    assert uncertain.reorder_point > certain.reorder_point


def test_products_with_different_lead_times_are_decided_together_as_alone():
    several = [facts(lead_times=((3, 0.25), (9, 0.75))), facts(), facts(available=0, lead_times=((30, 1.0),))]
    forecasts = [five_keys("x", 30)] * 3
    assert decide(several, forecasts, TODAY) == [one(fact) for fact in several]


def test_the_quantiles_of_totals_decide_where_they_are_given():
    totals = [{"days": days, "mean": 6.0 * days, "quantiles": [6.0 * days] * 10} for days in range(1, 31)]
    forecast = {"product_id": "x", "forecast_days": 30, "levels": LEVELS, "totals": totals}
    decision = one(facts(), forecast)
    # The mean of 8 days is the level that suffices with any probability.
    assert (decision.reorder_point, decision.order_up_to_level) == (48, 180)


@pytest.mark.parametrize("forecast", [None, {}, {"predicted_demand": None, "recommended_stock_level": None}])
def test_without_a_distribution_nothing_is_decided(forecast):
    assert decide([facts()], [forecast], TODAY) == [None]


def test_the_totals_that_are_asked_for_reach_every_lead_time_and_cover():
    days = total_days([facts(lead_times=((2, 1.0),)), facts(lead_times=((20, 1.0),), cover_days=60)])
    assert set(range(1, 22)) | {30, 60} == set(days)


@given(
    st.integers(-500, 2000),
    st.integers(0, 60),
    st.integers(1, 30),
    st.integers(1, 300),
    st.integers(1, 144),
    st.floats(0, 400).map(lambda units: round(units, 2)),
    st.integers(0, 600),
)
def test_every_decision_is_whole_packs_and_reaches_the_level(available, lead, review, moq, pack, mean, level):
    forecast = {
        "product_id": "x",
        "forecast_days": 30,
        "predicted_demand": mean,
        "confidence_level": None,
        "recommended_stock_level": level,
    }
    fact = facts(available=available, lead_times=((lead, 1.0),), review_period_days=review, moq=moq, pack_size=pack)
    decision = one(fact, forecast)
    assert decision.needs_reorder == (available <= decision.reorder_point)
    assert decision.order_quantity % pack == 0
    assert (decision.order_quantity > 0) == decision.needs_reorder
    if decision.needs_reorder:
        assert decision.order_quantity >= moq
        assert available + decision.order_quantity >= decision.order_up_to_level > decision.reorder_point
