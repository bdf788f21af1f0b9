"""The arithmetic of balances: units and money that move are neither made nor lost."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.inventory import NOW
from shelfwise.inventory.ledger.rules import Balance, issued, received, split_value, valued
from shelfwise.inventory.movements import Movement

STEP = Decimal("0.0001")
values = st.integers(0, 10**13).map(lambda steps: steps * STEP)


def move(quantity, unit_cost=None, **more):
    return Movement("P", "transfer", "a", "b", quantity, NOW, date(2026, 3, 10), "e", unit_cost=unit_cost, **more)


@given(values, st.lists(st.integers(0, 10**9), min_size=1, max_size=8).filter(any))
def test_parts_of_a_value_add_up_to_it_and_none_is_a_step_off_its_share(total, weights):
    parts = split_value(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    assert all(abs(part * whole - total * weight) < STEP * whole for part, weight in zip(parts, weights, strict=True))


def test_what_is_left_over_goes_to_the_parts_that_lost_most_and_then_to_the_earlier():
    assert split_value(Decimal("0.0010"), [1, 1, 1]) == [Decimal("0.0004"), Decimal("0.0003"), Decimal("0.0003")]
    assert split_value(Decimal("0.0010"), [2, 5, 2]) == [Decimal("0.0002"), Decimal("0.0006"), Decimal("0.0002")]


def test_a_value_is_not_split_by_nothing():
    with pytest.raises(ValueError, match="positive in sum"):
        split_value(Decimal(1), [0, 0])


@given(values, st.integers(1, 10**6), st.data())
def test_a_transfer_takes_from_one_place_exactly_the_value_that_the_other_gets(value, on_hand, data):
    source, target = Balance(on_hand=on_hand, value=value), Balance(on_hand=5, value=Decimal("7.0001"))
    moved = valued(move(data.draw(st.integers(1, on_hand))), source, target, None)
    left, arrived = issued(source, moved), received(target, moved)
    assert left.value + arrived.value == source.value + target.value
    assert left.on_hand + arrived.on_hand == source.on_hand + target.on_hand


@given(values, st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_the_last_unit_takes_the_rest_of_the_value(value, quantities):
    balance = Balance(on_hand=sum(quantities), value=value)
    gone = Decimal(0)
    for quantity in quantities:
        moved = valued(replace(move(quantity), kind="sale"), balance, None, None)
        balance, gone = issued(balance, moved), gone + moved.value
    assert (balance.on_hand, balance.value, gone) == (0, 0, value)


def test_a_receipt_into_an_oversold_place_values_only_the_units_that_are_there_now():
    balance = received(Balance(on_hand=-4, value=Decimal(0)), valued(move(10, Decimal(3)), None, Balance(-4), None))
    assert (balance.on_hand, balance.value) == (6, Decimal(18))


def test_a_reversal_takes_back_the_value_that_it_brought_and_not_the_average():
    balance = Balance(on_hand=20, value=Decimal(70))
    back = valued(replace(move(10), kind="reversal", value=Decimal(50)), balance, None, None)
    assert issued(balance, back).value == Decimal(20)


def test_without_any_cost_a_value_is_unknown_and_not_zero():
    moved = valued(move(3), None, Balance(), None)
    assert moved.value is None
    assert received(Balance(), moved).value is None
