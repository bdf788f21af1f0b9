"""What a forecast promises, for any history; what it finds, for histories whose truth is known."""

from datetime import date

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from shelfwise.planning.demand import LEVELS, Calibration, Panel, calibrate, forecast

START = date(2024, 1, 1)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def panel_of(values, **fields):
    rows = np.asarray(values, dtype=float)
    return Panel([f"p{i}" for i in range(len(rows))], START, rows, **fields)


def retail(count=60, days=300, seed=7):
    """Negative binomial sales with weekdays, some listed late, some intermittent."""
    random = np.random.default_rng(seed)
    rate = random.gamma(0.7, 4.0, (count, 1)) + 0.02
    week = np.array([0.8, 0.8, 0.9, 1.0, 1.2, 1.6, 0.7])[np.arange(days) % 7]
    values = random.poisson(rate * week * random.gamma(2.0, 0.5, (count, days))).astype(float)
    for row in range(0, count, 9):
        values[row, : random.integers(20, days - 5)] = np.nan
    return values


@pytest.fixture(scope="module")
def shop():
    return panel_of(retail())


@pytest.fixture(scope="module")
def known(shop):
    return calibrate(shop, 30)


sales = st.one_of(
    st.integers(0, 30).map(float),
    st.just(0.0),
    st.just(float("nan")),
    st.floats(0, 5, width=32),
    st.sampled_from([1e9, 1e-6]),
)
histories = npst.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 70)), elements=sales)


def check_promises(answer, panel):
    assert np.isfinite(answer.mean).all()
    assert np.isfinite(answer.total).all()
    assert (answer.mean >= 0).all()
    assert (answer.total >= 0).all()
    assert (answer.daily >= 0).all()
    assert (np.diff(answer.total, axis=2) >= 0).all(), "monotone in the level"
    assert (np.diff(answer.total, axis=1) >= 0).all(), "monotone in the days"
    assert (np.diff(answer.daily, axis=2) >= 0).all()
    whole = panel.whole
    assert (answer.total[whole] == np.floor(answer.total[whole])).all()
    assert (answer.daily[whole] == np.floor(answer.daily[whole])).all()
    np.testing.assert_allclose(answer.total_mean, np.cumsum(answer.mean, axis=1))
    # Terms of a billion units that cancel leave their last bits.
    largest = np.max(np.abs(list(answer.explanation.values())), axis=0)
    assert (np.abs(sum(answer.explanation.values()) - answer.mean) <= 1e-9 + 1e-14 * largest).all()
    inside = np.isnan(answer.coverage) | ((answer.coverage >= 0) & (answer.coverage <= 1))
    assert inside.all()


STRENGTHS, PRICES = (0.0, 0.0, 1.0, 0.3, -2.0, 1e6), (1.0, 1.0, 0.5, 9.99, 1e-6, 1e9, 0.0)


@st.composite
def driven(draw, horizon):
    """A panel with some of promotions, prices and groups, and the calendar and plans of its coming days."""
    values = draw(histories)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    fields, plans = {}, {}
    for name, numbers in (("promo", STRENGTHS), ("price", PRICES)):
        if draw(st.booleans()):
            fields[name] = random.choice((*numbers, np.nan), values.shape)
            if draw(st.booleans()):
                plans[f"future_{name}"] = random.choice(numbers, (len(values), horizon))
    if draw(st.booleans()):
        fields["groups"] = random.integers(0, 3, (len(values), 1))
    names = draw(st.lists(st.sampled_from(["easter", "payday", "fair"]), unique=True))
    calendar = {name: random.random(values.shape[1] + horizon) < 0.2 for name in names}
    return panel_of(values, **fields), {"calendar": calendar, **plans}


def kept_fields(panel):
    return {
        name: None if getattr(panel, name) is None else getattr(panel, name).copy()
        for name in ("values", "promo", "price", "groups")
    }


@QUICK
@given(st.integers(1, 40).flatmap(lambda horizon: st.tuples(st.just(horizon), driven(horizon))))
def test_any_history_gives_finite_monotone_whole_quantiles_and_a_mean_that_adds_up(case):
    horizon, (panel, plans) = case
    before = kept_fields(panel)
    answer = forecast(panel, horizon, **plans)
    check_promises(answer, panel)
    for name, copy in before.items():
        np.testing.assert_array_equal(getattr(panel, name), copy, err_msg=name)
    again = forecast(panel, horizon, **plans)
    np.testing.assert_array_equal(answer.total, again.total)
    np.testing.assert_array_equal(answer.mean, again.mean)


@QUICK
@given(driven(45))
def test_any_history_is_answered_by_the_runs_calibration_as_well(known, case):
    panel, plans = case
    check_promises(forecast(panel, 45, calibration=known, **plans), panel)


@QUICK
@given(driven(20), st.data())
def test_with_events_promotions_and_prices_a_row_alone_equals_the_row_in_the_batch(case, data):
    panel, plans = case
    run = calibrate(panel, 20, calendar=plans["calendar"])
    row = data.draw(st.integers(0, len(panel) - 1))
    own = {name: plan if name == "calendar" else plan[row : row + 1] for name, plan in plans.items()}
    batch = forecast(panel, 20, calibration=run, **plans)
    alone = forecast(panel.rows(slice(row, row + 1)), 20, calibration=run, **own)
    for name in ("mean", "total", "daily", "coverage"):
        np.testing.assert_array_equal(getattr(alone, name)[0], getattr(batch, name)[row], err_msg=name)
    for term, units in batch.explanation.items():
        np.testing.assert_array_equal(alone.explanation[term][0], units[row], err_msg=term)


@QUICK
@given(st.integers(0, 59), st.integers(1, 60))
def test_a_product_alone_gets_to_the_bit_what_it_gets_in_the_batch(shop, known, row, horizon):
    batch = forecast(shop, horizon, calibration=known)
    alone = forecast(shop.rows(slice(row, row + 1)), horizon, calibration=known)
    for name in ("mean", "total_mean", "total", "daily", "coverage", "expected_error", "confidence_windows"):
        np.testing.assert_array_equal(getattr(alone, name)[0], getattr(batch, name)[row], err_msg=name)
    assert alone.model[0] == batch.model[row]
    assert alone.pattern[0] == batch.pattern[row]


def test_shards_do_not_show(shop, known, monkeypatch):
    whole = forecast(shop, 14, calibration=known)
    monkeypatch.setattr("shelfwise.planning.demand.forecaster.SHARD_ROWS", 7)
    np.testing.assert_array_equal(forecast(shop, 14, calibration=known).total, whole.total)


def test_the_same_panel_gives_the_same_bytes_twice(shop, known):
    assert calibrate(shop, 30).to_bytes() == known.to_bytes()
    np.testing.assert_array_equal(forecast(shop, 20).total, forecast(shop, 20).total)


def test_a_calibration_survives_its_bytes_to_the_bit(shop, known):
    again = Calibration.from_bytes(known.to_bytes())
    assert again.id == known.id
    np.testing.assert_array_equal(
        forecast(shop, 30, calibration=again).total, forecast(shop, 30, calibration=known).total
    )


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_bytes_that_are_no_calibration_are_refused(data):
    with pytest.raises(ValueError, match=r"^calibration: "):
        Calibration.from_bytes(data)


def test_nothing_after_the_origin_is_seen():
    values = retail(days=200)
    changed = values.copy()
    changed[:, 150:] = 999.0
    first = forecast(panel_of(values).until(150), 14)
    second = forecast(panel_of(changed).until(150), 14)
    np.testing.assert_array_equal(first.total, second.total)


def test_less_than_two_weeks_of_history_is_flagged_and_wide(known):
    random = np.random.default_rng(3)
    values = np.full((2, 200), np.nan)
    values[0, -10:] = random.poisson(5, 10)
    values[1] = random.poisson(5, 200)
    answer = forecast(panel_of(values), 30, calibration=known)
    assert answer.short_history.tolist() == [True, False]
    width = answer.total[:, 29, LEVELS.index(0.95)] - answer.total[:, 29, LEVELS.index(0.05)]
    assert width[0] > 1.3 * width[1]
    assert answer.confidence_windows[0, 29] == 0


def test_confidence_is_null_with_fewer_than_20_windows_and_measured_with_more(shop, known):
    alone = forecast(panel_of([[1.0] * 40]), 30)
    assert np.isnan(alone.coverage[0, 29]).all()
    assert np.isnan(alone.expected_error[0, 29])
    batch = forecast(shop, 30, calibration=known)
    assert (known.windows >= 20).all()
    at_95 = batch.coverage[:, 29, LEVELS.index(0.95)]
    assert 0.9 < at_95.mean() < 0.99
    assert len(np.unique(at_95)) > 1, "each product's own windows move its confidence"
    assert (batch.expected_error[:, 29] > 0).all()


def test_a_product_without_history_starts_from_its_category():
    random = np.random.default_rng(5)
    values = np.concatenate([random.poisson(20, (30, 120)), random.poisson(1, (30, 120))]).astype(float)
    values[[0, 30]] = np.nan
    groups = np.repeat([[3], [8]], 30, axis=0)
    answer = forecast(panel_of(values, groups=groups), 7)
    assert answer.mean[0].mean() == pytest.approx(20, rel=0.25)
    assert answer.mean[30].mean() == pytest.approx(1, rel=0.8)
    assert answer.model[0] == "panel-prior"


def test_a_weekday_on_which_the_shop_is_closed_is_learned():
    values = np.random.default_rng(1).poisson(6, (40, 210)).astype(float)
    values[:, np.arange(210) % 7 == 5] = 0.0
    answer = forecast(panel_of(values), 14)
    assert (answer.mean[:, [5, 12]] == 0).all()
    assert (answer.daily[:, 5] == 0).all()
    assert answer.mean[:, [0, 7]].mean() == pytest.approx(6, rel=0.1)


def test_days_out_of_stock_are_not_lack_of_demand():
    random = np.random.default_rng(2)
    demand = random.poisson(5, (50, 280)).astype(float)
    share = (random.random(demand.shape) > 0.3).astype(float)
    ignored = forecast(panel_of(demand * share), 14).mean.mean()
    known = forecast(panel_of(demand * share, in_stock=share), 14).mean.mean()
    assert ignored == pytest.approx(3.5, rel=0.05)
    assert known == pytest.approx(5.0, rel=0.05)


def test_a_sale_on_a_day_reported_empty_counts():
    answer = forecast(panel_of([[4.0] * 60], in_stock=np.zeros((1, 60))), 7)
    assert answer.mean[0, 0] == pytest.approx(4.0, rel=0.05)


def test_closed_days_given_by_the_caller_are_no_evidence():
    random = np.random.default_rng(4)
    values = random.poisson(5, (20, 140)).astype(float)
    opened = np.ones(140, dtype=bool)
    opened[-30:] = False
    values[:, ~opened] = 0.0
    assert forecast(panel_of(values, open=opened), 7).mean.mean() == pytest.approx(5.0, rel=0.08)


def test_nothing_is_sold_after_the_end_of_life():
    values = np.full((2, 60), 5.0)
    answer = forecast(panel_of(values, end_of_life=[date(2024, 3, 6), None]), 10)  # day 66: five more days
    assert (answer.mean[0, 5:] == 0).all()
    assert (answer.total[0, 5:] == answer.total[0, 4]).all()
    assert (answer.mean[1] > 0).all()


def test_the_horizon_may_exceed_the_calibrations(shop, known):
    short, long = forecast(shop, 30, calibration=known), forecast(shop, 90, calibration=known)
    np.testing.assert_array_equal(short.total, long.total[:, :30])
    check_promises(long, shop)


def test_some_levels_of_the_calibration_may_be_asked(shop, known):
    some = forecast(shop, 5, (0.5, 0.95), known)
    everything = forecast(shop, 5, calibration=known)
    np.testing.assert_array_equal(some.total, everything.total[..., [3, 7]])
    np.testing.assert_array_equal(some.daily, everything.daily[..., [3, 7]])


@pytest.mark.parametrize("clumps", [None, 1.0])
def test_totals_of_simulated_demand_are_covered_as_said(clumps):
    random = np.random.default_rng(11)
    count, days = 400, 330
    rate = np.full((count, 1), 1.0) * random.gamma(1.0, 3.0, (count, 1)) + 0.05
    noise = 1.0 if clumps is None else random.gamma(clumps, 1.0 / clumps, (count, days))
    values = random.poisson(rate * noise, (count, days)).astype(float)
    answer = forecast(panel_of(values).until(300), 28)
    for length in (7, 14, 28):
        actual = values[:, 300 : 300 + length].sum(axis=1)
        for level in (0.5, 0.8, 0.9, 0.95):
            edge = answer.total[:, length - 1, LEVELS.index(level)]
            slack = 3.0 * np.sqrt(level * (1 - level) / count) + 0.005
            assert (actual < edge).mean() - slack <= level <= (actual <= edge).mean() + slack
        mean = answer.total_mean[:, length - 1].sum()
        assert mean == pytest.approx(values[:, 300 : 300 + length].sum(), rel=0.06)


def test_a_change_of_level_is_followed():
    random = np.random.default_rng(6)
    values = np.concatenate([random.poisson(5, (80, 200)), random.poisson(10, (80, 60))], axis=1).astype(float)
    assert forecast(panel_of(values), 14).mean.mean() == pytest.approx(10, rel=0.06)


def test_a_forecast_answers_for_any_days_and_levels_as_its_table_does(shop, known):
    answer = forecast(shop, 30, calibration=known)
    np.testing.assert_array_equal(answer.quantile(0.95, 30), answer.total[:, 29, LEVELS.index(0.95)])
    assert (answer.quantile(0.999, 30) >= answer.total[:, 29, -1]).all()
    assert (answer.quantile(0.95, 365) >= answer.quantile(0.95, 30)).all()
    assert (answer.cdf(answer.quantile(0.93, 12), 12) >= 0.93 - 1e-12).all()
    assert (answer.expected_shortage(0, 30) > 0).all()
    assert len(answer) == 60
    assert answer.horizon == 30


def test_a_growing_panel_carries_half_of_its_drift_in_the_mean():
    random = np.random.default_rng(8)
    growth = 1.0 + np.arange(300) / 300.0
    values = random.poisson(4.0 * growth, (60, 300)).astype(float)
    known = calibrate(panel_of(values), 28)
    assert 1.01 < known.drift < 1.1
    answer = forecast(panel_of(values), 28, calibration=known)
    assert (answer.explanation["trend"] > 0).all()
    flat = calibrate(panel_of(random.poisson(4.0, (60, 300))), 28)
    assert flat.drift == pytest.approx(1.0, abs=0.01)


def test_confidence_at_any_level_lies_between_those_measured(shop, known):
    answer = forecast(shop, 30, calibration=known)
    np.testing.assert_array_equal(answer.confidence(0.95, 30), answer.coverage[:, 29, LEVELS.index(0.95)])
    between = answer.confidence(0.93, 30)
    assert (between >= answer.confidence(0.9, 30) - 1e-12).all()
    assert (between <= answer.confidence(0.95, 30) + 1e-12).all()
    np.testing.assert_array_equal(answer.confidence(0.999, 30), answer.coverage[:, 29, -1])
    for field, ask in (("level", (1.0, 30)), ("days", (0.9, 31))):
        with pytest.raises(ValueError, match=f"^{field}: "):
            answer.confidence(*ask)


def test_one_product_with_a_year_of_sales_has_a_measured_confidence():
    answer = forecast(panel_of(np.random.default_rng(12).poisson(5, (1, 365))), 30)
    assert answer.confidence_windows[0, 29] >= 20
    assert 0.7 < answer.confidence(0.95, 30)[0] <= 1.0
    assert answer.expected_error[0, 29] < 0.2


def test_no_products_is_no_error():
    answer = forecast(Panel([], START, np.empty((0, 30))), 7)
    assert answer.total.shape == (0, 7, len(LEVELS))
    assert answer.quantile(0.95, 7).shape == (0,)


def test_new_products_are_covered_as_said_from_the_first_days_on():
    random = np.random.default_rng(21)
    rate = random.gamma(1.0, 6.0, (900, 1)) + 0.2
    values = random.poisson(rate * random.gamma(0.7, 1 / 0.7, (900, 228))).astype(float)
    run = calibrate(panel_of(values[:500, :200]), 28)
    future = values[500:, 200:].sum(axis=1)
    for days in (0, 3, 7, 14, 28):
        shown = np.full((400, 200), np.nan)
        shown[:, 200 - days :] = values[500:, 200 - days : 200]
        answer = forecast(panel_of(shown), 28, calibration=run)
        assert (answer.short_history == (days < 14)).all()
        within = (future <= answer.total[:, 27, LEVELS.index(0.95)]).mean()
        assert 0.86 <= within <= 0.995, days
