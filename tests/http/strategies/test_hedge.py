from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.http import HedgePolicy
from shelfwise.http.strategies.hedge import Hedging

USUAL: dict[str, Any] = {
    "instances": 2,
    "method_safe": True,
    "p50_seconds": 0.01,
    "p95_seconds": 0.1,
    "samples": 20,
    "remaining_seconds": 2.0,
}


def test_a_safe_call_to_one_of_two_instances_is_hedged_at_the_live_p95():
    assert Hedging(HedgePolicy()).delay(0, **USUAL) == 0.1


@pytest.mark.parametrize(
    "change",
    [
        {"instances": 1},
        {"method_safe": False},
        {"samples": 19},
        {"p50_seconds": None, "p95_seconds": None, "samples": 0},
        {"remaining_seconds": 0.11},
    ],
    ids=["one instance", "unsafe", "few samples", "no sample", "no time for another answer"],
)
def test_there_is_no_hedge_without(change: dict[str, Any]):
    assert Hedging(HedgePolicy()).delay(0, **USUAL | change) is None


def test_it_is_off_at_a_share_of_0():
    hedging = Hedging(HedgePolicy(max_share=0.0))
    assert hedging.delay(0, **USUAL) is None
    assert not hedging.spend(0)


def test_twenty_calls_pay_for_one_hedge():
    hedging = Hedging(HedgePolicy())
    for _ in range(19):
        hedging.delay(0, **USUAL)
    assert not hedging.spend(0)
    hedging.delay(0, **USUAL)
    assert [hedging.spend(0), hedging.spend(0)] == [True, False]


def test_calls_that_could_not_be_hedged_pay_for_none():
    hedging = Hedging(HedgePolicy())
    for _ in range(1000):
        hedging.delay(0, **USUAL | {"method_safe": False})
    assert not hedging.spend(0)


def test_calls_pay_for_ten_seconds():
    hedging = Hedging(HedgePolicy())
    for _ in range(100):
        hedging.delay(0, **USUAL)
    assert hedging.spend(9.9)
    assert not hedging.spend(10.0)


@given(st.lists(st.tuples(st.floats(0, 4), st.integers(0, 60), st.integers(0, 20)), max_size=80))
def test_hedges_are_never_more_than_a_twentieth_of_the_calls_made_so_far(steps):
    hedging = Hedging(HedgePolicy())
    now, calls, hedges = 0.0, 0, 0
    for pause, called, wanted in steps:
        now += pause
        for _ in range(called):
            hedging.delay(now, **USUAL)
        calls += called
        hedges += sum(hedging.spend(now) for _ in range(wanted))
        assert hedges <= 0.05 * calls


def test_when_every_call_is_slow_a_twentieth_of_them_is_hedged():
    hedging = Hedging(HedgePolicy())
    hedges = 0
    for number in range(10_000):
        now = number / 100
        if hedging.delay(now, **USUAL) is not None:
            hedges += hedging.spend(now)
    assert 400 <= hedges <= 500
