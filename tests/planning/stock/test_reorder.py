"""Reorder points and order-up-to levels against published and brute-force values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shelfwise.planning.demand import TotalDemandTable
from shelfwise.planning.stock import (
    cover_days,
    normal_quantile,
    order_up_to_level,
    reorder_point_mixture,
    reorder_point_normal,
)


def poisson(rate):
    return lambda x, days: stats.poisson.cdf(x, rate * np.asarray(days))


def test_a_lead_time_of_5_7_or_14_days_with_4_a_day_needs_61():
    assert reorder_point_mixture(poisson(4.0), [5, 7, 14], [0.5, 0.3, 0.2], 0.95) == 61


def test_the_normal_formula_would_cover_less_than_it_says():
    mean = 0.5 * 5 + 0.3 * 7 + 0.2 * 14
    spread = np.sqrt(0.5 * 25 + 0.3 * 49 + 0.2 * 196 - mean**2)
    s, _ = reorder_point_normal(4.0, 2.0, mean, spread, 0.95)
    covered = sum(p * stats.poisson.cdf(54, 4 * d) for d, p in ((5, 0.5), (7, 0.3), (14, 0.2)))
    assert np.ceil(s) == 54
    assert covered == pytest.approx(0.886, abs=5e-4)


def test_the_published_example_with_an_uncertain_lead_time():
    s, safety = reorder_point_normal(2500, 500, 7, 7, 0.9)
    assert safety == pytest.approx(22491.14, abs=0.01)
    assert s == pytest.approx(39991.14, abs=0.01)
    assert safety / normal_quantile(0.9) == pytest.approx(17549.93, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 20), min_size=1, max_size=4),
    st.lists(st.integers(1, 30), min_size=1, max_size=3, unique=True),
    st.floats(0.5, 0.999),
)
def test_the_mixture_is_the_first_amount_that_suffices(rates, times, level):
    weights = np.full(len(times), 1.0 / len(times))
    cdf = poisson(np.array(rates))
    found = reorder_point_mixture(cdf, times, weights, level)

    def reached(x):
        return sum(w * cdf(x, t) for w, t in zip(weights, times, strict=True))

    assert (reached(found) >= level - 1e-9).all()
    short = found > 0
    assert (reached(found - 1)[short] < level).all()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0, 20), min_size=1, max_size=4),
    st.lists(st.integers(1, 30), min_size=1, max_size=3, unique=True),
    st.floats(0.5, 0.999),
    st.tuples(st.floats(-10, 2000), st.floats(-10, 2000)),
)
def test_a_bracket_right_or_wrong_never_changes_the_answer(rates, times, level, bracket):
    weights, cdf = np.full(len(times), 1.0 / len(times)), poisson(np.array(rates))
    plain = reorder_point_mixture(cdf, times, weights, level)
    parts = np.stack([stats.poisson.ppf(level, np.array(rates) * t) for t in times])
    for ends in (bracket, (parts.min(axis=0), parts.max(axis=0)), (0.0, np.inf), (plain, plain)):
        np.testing.assert_array_equal(reorder_point_mixture(cdf, times, weights, level, ends), plain)
        filled = order_up_to_level(cdf, 0, times[0], level, ends)
        np.testing.assert_array_equal(filled, order_up_to_level(cdf, 0, times[0], level))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0, 300), min_size=1, max_size=4),
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
    st.floats(0.01, 0.999),
    st.floats(0.5, 2.0),
)
def test_the_tables_own_quantiles_as_bracket_give_what_the_plain_search_gives(means, times, level, ratio):
    table = TotalDemandTable.from_summary(means, 0.95, np.array(means) * ratio, 30)
    weights = np.full(len(times), 1.0 / len(times))
    parts = np.stack([table.quantile(level, t) for t in times])
    plain = reorder_point_mixture(table.cdf, times, weights, level)
    ends = (parts.min(axis=0), parts.max(axis=0))
    np.testing.assert_array_equal(reorder_point_mixture(table.cdf, times, weights, level, ends), plain)


def test_the_quantile_itself_as_bracket_needs_three_calls():
    asked = []

    def cdf(x, days):
        asked.append(days)
        return stats.poisson.cdf(x, 4.0 * days)

    answer = stats.poisson.ppf(0.95, 120)
    assert reorder_point_mixture(cdf, [30], [1.0], 0.95, (answer, answer)) == answer
    assert len(asked) == 3  # the shape, the answer, one below


def test_lead_times_may_differ_by_product():
    rates = np.array([1.0, 4.0])
    together = reorder_point_mixture(poisson(rates), [[5, 7], [2, 30]], [[0.5, 0.5], [0.9, 0.1]], [0.9, 0.95])
    first = reorder_point_mixture(poisson(1.0), [5, 7], [0.5, 0.5], 0.9)
    second = reorder_point_mixture(poisson(4.0), [2, 30], [0.9, 0.1], 0.95)
    assert together.tolist() == [first, second]


def test_the_documents_product_is_due_at_59_and_filled_to_200():
    table = TotalDemandTable.from_summary(180, 0.95, 200, 30)
    s = reorder_point_mixture(table.cdf, [8], [1.0], 0.95)
    assert s.tolist() == [59]
    assert order_up_to_level(table.cdf, s, 30, 0.95).tolist() == [200]


def test_the_order_up_to_level_is_at_least_one_above_the_reorder_point():
    assert order_up_to_level(poisson(0.001), 3, 30, 0.95) == 4
    assert order_up_to_level(poisson(4.0), [0, 200], [30, 30], 0.95).tolist() == [
        int(stats.poisson.ppf(0.95, 120)),
        201,
    ]


def test_cover_is_never_below_lead_time_and_review_nor_the_economic_quantity():
    assert cover_days(30, 7, 1, 0, 5.0) == 30
    assert cover_days(30, [7, 40], [1, 5], 0, 5.0).tolist() == [30, 45]
    assert cover_days(30, 7, 1, 304.0, [5.0, 0.0]).tolist() == [61, 30]


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("probabilities", lambda: reorder_point_mixture(poisson(1), [5], [0.5], 0.9)),
        ("probabilities", lambda: reorder_point_mixture(poisson(1), [5, 6], [1.0], 0.9)),
        ("service_level", lambda: reorder_point_mixture(poisson(1), [5], [1.0], 1.0)),
        ("service_level", lambda: order_up_to_level(poisson(1), 1, 5, 0.0)),
        ("bracket", lambda: reorder_point_mixture(poisson(1), [5], [1.0], 0.9, (0, np.nan))),
        ("cdf", lambda: reorder_point_mixture(lambda x, _: 0.0 * np.asarray(x), [5], [1.0], 0.9)),
    ],
)
def test_impossible_arguments_are_refused_by_name(field, call):
    with pytest.raises(ValueError, match=f"^{field}: "):
        call()
