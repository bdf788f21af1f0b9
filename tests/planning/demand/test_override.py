"""A planner's override reproduces itself exactly, moves the distributions with it and is kept apart."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.planning.demand import (
    LEVELS,
    Override,
    Panel,
    PlannedForecast,
    apply_overrides,
    forecast,
    score_overrides,
)

START = date(2024, 1, 1)
FIRST = date(2024, 7, 19)  # 200 days later: the forecast's first day
HORIZON = 30


def day(number):
    return FIRST + timedelta(days=number)


@pytest.fixture(scope="module")
def answer():
    random = np.random.default_rng(1)
    whole = random.poisson(random.gamma(1.0, 5.0, (20, 1)) + 0.2, (20, 200)).astype(float)
    whole[:10, np.arange(200) % 7 == 5] = 0.0  # closed on one weekday
    parts = random.gamma(2.0, 1.3, (4, 200))
    ids = [f"p{i}" for i in range(24)]
    ends = [None] * 23 + [day(10)]
    return forecast(Panel(ids, START, np.concatenate([whole, parts]), end_of_life=ends), HORIZON)


def check_consistent(planned):
    assert (np.diff(planned.total, axis=2) >= 0).all(), "monotone in the level"
    assert (np.diff(planned.total, axis=1) >= 0).all(), "monotone in the days"
    assert (planned.total >= 0).all()
    assert (np.diff(planned.daily, axis=2) >= 0).all()
    assert (planned.total[:20] == np.floor(planned.total[:20])).all()
    assert (planned.daily[:20] == np.floor(planned.daily[:20])).all()
    np.testing.assert_allclose(planned.total_mean, np.cumsum(planned.mean, axis=1))
    np.testing.assert_allclose(sum(planned.explanation.values()), planned.mean, atol=1e-9)
    for level, days in ((0.5, 7), (0.95, 30)):
        edge = planned.quantile(level, days)
        np.testing.assert_array_equal(edge, planned.total[:, days - 1, LEVELS.index(level)])
        assert (planned.cdf(edge, days) >= level - 1e-9).all()
        assert (planned.expected_shortage(edge, days) <= planned.expected_shortage(0, days) + 1e-9).all()


overrides = st.builds(
    lambda row, begin, length, change: Override(f"p{row}", day(begin), day(begin + length), **change, reason="fair"),
    st.integers(0, 23),
    st.integers(-10, 40),
    st.integers(1, 30),
    st.one_of(
        (st.just(0.0) | st.floats(1e-6, 20)).map(lambda value: {"factor": value}),
        (st.just(0.0) | st.floats(1e-6, 500)).map(lambda value: {"units_per_day": value}),
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(overrides, max_size=6, unique_by=lambda one: one.id))
def test_any_overrides_are_exact_in_the_mean_and_consistent_in_the_distribution(answer, chosen):
    planned = apply_overrides(answer, chosen)
    check_consistent(planned)
    expected = answer.mean.copy()
    for one in chosen:
        row = int(one.id[1:])
        for number in range(HORIZON):
            if one.start <= day(number) < one.end:
                expected[row, number] = (
                    one.units_per_day if one.factor is None else answer.mean[row, number] * one.factor
                )
    np.testing.assert_array_equal(planned.mean, expected)
    assert planned.statistical is answer
    untouched = [row for row in range(24) if f"p{row}" not in {one.id for one in chosen}]
    np.testing.assert_array_equal(planned.total[untouched], answer.total[untouched])
    np.testing.assert_array_equal(planned.daily[untouched], answer.daily[untouched])


def test_twenty_percent_more_is_exactly_that_and_leaves_the_days_before_alone(answer):
    planned = apply_overrides(answer, [Override("p3", day(7), day(14), factor=1.2, reason="fair")])
    assert isinstance(planned, PlannedForecast)
    np.testing.assert_array_equal(planned.mean[3, 7:14], 1.2 * answer.mean[3, 7:14])
    np.testing.assert_array_equal(planned.mean[3, 14:], answer.mean[3, 14:])
    np.testing.assert_array_equal(planned.total[3, :7], answer.total[3, :7])
    np.testing.assert_array_equal(planned.total_mean[3, :7], answer.total_mean[3, :7])
    added = planned.explanation["override"]
    np.testing.assert_allclose(added[3, 7:14], 0.2 * answer.mean[3, 7:14])
    assert added.sum() == pytest.approx(added[3, 7:14].sum())
    assert (planned.total[3, 13:] >= answer.total[3, 13:]).all()


def test_nothing_is_wanted_where_the_planner_says_so(answer):
    planned = apply_overrides(answer, [Override("p2", day(0), day(HORIZON), factor=0.0)])
    assert (planned.mean[2] == 0).all()
    assert (planned.total[2] == 0).all()
    assert planned.quantile(0.95, 30)[2] == 0


def test_demand_where_none_was_expected_has_a_spread(answer):
    planned = apply_overrides(answer, [Override("p23", day(12), day(HORIZON), units_per_day=9.0)])
    assert (answer.mean[23, 12:] == 0).all()
    assert (planned.daily[23, 12, LEVELS.index(0.95)] > 9.0).all()
    check_consistent(planned)


def test_the_statistical_forecast_stays_as_it_was_and_overrides_are_applied_to_it_alone(answer):
    before = answer.total.copy()
    planned = apply_overrides(answer, [Override("p1", day(0), day(5), units_per_day=50.0)])
    np.testing.assert_array_equal(answer.total, before)
    with pytest.raises(ValueError, match=r"^forecast: has overrides already"):
        apply_overrides(planned, [])
    again = apply_overrides(planned.statistical, planned.overrides)
    np.testing.assert_array_equal(again.total, planned.total)


def test_an_override_is_scored_against_what_came(answer):
    uplift = Override("p4", day(5), day(15), factor=2.0, reason="street fair")
    late = Override("p5", day(25), day(60), units_per_day=1.0)
    planned = apply_overrides(answer, [uplift, late])
    actual = np.full_like(answer.mean, np.nan)
    actual[:, :20] = 2.0 * answer.mean[:, :20]
    first, second = score_overrides(planned, actual)
    assert first.override is uplift
    assert first.days == 10
    assert first.error_with == pytest.approx(0.0)
    assert first.error_without == pytest.approx(-answer.mean[4, 5:15].sum())
    assert first.gain == pytest.approx(answer.mean[4, 5:15].sum())
    assert (second.days, second.actual, second.gain) == (0, 0.0, 0.0)
    with pytest.raises(ValueError, match=r"^actual: shape"):
        score_overrides(planned, actual[:, :9])


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("end", lambda: Override("p", day(3), day(3), factor=1.0)),
        ("factor", lambda: Override("p", day(0), day(3))),
        ("factor", lambda: Override("p", day(0), day(3), factor=1.0, units_per_day=1.0)),
        ("factor", lambda: Override("p", day(0), day(3), factor=-0.1)),
        ("factor", lambda: Override("p", day(0), day(3), factor=float("nan"))),
        ("factor", lambda: Override("p", day(0), day(3), factor=1e-300)),
        ("units_per_day", lambda: Override("p", day(0), day(3), units_per_day=float("inf"))),
    ],
)
def test_an_override_that_says_nothing_clear_is_refused_by_field(field, make):
    with pytest.raises(ValueError, match=f"^{field}: "):
        make()


def test_unknown_products_and_two_overrides_of_one_day_are_refused(answer):
    with pytest.raises(ValueError, match=r"^id: 'x' is not in the forecast"):
        apply_overrides(answer, [Override("x", day(0), day(1), factor=1.0)])
    both = [Override("p1", day(0), day(5), factor=2.0), Override("p1", day(4), day(6), units_per_day=2.0)]
    with pytest.raises(ValueError, match=r"^start: two overrides of 'p1' on the same day"):
        apply_overrides(answer, both)
