"""What stock will do, day by day, and how urgent that is."""

import numpy as np
import pytest

from shelfwise.planning.demand import TotalDemandTable
from shelfwise.planning.stock import (
    days_of_cover,
    expected_stockout_day,
    first_day_below,
    margin_at_risk,
    projected_stock,
    projected_stock_lost_sales,
    urgency,
)


def document(lead, review, *, receipts=0.0, position=50.0, s=59.0):
    stock = projected_stock([50.0], np.full((1, 30), receipts), np.full((1, 30), 6.0))
    return urgency(stock, position, s, 6.0 * review, lead, review)[0]


def test_prd_123_is_medium_with_a_daily_review_and_high_with_a_weekly_one():
    assert document(7, 1) == "medium"
    assert document(7, 7) == "high"


def test_urgency_rises_as_stock_runs_out_sooner():
    assert document(9, 1) == "critical"
    assert document(8, 1) == "high"
    assert document(7, 1, receipts=6.0, position=70.0) == "none"
    assert document(7, 1, receipts=6.0, position=64.0) == "low"
    assert document(7, 1, receipts=6.0, position=59.0) == "medium"


def test_urgency_is_none_where_it_cannot_be_decided():
    stock = projected_stock([50.0, np.nan], np.zeros((2, 10)), np.full((2, 10), 1.0))
    assert urgency(stock, [50.0, 50.0], [1.0, 1.0], 1.0, 7, 1).tolist() == ["none", None]
    assert document(7, 1, s=np.nan) is None


def test_a_projection_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match=r"^projected: "):
        urgency(np.ones((1, 5)), 1, 1, 1, 7, 1)


def test_a_late_receipt_does_not_help_before_it_arrives():
    receipts = np.zeros((1, 30))
    receipts[0, 9] = 500.0
    stock = projected_stock([50.0], receipts, np.full((1, 30), 6.0))
    assert first_day_below(stock)[0] == 8
    assert expected_stockout_day(stock)[0] == 8
    assert urgency(stock, 550.0, 59.0, 6.0, 9, 1)[0] == "critical"


def test_stock_that_is_exactly_used_up_is_not_short():
    stock = projected_stock([0.7], np.zeros((1, 7)), np.full((1, 7), 0.1))
    assert first_day_below(stock)[0] == -1
    assert expected_stockout_day(stock)[0] == 6


def test_the_published_projection_with_lost_sales():
    receipts = np.zeros(12)
    receipts[5] = 20.0  # at opening of day 6
    stock = projected_stock_lost_sales(10.0, receipts, np.full(12, 5.0))
    zero = [day + 1 for day in range(12) if stock[day] == 0]
    assert zero == [2, 3, 4, 5, 9, 10, 11, 12]


def test_days_of_cover_follow_each_days_demand():
    assert days_of_cover(50, np.full(30, 6.0)) == pytest.approx(50 / 6)
    assert days_of_cover(50, np.full(30, 5.0)) == 10.0
    assert days_of_cover([0.0, 400.0, 5.0], np.full((3, 30), 6.0)).tolist() == pytest.approx([0.0, 400 / 6, 5 / 6])
    assert days_of_cover(10, [5.0, 0.0, 10.0, 10.0]) == pytest.approx(2.5)
    assert np.isnan(days_of_cover(10, np.zeros(30)))


def test_margin_at_risk_is_expected_lost_units_times_margin():
    table = TotalDemandTable.from_summary(180, 0.95, 200, 30)
    short = table.expected_shortage(40, 8)
    assert margin_at_risk(table.expected_shortage, 40, 8, 1200.0, 900.0) == pytest.approx(short * 300.0)
    assert margin_at_risk(table.expected_shortage, 40, 8, 900.0, 1200.0) == [0.0]
    assert np.isnan(margin_at_risk(table.expected_shortage, 40, 8, np.nan, 900.0))
