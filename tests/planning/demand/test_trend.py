"""A trend is named when there is one, and seldom when there is none."""

import numpy as np
import pytest

from shelfwise.planning.demand import sales_trend, sales_trends

DAYS = 30


def flagged(trends):
    return sum(t in {"increasing", "decreasing"} for t in trends) / len(trends)


@pytest.mark.parametrize("rate", [1.0, 5.0, 50.0])
@pytest.mark.parametrize("days", [30, 90])
def test_flat_sales_are_flagged_in_at_most_7_percent_of_cases(rate, days):
    values = np.random.default_rng(1).poisson(rate, (2000, days))
    assert flagged(sales_trends(values)) <= 0.07


@pytest.mark.parametrize("rate", [2.0, 20.0])
def test_flat_sales_that_end_out_of_stock_are_no_fall(rate):
    values = np.random.default_rng(2).poisson(rate, (2000, DAYS))
    values[:, -5:] = 0
    share = np.ones(values.shape)
    share[:, -5:] = 0.0
    assert flagged(sales_trends(values, in_stock=share)) <= 0.07


def test_weekdays_are_no_trend():
    week = np.array([1, 1, 1, 2, 5, 8, 0.5])[np.arange(33) % 7]
    values = np.random.default_rng(3).poisson(4 * week, (1000, 33))
    assert flagged(sales_trends(values)) <= 0.07


def test_autocorrelation_is_taken_into_account(monkeypatch):
    random = np.random.default_rng(4)
    noise = random.normal(size=(600, 120))
    level = np.empty_like(noise)
    level[:, 0] = noise[:, 0]
    for day in range(1, 120):
        level[:, day] = 0.5 * level[:, day - 1] + noise[:, day]
    sales = np.maximum(20 + 3 * level, 0)
    corrected = flagged(sales_trends(sales))
    monkeypatch.setattr("shelfwise.planning.demand.trend._effective_ratio", lambda _: 1.0)
    assert corrected < 0.6 * flagged(sales_trends(sales))


def test_a_real_rise_and_a_real_fall_are_found():
    slope = np.linspace(0.5, 1.5, DAYS)
    random = np.random.default_rng(5)
    rises = sales_trends(random.poisson(20 * slope, (200, DAYS)))
    falls = sales_trends(random.poisson(20 * slope[::-1], (200, DAYS)))
    assert rises.count("increasing") > 190
    assert falls.count("decreasing") > 190


def test_a_significant_but_small_change_is_stable():
    values = 1000 * np.linspace(0.97, 1.03, DAYS)
    assert sales_trend(values) == "stable"
    assert sales_trend(1000 * np.linspace(0.9, 1.1, DAYS)) == "increasing"


@pytest.mark.parametrize(
    "values",
    [np.ones(13), [0] * 40 + [1] * 7, np.full(60, np.nan)],
)
def test_too_little_evidence_is_unknown(values):
    assert sales_trend(values) == "unknown"


def test_closed_and_empty_days_do_not_count_as_evidence():
    values = np.ones(20)
    assert sales_trend(values, open=np.arange(20) < 13) == "unknown"
    assert sales_trend(values, in_stock=(np.arange(20) < 13).astype(float)) == "unknown"
    assert sales_trend(values, in_stock=np.full(20, np.nan)) == "stable"


def test_the_level_of_the_test_can_be_set():
    values = np.random.default_rng(6).poisson(5, (500, DAYS))
    assert flagged(sales_trends(values, alpha=0.2)) > flagged(sales_trends(values, alpha=0.01))


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("values", ([[1.0]],)),
        ("values", ([-1.0],)),
        ("in_stock", ([1.0, 2.0], [1.0])),
        ("open", ([1.0, 2.0], None, [True])),
    ],
)
def test_bad_input_is_refused_by_name(field, arguments):
    with pytest.raises(ValueError, match=f"^{field}: "):
        sales_trend(*arguments)
