"""Power of two choices and ejection, in simulated time."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.http import BalancerPolicy
from shelfwise.http.strategies.balancer import Ejections, Load, two_choices

POLICY = BalancerPolicy()


def test_a_peak_counts_at_once_and_fades_with_its_decay():
    load = Load(POLICY)
    load.observe(0.0, 0.01)
    load.observe(0.0, 1.0)
    assert load.seconds(0.0) == 1.0
    assert load.seconds(10.0) == pytest.approx(1.0 / 2.718281828, rel=1e-6)
    load.observe(10.0, 0.01)
    assert load.seconds(10.0) == pytest.approx(0.3679 + 0.01 * 0.6321, rel=1e-3)


def test_cost_rises_with_what_is_under_way_and_a_newcomer_gets_one_call():
    load, newcomer = Load(POLICY), Load(POLICY)
    load.observe(0.0, 0.01)
    load.pending = 3
    assert load.cost(0.0) == pytest.approx(0.04)
    assert newcomer.cost(0.0) == 0.0
    newcomer.pending = 1
    assert newcomer.cost(0.0) > load.cost(0.0)


@given(st.integers(1, 9), st.integers(0, 2**32))
def test_two_choices_take_the_cheaper_of_two_different_ones(count, seed):
    loads = [Load(POLICY) for _ in range(count)]
    for number, load in enumerate(loads):
        load.observe(0.0, 0.01 * (number + 1))
    random = Random(seed)
    chosen = {two_choices(loads, 0.0, random.random) for _ in range(200)}
    assert chosen <= set(range(count))
    # The dearest is never the cheaper of two different ones.
    assert count == 1 or count - 1 not in chosen


ENDED = st.tuples(st.integers(0, 5), st.floats(0.0001, 5.0), st.booleans(), st.floats(0.0, 20.0))


@given(st.integers(1, 6), st.lists(ENDED, max_size=200))
def test_at_most_half_and_never_the_last_is_left_out(count, attempts):
    loads = [Load(POLICY) for _ in range(count)]
    ejections, now = Ejections(POLICY), 0.0
    for number, seconds, failed, pause in attempts:
        now += pause
        load = loads[number % count]
        if not ejections.judge(load, loads, now, seconds, failed=failed):
            load.observe(now, seconds)
        left_out = sum(now < other.ejected_until for other in loads)
        assert left_out <= count // 2
        assert left_out < count


def test_failing_alone_is_left_out_after_three_and_for_longer_each_time():
    loads = [Load(POLICY) for _ in range(3)]
    ejections = Ejections(POLICY)
    for load in loads:
        load.observe(0.0, 0.01)
    now, lengths = 0.0, []
    for _ in range(5):
        judged = [ejections.judge(loads[0], loads, now, 0.5, failed=True) for _ in range(3)]
        assert judged == [False, False, True]
        lengths.append(loads[0].ejected_until - now)
        now = loads[0].ejected_until
    assert lengths == [5.0, 10.0, 20.0, 40.0, 60.0]
    assert not ejections.judge(loads[0], loads, now, 0.01, failed=False)
    assert [ejections.judge(loads[0], loads, now, 0.5, failed=True) for _ in range(3)][-1]
    assert loads[0].ejected_until - now == 5.0


def test_all_failing_alike_is_no_reason_to_leave_one_out():
    loads = [Load(POLICY) for _ in range(3)]
    ejections = Ejections(POLICY)
    for load in loads:
        load.bad_in_a_row = 1
    for _ in range(20):
        for load in loads:
            assert not ejections.judge(load, loads, 0.0, 0.5, failed=True)
