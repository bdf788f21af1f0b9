"""Order quantities, from need to what a supplier delivers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.planning.stock import needs_reorder, order_quantity, recommend


def test_prd_123_needs_150_and_gets_two_packs_of_100():
    answer = recommend(position=50, s=59, S=200, moq=1, pack_size=100)
    assert answer.needed == 150
    assert answer.quantity == 200


def test_an_order_to_40_in_sixes_from_8_is_36():
    assert order_quantity(8, 39, 40, 1, 6) == 36


def test_above_the_reorder_point_both_are_nothing():
    answer = recommend(position=60, s=59, S=200, moq=10, pack_size=100)
    assert (answer.needed, answer.quantity) == (0, 0)
    assert not needs_reorder(60, 59)
    assert needs_reorder(59, 59)


def test_a_minimum_order_is_kept_and_flagged_when_it_outlasts_the_longest_cover():
    answer = recommend([5, 5], 9, 20, moq=[100, 1], max_cover_units=60)
    assert answer.quantity.tolist() == [100, 15]
    assert answer.needs_approval.tolist() == [True, False]


def test_the_hard_limit_rounds_down_to_packs_or_to_nothing_and_says_so():
    answer = recommend(5, 9, [40, 40, 12], moq=[1, 30, 1], pack_size=6, max_stock=25)
    assert answer.quantity.tolist() == [18, 0, 12]
    assert answer.held_by_max_stock.tolist() == [True, True, False]


@given(st.integers(-50, 300), st.integers(0, 200), st.integers(1, 200), st.integers(0, 90), st.integers(1, 48))
def test_an_order_is_whole_packs_reaches_the_target_and_no_pack_more(position, s, gap, moq, pack):
    target = s + gap
    quantity = int(order_quantity(position, s, target, moq, pack))
    assert quantity % pack == 0
    if position > s:
        assert quantity == 0
        return
    assert position + quantity >= target
    assert quantity >= moq
    assert quantity - pack < max(moq, target - position)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [("pack_size", (1, 2, 3, 1, 0)), ("pack_size", (1, 2, 3, 1, 1.5)), ("moq", (1, 2, 3, -1, 1))],
)
def test_impossible_supplier_rules_are_refused_by_name(field, arguments):
    with pytest.raises(ValueError, match=f"^{field}: "):
        order_quantity(*arguments)


def test_products_are_computed_at_once():
    quantities = order_quantity(np.array([50, 60, 8]), np.array([59, 59, 39]), np.array([200, 200, 40]), 1, [100, 1, 6])
    assert quantities.tolist() == [200, 0, 36]
