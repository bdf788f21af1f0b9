"""Days out of stock are censored observations: the demand behind them is recovered where it is known."""

from datetime import date

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from shelfwise.planning.demand import LEVELS, Panel, calibrate, forecast

START = date(2024, 1, 1)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def panel_of(values, **fields):
    rows = np.asarray(values, dtype=float)
    return Panel([f"p{i}" for i in range(len(rows))], START, rows, **fields)


def clumped(random, mean, variation, shape):
    """Negative binomial demand: a Poisson whose rate has this squared variation from day to day."""
    rate = mean if variation == 0 else random.gamma(1 / variation, variation * mean, shape)
    return random.poisson(rate, shape).astype(float)


def shelf(random, demand, mean, lead_time_days=5):
    """Sales and in-stock shares of a shelf that is ordered up to ten days' demand, too late, at four days' stock."""
    count, days = demand.shape
    order_at, order_to = np.full(count, np.round(4 * mean)), np.full(count, np.round(10 * mean))
    stock, due = order_to.copy(), np.zeros((days + lead_time_days + 1, count))
    sales, share = np.zeros_like(demand), np.ones_like(demand)
    for day in range(days):
        stock += due[day]
        wanted = demand[:, day]
        empty = stock <= wanted
        # The last unit's moment among units asked for evenly over the day: an order statistic of the uniform.
        moment = random.beta(np.maximum(np.minimum(stock, wanted), 1), np.maximum(wanted - stock, 0) + 1)
        share[:, day] = np.where(empty, np.where(stock > 0, moment, 0.0), 1.0)
        sales[:, day] = np.minimum(stock, wanted)
        stock -= sales[:, day]
        position = stock + due[day + 1 :].sum(axis=0)
        due[day + lead_time_days] += np.where(position <= order_at, order_to - position, 0.0)
    return sales, share


@pytest.mark.parametrize("variation", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("mean", [2.0, 10.0])
def test_the_rate_behind_a_badly_kept_shelf_is_recovered(variation, mean):
    random = np.random.default_rng(3)
    demand = clumped(random, mean, variation, (250, 400))
    sales, share = shelf(random, demand, mean)
    assert 0.12 < (share < 1).mean() < 0.25
    error = forecast(panel_of(sales, in_stock=share), 28).mean.mean() / mean - 1.0
    # Variance of a day over its mean, a memory of 50 days, half of them seen: the noise of the panel's mean.
    noise = np.sqrt((1.0 / mean + variation) / (250 * 70))
    assert abs(error) < 0.02 + 3.0 * noise
    assert forecast(panel_of(sales), 28).mean.mean() / mean - 1.0 < -0.05


def test_clumped_demand_is_not_underrated_where_every_busy_day_sells_out():
    random = np.random.default_rng(4)
    demand = clumped(random, 20.0, 1.0, (150, 350))
    stock = np.full_like(demand, 20.0)
    share = np.where(demand >= stock, random.beta(20.0, np.maximum(demand - 20.0, 0.0) + 1.0), 1.0)
    by_time = np.minimum(demand, stock).sum() / share.sum()
    answer = forecast(panel_of(np.minimum(demand, stock), in_stock=share), 28).mean.mean()
    assert by_time < 0.8 * 20.0
    assert answer == pytest.approx(20.0, rel=0.03)


def test_totals_are_covered_as_said_although_the_history_was_censored():
    random = np.random.default_rng(5)
    mean = random.gamma(2.0, 2.0, (400, 1)) + 0.5
    demand = random.poisson(mean * random.gamma(2.0, 0.5, (400, 378))).astype(float)
    sales, share = shelf(random, demand[:, :350], mean[:, 0])
    answer = forecast(panel_of(sales, in_stock=share), 28)
    for length in (7, 14, 28):
        actual = demand[:, 350 : 350 + length].sum(axis=1)
        for level in (0.5, 0.8, 0.9, 0.95):
            edge = answer.total[:, length - 1, LEVELS.index(level)]
            slack = 3.0 * np.sqrt(level * (1 - level) / 400) + 0.01
            assert (actual < edge).mean() - slack <= level <= (actual <= edge).mean() + slack


def test_a_shelf_that_was_never_empty_changes_no_bit():
    values = np.random.default_rng(6).poisson(3.0, (20, 200)).astype(float)
    plain, stocked = forecast(panel_of(values), 14), forecast(panel_of(values, in_stock=np.ones_like(values)), 14)
    unknown = forecast(panel_of(values, in_stock=np.full_like(values, np.nan)), 14)
    for answer in (stocked, unknown):
        np.testing.assert_array_equal(answer.mean, plain.mean)
        np.testing.assert_array_equal(answer.total, plain.total)
        assert answer.calibration.id == plain.calibration.id


shares = st.one_of(st.just(1.0), st.just(0.0), st.just(float("nan")), st.floats(0, 1, width=32))
units = st.one_of(st.integers(0, 20).map(float), st.just(float("nan")), st.sampled_from([1e9, 1e-6]))


@st.composite
def stocked_histories(draw):
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 60)))
    return draw(npst.arrays(np.float64, shape, elements=units)), draw(npst.arrays(np.float64, shape, elements=shares))


@pytest.fixture(scope="module")
def known():
    random = np.random.default_rng(7)
    demand = clumped(random, 3.0, 0.5, (60, 300))
    sales, share = shelf(random, demand, 3.0)
    return calibrate(panel_of(sales, in_stock=share), 30)


@QUICK
@given(stocked_histories())
def test_any_shares_give_finite_monotone_quantiles_and_a_row_alone_its_row_of_the_batch(known, history):
    values, share = history
    panel = panel_of(values, in_stock=share)
    answer = forecast(panel, 20, calibration=known)
    assert np.isfinite(answer.mean).all()
    assert np.isfinite(answer.total).all()
    assert (np.diff(answer.total, axis=2) >= 0).all()
    assert (np.diff(answer.total, axis=1) >= 0).all()
    largest = 1.0 + sum(np.abs(term) for term in answer.explanation.values())
    assert (np.abs(sum(answer.explanation.values()) - answer.mean) <= 1e-9 * largest).all()
    for row in range(len(panel)):
        alone = forecast(panel.rows(slice(row, row + 1)), 20, calibration=known)
        for name in ("mean", "total", "coverage", "expected_error"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(answer, name)[row], err_msg=name)


@QUICK
@given(stocked_histories())
def test_any_shares_can_be_calibrated_on(history):
    values, share = history
    answer = forecast(panel_of(values, in_stock=share), 20)
    assert np.isfinite(answer.total).all()


def test_a_product_that_was_never_in_stock_is_as_unknown_as_one_never_listed(known):
    empty = forecast(panel_of(np.zeros((1, 90)), in_stock=np.zeros((1, 90))), 30, calibration=known)
    absent = forecast(panel_of(np.full((1, 90), np.nan)), 30, calibration=known)
    unwanted = forecast(panel_of(np.zeros((1, 90)), in_stock=np.ones((1, 90))), 30, calibration=known)
    np.testing.assert_array_equal(empty.total, absent.total)
    assert empty.short_history[0]
    assert empty.total[0, 29, LEVELS.index(0.95)] > 2 * unwanted.total[0, 29, LEVELS.index(0.95)]


def test_one_day_in_stock_is_wide(known):
    share = np.zeros((1, 60))
    share[0, 59] = 1.0
    values = np.zeros((1, 60))
    values[0, 59] = 6.0
    answer = forecast(panel_of(values, in_stock=share), 30, calibration=known)
    width = answer.total[0, 29, LEVELS.index(0.95)] - answer.total[0, 29, LEVELS.index(0.05)]
    assert answer.short_history[0]
    assert width > 0.8 * answer.total_mean[0, 29]


def test_stock_known_only_of_late_speaks_for_the_time_before():
    random = np.random.default_rng(8)
    demand = clumped(random, 6.0, 0.5, (200, 428))
    sales, share = shelf(random, demand[:, :400], 6.0)
    lately = share.copy()
    lately[:, :-60] = np.nan
    late, never = forecast(panel_of(sales, in_stock=lately), 28), forecast(panel_of(sales), 28)
    assert late.mean.mean() == pytest.approx(6.0, rel=0.03)
    assert never.mean.mean() < 5.5
    within = (demand[:, 400:].sum(axis=1) <= late.total[:, 27, LEVELS.index(0.95)]).mean()
    assert 0.9 <= within <= 0.99


def test_shares_recorded_only_for_days_out_of_stock_do_not_belittle_the_others():
    random = np.random.default_rng(9)
    demand = clumped(random, 6.0, 0.5, (200, 300))
    sales, share = shelf(random, demand, 6.0)
    sparse = np.where(share < 1.0, share, np.nan)
    assert forecast(panel_of(sales, in_stock=sparse), 28).mean.mean() == pytest.approx(6.0, rel=0.04)


def test_a_later_stock_out_changes_no_forecast_made_before_it():
    random = np.random.default_rng(10)
    demand = clumped(random, 5.0, 1.0, (40, 300))
    sales, share = shelf(random, demand, 5.0)
    changed, other = sales.copy(), share.copy()
    changed[:, 250:], other[:, 250:] = 0.0, 0.0
    first = forecast(panel_of(sales, in_stock=share).until(250), 14)
    second = forecast(panel_of(changed, in_stock=other).until(250), 14)
    np.testing.assert_array_equal(first.total, second.total)


def test_the_explanation_says_how_much_of_the_level_the_empty_shelf_had_hidden():
    random = np.random.default_rng(11)
    demand = clumped(random, 6.0, 0.5, (150, 300))
    sales, share = shelf(random, demand, 6.0)
    share[:50], sales[:50] = 1.0, demand[:50]
    answer = forecast(panel_of(sales, in_stock=share), 28)
    hidden = answer.explanation["stock_out"]
    assert (hidden[:50] == 0.0).all()
    assert (hidden[50:] > 0.0).all()
    assert hidden[50:].mean() == pytest.approx((demand - sales)[50:, -100:].mean(), rel=0.2)
    np.testing.assert_allclose(sum(answer.explanation.values()), answer.mean)
    assert "stock_out" not in forecast(panel_of(sales), 28).explanation
