"""A bulk order is flagged; noise, weekdays, promotions and events are not; nothing is changed."""

from datetime import date, timedelta

import numpy as np
import pytest

from shelfwise.planning.demand import Panel, calibrate, forecast, outliers

START = date(2024, 1, 1)


def panel_of(values, **fields):
    rows = np.asarray(values, dtype=float)
    return Panel([f"p{i}" for i in range(len(rows))], START, rows, **fields)


def demand(variation, mean, count=100, days=400, seed=1):
    random = np.random.default_rng(seed)
    rate = mean if variation == 0 else random.gamma(1 / variation, variation * mean, (count, days))
    return random.poisson(rate, (count, days)).astype(float)


@pytest.mark.parametrize("mean", [0.1, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize(("variation", "most"), [(0.0, 1e-4), (0.5, 5e-4), (1.0, 1e-3)])
def test_noise_is_flagged_less_than_once_in_a_thousand_days(mean, variation, most):
    assert len(outliers(panel_of(demand(variation, mean)))) <= most * 100 * 400


@pytest.mark.parametrize("mean", [1.0, 10.0, 100.0])
def test_ten_times_the_usual_is_found_and_nothing_else_on_that_product(mean):
    values = demand(0.0, mean)
    values[:, 200] = 10 * mean + 10
    found = outliers(panel_of(values))
    assert [one.row for one in found] == list(range(100))
    assert {one.day for one in found} == {START + timedelta(days=200)}
    first = found[0]
    assert first.id == "p0"
    assert first.value == 10 * mean + 10
    assert first.expected == pytest.approx(max(mean, 1.0), rel=0.5)
    assert first.why.startswith(f"{first.value:g} units where ")


def test_a_saturday_that_sells_five_times_as_much_is_usual():
    week = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 5.0, 0.0])[np.arange(280) % 7]
    values = np.random.default_rng(2).poisson(20.0 * week, (60, 280)).astype(float)
    assert outliers(panel_of(values)) == []
    values[7, 140] = 100.0  # a Saturday's sales on a Monday
    assert [(one.row, one.day.weekday()) for one in outliers(panel_of(values))] == [(7, 0)]


def test_a_level_that_rises_for_good_is_no_outlier_after_its_first_weeks():
    values = np.concatenate([demand(0.0, 5.0, 40, 200), demand(0.0, 50.0, 40, 200, seed=3)], axis=1)
    late = [one for one in outliers(panel_of(values)) if one.day >= START + timedelta(days=250)]
    assert late == []


def test_promotions_and_events_are_expected_to_sell_more():
    values = demand(0.0, 5.0, 20)
    values[:, 100], values[:, 300] = 80.0, 90.0
    promo = np.zeros_like(values)
    promo[:, 100] = 1.0
    event = np.zeros(400, dtype=bool)
    event[300] = True
    assert len(outliers(panel_of(values))) == 40
    assert len(outliers(panel_of(values, promo=promo))) == 20
    assert outliers(panel_of(values, promo=promo), {"christmas": event}) == []


def test_a_product_that_seldom_sells_is_judged_by_its_selling_days():
    random = np.random.default_rng(4)
    values = np.where(random.random((50, 400)) < 0.25, random.poisson(12.0, (50, 400)), 0).astype(float)
    assert outliers(panel_of(values)) == []
    values[3, 222] = 120.0
    assert [(one.row, one.value) for one in outliers(panel_of(values))] == [(3, 120.0)]


def test_a_row_alone_is_judged_by_the_runs_calibration_as_in_the_batch():
    values = demand(0.5, 8.0, 30)
    values[11, 50] = 300.0
    panel = panel_of(values)
    known = calibrate(panel)
    batch = [(one.day, one.value, one.expected) for one in outliers(panel, calibration=known) if one.row == 11]
    alone = [(one.day, one.value, one.expected) for one in outliers(panel.rows(slice(11, 12)), calibration=known)]
    assert batch == alone
    assert batch


def test_flagging_changes_no_forecast_until_the_caller_leaves_the_day_out():
    values = demand(0.0, 5.0, 30)
    values[0, 390] = 500.0
    panel = panel_of(values)
    (one,) = outliers(panel)
    before = forecast(panel, 14).mean[0].mean()
    without = values.copy()
    without[one.row, (one.day - START).days] = np.nan
    np.testing.assert_array_equal(panel.values, values)
    assert forecast(panel_of(without), 14).mean[0].mean() == pytest.approx(5.0, rel=0.25)
    assert before > 6.0


@pytest.mark.parametrize("values", [[[np.nan] * 40], [[0.0] * 40], [[3.0]], [[1e12] * 40], np.empty((0, 9))])
def test_histories_that_say_nothing_have_no_outliers(values):
    assert outliers(panel_of(values)) == []


def test_a_calendar_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"^calendar: 'easter'"):
        outliers(panel_of([[1.0, 2.0]]), {"easter": [True]})
