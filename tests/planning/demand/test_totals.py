"""The table of totals: exact where it was told, sensible where it was not."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from shelfwise.planning.demand import LEVELS, TotalDemandTable
from shelfwise.planning.stock import reorder_point_mixture

QUICK = settings(max_examples=30, deadline=None)


@st.composite
def tables(draw, whole=None):
    count, days = draw(st.integers(1, 3)), sorted(draw(st.sets(st.integers(1, 90), min_size=1, max_size=4)))
    if whole is None:
        whole = draw(st.booleans())
    unit = st.integers(0, 20).map(float) if whole else st.floats(0, 20, allow_subnormal=False)
    steps = draw(npst.arrays(np.float64, (count, len(days), len(LEVELS)), elements=unit))
    quantiles = np.cumsum(np.cumsum(steps, axis=2), axis=1)
    means = np.cumsum(quantiles[..., 3], axis=1) / len(days)
    return TotalDemandTable(days, LEVELS, quantiles, means)


@QUICK
@given(tables())
def test_stored_days_and_levels_are_returned_exactly(table):
    for k, days in enumerate(table.days):
        for j, level in enumerate(table.levels):
            np.testing.assert_array_equal(table.quantile(level, days), table.quantiles[:, k, j])
            assert (table.cdf(table.quantiles[:, k, j], days) >= level).all()
        np.testing.assert_array_equal(table.mean(days), table.means[:, k])


@QUICK
@given(tables(whole=True), st.integers(1, 400))
def test_the_smallest_sufficient_stock_is_the_quantile(table, days):
    for level in (0.05, 0.5, 0.93, 0.95, 0.99, 0.995):
        least = reorder_point_mixture(table.cdf, [days], [1.0], level)
        np.testing.assert_array_equal(least, table.quantile(level, days))


@QUICK
@given(tables(), st.integers(1, 400), st.lists(st.floats(0, 3000), min_size=2, max_size=5))
def test_the_distribution_function_rises_in_the_amount_and_falls_in_the_days(table, days, amounts):
    rising = [table.cdf(x, days) for x in sorted(amounts)]
    assert all((a <= b).all() for a, b in pairwise(rising))
    assert all(((p >= 0) & (p <= 1)).all() for p in rising)
    for level in (0.3, 0.95, 0.992, 0.997, 0.9999):
        for more in (1, 7):
            assert (table.quantile(level, days) <= table.quantile(level, days + more) + 1e-6).all()


@QUICK
@given(tables(whole=True), st.integers(1, 60), st.floats(0, 500))
def test_expected_shortage_is_the_sum_of_what_is_not_covered(table, days, start):
    end = int(table.quantile(1.0 - 1e-9, days).max())
    whole = np.arange(np.ceil(start), min(end, np.ceil(start) + 100) + 1.0)
    brute = (np.ceil(start) - start) * (1.0 - table.cdf(start, days)) + sum(1.0 - table.cdf(x, days) for x in whole)
    rest = table.expected_shortage(whole[-1] + 1 if len(whole) else np.ceil(start), days)
    np.testing.assert_allclose(table.expected_shortage(start, days), brute + rest, rtol=1e-9, atol=1e-9)
    assert (rest <= table.expected_shortage(start, days) + 1e-9).all()


@QUICK
@given(tables(), st.integers(1, 400))
def test_the_running_mean_is_each_days_mean(table, days):
    each = np.stack([table.mean(day) for day in range(1, days + 1)], axis=1)
    np.testing.assert_array_equal(table.running_mean(days), each)


def test_expected_shortage_of_fractions_is_the_integral():
    table = TotalDemandTable([10], LEVELS, [[np.linspace(0.5, 30.5, 10) ** 1.1]], [[15.0]])
    for start in (0.0, 0.2, 3.3, 25.0, 60.0):
        grid = np.linspace(start, 400, 200_001)
        values = np.array([1.0 - TotalDemandTable.cdf(_repeat(table, len(grid)), grid, 10)])
        assert table.expected_shortage(start, 10)[0] == pytest.approx(np.trapezoid(values[0], grid), rel=1e-4, abs=1e-6)


def _repeat(table, count):
    return TotalDemandTable(
        table.days, table.levels, np.repeat(table.quantiles, count, 0), np.repeat(table.means, count, 0)
    )


def test_a_backlog_is_short_by_itself_and_all_demand():
    table = TotalDemandTable.from_summary(180, 0.95, 200, 30)
    assert table.expected_shortage(-5, 30)[0] == pytest.approx(table.expected_shortage(0, 30)[0] + 5)
    assert table.expected_shortage(0, 30)[0] == pytest.approx(180, rel=0.01)


def test_days_between_and_beyond_the_stored_ones_go_on_smoothly():
    days, mean = np.array([7, 14, 28]), np.array([[70.0, 140.0, 280.0]])
    normal = np.array([-1.645, -1.282, -0.674, 0, 0.674, 0.842, 1.282, 1.645, 2.054, 2.326])
    quantiles = mean[..., None] + np.sqrt(mean)[..., None] * normal
    table = TotalDemandTable(days, LEVELS, quantiles, mean)
    for length in (1, 3, 10, 21, 56, 365):
        assert table.mean(length)[0] == pytest.approx(10.0 * length)
        truth = 10.0 * length + 1.645 * np.sqrt(10.0 * length)
        assert table.quantile(0.95, length)[0] == pytest.approx(truth, rel=0.03, abs=1.5)


def test_days_may_differ_by_product():
    table = TotalDemandTable.from_summary([180, 18], 0.95, [200, 30], 30)
    both = table.cdf([100, 10], [15, 30])
    assert both[0] == table.cdf(100, 15)[0]
    assert both[1] == table.cdf(10, 30)[1]


def test_a_product_that_hardly_sells_has_its_mass_at_zero_and_a_tail_from_its_mean():
    table = TotalDemandTable([30], LEVELS, np.zeros((1, 1, 10)), [[0.004]])
    assert table.cdf(0, 30)[0] == pytest.approx(0.99)
    assert table.cdf(5, 30)[0] > 0.9999
    assert 0 < table.expected_shortage(0, 30)[0] < 0.02


def test_a_constant_demand_is_certain():
    table = TotalDemandTable([10], LEVELS, np.full((1, 1, 10), 50.0), [[50.0]])
    assert table.cdf([49.0], 10)[0] == 0.0
    assert table.cdf([50.0], 10)[0] == 1.0
    assert table.expected_shortage(20, 10)[0] == 30.0


def test_the_documents_five_keys_are_enough():
    table = TotalDemandTable.from_summary(180, 0.95, 200, 30)
    assert table.quantile(0.95, 30)[0] == 200
    assert table.cdf(200, 30)[0] == 0.95
    assert table.mean(8)[0] == pytest.approx(48)
    deviation = (table.quantile(0.95, 8) - table.mean(8))[0]
    assert deviation == pytest.approx(20 * np.sqrt(8 / 30))


@pytest.mark.parametrize(("level", "quantile"), [(0.5, 7.0), (0.9, 3.0), (0.2, 9.0)])
def test_a_quantile_that_implies_no_spread_is_kept_with_the_poissons(level, quantile):
    table = TotalDemandTable.from_summary(5, level, quantile, 30)
    assert table.quantile(level, 30)[0] == quantile
    assert table.quantile(0.99, 30)[0] > quantile


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("days", {"days": [0]}),
        ("days", {"days": []}),
        ("levels", {"levels": [0.5, 0.4]}),
        ("levels", {"levels": [0.5, 1.0]}),
        ("means", {"means": [1.0]}),
        ("means", {"means": [[-1.0]]}),
        ("quantiles", {"quantiles": [[[1.0]]]}),
        ("quantiles", {"quantiles": [[[2.0, 1.0]]]}),
        ("quantiles", {"quantiles": [[[1.0, np.inf]]]}),
    ],
)
def test_a_bad_table_is_refused_by_name(field, change):
    parts = {"days": [30], "levels": [0.5, 0.95], "quantiles": [[[1.0, 2.0]]], "means": [[1.0]]} | change
    with pytest.raises(ValueError, match=f"^{field}: "):
        TotalDemandTable(**parts)


def test_bad_questions_are_refused_by_name():
    table = TotalDemandTable.from_summary(180, 0.95, 200, 30)
    for field, ask in (
        ("days", lambda: table.cdf(1, 0)),
        ("days", lambda: table.cdf(1, 1.5)),
        ("x", lambda: table.cdf(np.nan, 1)),
        ("x", lambda: table.cdf([1, 2], 1)),
        ("level", lambda: table.quantile(1.0, 1)),
        ("level", lambda: TotalDemandTable.from_summary(1, 1.5, 2, 3)),
    ):
        with pytest.raises(ValueError, match=f"^{field}: "):
            ask()


def test_a_question_of_the_wrong_shape_is_refused_also_after_a_good_one_about_the_same_days():
    table = TotalDemandTable([7], LEVELS, np.ones((2, 1, len(LEVELS))), np.ones((2, 1)))
    table.cdf(1.0, [7, 14])
    with pytest.raises(ValueError, match="days: shape"):
        table.cdf(1.0, [[7], [14]])


def test_quantiles_a_subnormal_apart_are_taken_as_equal():
    steps = 5e-324 * np.arange(1, len(LEVELS) + 1)
    table = TotalDemandTable([7], LEVELS, steps[None, None], [[5e-324]])
    assert 0.0 <= table.expected_shortage(0.0, 7)[0] <= 1e-300
    assert table.expected_shortage(1.0, 7)[0] == 0.0
