"""What real files hold: each rule of docs/explanation/forecasting.md for unusable or unusual data."""

from datetime import date, timedelta

import numpy as np
import pytest

from shelfwise.planning.demand import LEVELS, Panel, calibrate, forecast, outliers

START = date(2024, 1, 1)


def panel_of(values, start=START, **fields):
    rows = np.asarray(values, dtype=float)
    return Panel([f"p{i}" for i in range(len(rows))], start, rows, **fields)


def shop(count=60, days=300, seed=1):
    random = np.random.default_rng(seed)
    return random.poisson(random.gamma(1.0, 4.0, (count, 1)) + 0.2, (count, days)).astype(float)


@pytest.mark.parametrize(
    ("bad", "says"),
    [(-1.0, "negative at row 3, day 17"), (np.inf, "infinite at row 3, day 17"), (2e12, "above 1e.12 units a day at")],
)
def test_negative_infinite_and_absurd_sales_are_refused_by_row_and_day(bad, says):
    values = shop()
    values[3, 17] = bad
    with pytest.raises(ValueError, match=f"^values: {says}"):
        panel_of(values)


def test_a_duplicate_product_is_refused_by_name():
    with pytest.raises(ValueError, match=r"^ids: 'a' appears more than once"):
        Panel(["a", "b", "a"], START, np.ones((3, 4)))


def test_missing_days_are_left_out_not_taken_for_zero():
    values = np.random.default_rng(2).poisson(10.0, (60, 300)).astype(float)
    holes = values.copy()
    holes[np.random.default_rng(3).random(values.shape) < 0.4] = np.nan
    assert forecast(panel_of(holes), 14).mean.mean() == pytest.approx(10.0, rel=0.03)


def test_a_gap_of_ten_years_leaves_a_product_as_new_as_its_last_days():
    values = np.full((2, 3660), np.nan)
    values[:, :5], values[0, -5:] = 50.0, 4.0
    known = calibrate(panel_of(shop()))
    answer = forecast(panel_of(values), 30, calibration=known)
    recent = forecast(panel_of(values[:, -5:], START + timedelta(days=3655)), 30, calibration=known)
    np.testing.assert_array_equal(answer.total, recent.total)
    assert answer.short_history.all()


@pytest.mark.parametrize("scale", [1e-3, 1e9])
def test_quantities_of_any_size_are_forecast_in_their_own_units(scale):
    values = np.random.default_rng(4).gamma(20.0, scale / 20.0, (30, 250))
    answer = forecast(panel_of(values), 28)
    assert answer.mean.mean() == pytest.approx(scale, rel=0.05)
    assert (answer.total[:, 27, LEVELS.index(0.95)] > answer.total_mean[:, 27]).mean() > 0.9
    assert (answer.total[:, 27, LEVELS.index(0.95)] < 2.0 * answer.total_mean[:, 27]).all()


def test_one_product_counted_in_grams_decides_nothing_for_the_others():
    values = shop()
    grams = values.copy()
    grams[7] *= 1e8
    others = np.arange(60) != 7
    clean, dirty = calibrate(panel_of(values), 28), calibrate(panel_of(grams), 28)
    new = panel_of(np.full((1, 300), np.nan))
    before, after = (forecast(new, 28, calibration=known).mean.mean() for known in (clean, dirty))
    assert after < 10.0 * before
    usual = forecast(panel_of(values[others]), 28, calibration=clean)
    moved = forecast(panel_of(values[others]), 28, calibration=dirty)
    assert moved.mean.sum() == pytest.approx(usual.mean.sum(), rel=0.05)
    edge = LEVELS.index(0.95)
    assert moved.total[:, 27, edge].sum() == pytest.approx(usual.total[:, 27, edge].sum(), rel=0.1)


def test_a_history_that_ends_long_ago_is_not_carried_to_today_as_certain():
    values = shop(2, 400)
    values[0, 30:] = np.nan
    known = calibrate(panel_of(shop()))
    answer = forecast(panel_of(values), 30, calibration=known)
    assert np.isfinite(answer.total).all()
    assert answer.total[0, 29, LEVELS.index(0.95)] > answer.total_mean[0, 29]


def test_a_month_entered_on_one_day_is_flagged():
    values = np.random.default_rng(6).poisson(8.0, (30, 360)).astype(float)
    values[4, 100:129] = np.nan
    values[4, 129] = 240.0
    assert [(one.row, one.day) for one in outliers(panel_of(values))] == [(4, START + timedelta(days=129))]
