"""A replacement inherits its predecessor's days, and only those before its own."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.planning.demand import Panel, forecast, inherit

START = date(2024, 1, 1)
NONE = float("nan")


def panel_of(ids, values, **fields):
    return Panel(list(ids), START, np.asarray(values, dtype=float), **fields)


def test_days_before_the_first_own_one_are_the_predecessors():
    panel = panel_of(
        "ab",
        [[5.0, 6.0, NONE, 7.0, 1.0], [NONE, NONE, NONE, 2.0, NONE]],
        in_stock=[[1.0, 0.5, 1.0, 1.0, 1.0], [NONE, NONE, NONE, 0.8, 0.0]],
        price=[[3.0] * 5, [4.0] * 5],
    )
    heir = inherit(panel, {"b": "a"})
    np.testing.assert_array_equal(heir.values[1], [5.0, 6.0, NONE, 2.0, NONE])
    np.testing.assert_array_equal(heir.in_stock[1], np.float32([1.0, 0.5, 1.0, 0.8, 0.0]))
    np.testing.assert_array_equal(heir.price[1], [3.0, 3.0, 3.0, 4.0, 4.0])
    np.testing.assert_array_equal(heir.values[0], panel.values[0])
    assert np.isnan(panel.values[1, 0]), "the panel given is not changed"


@pytest.mark.parametrize("pairs", [{"c": "b", "b": "a"}, {"b": "a", "c": "b"}])
def test_what_a_predecessor_inherited_is_handed_on_in_any_order(pairs):
    panel = panel_of("abc", [[1.0, 2.0, 3.0], [NONE, 8.0, 9.0], [NONE, NONE, 7.0]])
    np.testing.assert_array_equal(inherit(panel, pairs).values[2], [1.0, 8.0, 7.0])


def test_a_product_never_listed_inherits_everything_and_forecasts_as_its_predecessor():
    sales = np.random.default_rng(1).poisson(4.0, 200).astype(float)
    answer = forecast(inherit(panel_of("ab", [sales, np.full(200, NONE)]), {"b": "a"}), 14)
    np.testing.assert_array_equal(answer.total[1], answer.total[0])
    assert not answer.short_history.any()


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"x": "a"}, "'x'"),
        ({"a": "x"}, "'x'"),
        ({"a": "a"}, "a -> a is a circle"),
        ({"a": "b", "b": "c", "c": "a"}, "a -> b -> c -> a is a circle"),
        ({"c": "a", "a": "b", "b": "a"}, "a -> b -> a is a circle"),
    ],
)
def test_unknown_products_and_circles_are_refused_by_name(pairs, message):
    with pytest.raises(ValueError, match=f"^predecessors: .*{message}"):
        inherit(panel_of("abc", np.ones((3, 4))), pairs)


@given(st.lists(st.integers(0, 7), min_size=8, max_size=8), st.integers(0, 2**32 - 1))
def test_known_days_never_change_and_without_predecessors_nothing_does(older, seed):
    random = np.random.default_rng(seed)
    values = random.integers(0, 9, (8, 12)).astype(float)
    for row in range(8):
        values[row, : random.integers(0, 13)] = NONE
    panel = panel_of("abcdefgh", values)
    pairs = {"abcdefgh"[i]: "abcdefgh"[p] for i, p in enumerate(older) if p < i}
    heir = inherit(panel, pairs)
    own = ~np.isnan(values)
    np.testing.assert_array_equal(heir.values[own], panel.values[own])
    np.testing.assert_array_equal(inherit(panel, {}).values, panel.values)
    for i, name in enumerate("abcdefgh"):
        if name not in pairs:
            np.testing.assert_array_equal(heir.values[i], panel.values[i])
