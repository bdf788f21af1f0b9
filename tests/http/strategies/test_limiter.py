import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.http import LimiterPolicy
from shelfwise.http.strategies.limiter import RateLimiter


def limiter(rate: float | None = 10.0, burst: int = 5, max_partitions: int = 100) -> RateLimiter:
    return RateLimiter(LimiterPolicy(rate_per_second=rate, burst=burst, max_partitions=max_partitions))


def test_without_a_rate_nobody_waits_and_nothing_is_remembered():
    machine = limiter(rate=None)
    assert {machine.reserve(0, str(number), 0) for number in range(1000)} == {0.0}
    assert len(machine) == 0


def test_a_burst_goes_at_once_and_then_one_call_each_interval():
    machine = limiter()
    waits = [machine.reserve(0, "a", 10) for _ in range(8)]
    assert waits == pytest.approx([0, 0, 0, 0, 0, 0.1, 0.2, 0.3])


def test_a_call_that_would_wait_too_long_is_refused_and_costs_nothing():
    machine = limiter(burst=1)
    assert machine.reserve(0, "a", 0) == 0
    assert [machine.reserve(0, "a", 0.05) for _ in range(100)] == [None] * 100
    assert machine.reserve(0, "a", 0.1) == pytest.approx(0.1)


def test_a_rested_partition_has_its_whole_burst_again_and_no_more():
    machine = limiter()
    for _ in range(5):
        machine.reserve(0, "a", 0)
    assert [machine.reserve(1000, "a", 0) for _ in range(6)] == [0, 0, 0, 0, 0, None]


def test_one_partition_cannot_make_another_wait():
    machine = limiter()
    while machine.reserve(0, "greedy", 60) is not None:
        pass
    assert [machine.reserve(0, "modest", 0) for _ in range(5)] == [0.0] * 5


@pytest.mark.parametrize("policy", [LimiterPolicy(rate_per_second=0), LimiterPolicy(rate_per_second=1, burst=0)])
def test_a_limit_that_would_never_let_a_call_through_is_refused(policy: LimiterPolicy):
    with pytest.raises(ValueError, match="give"):
        RateLimiter(policy)


requests = st.lists(
    st.tuples(st.floats(0, 2), st.sampled_from("abcdef"), st.floats(0, 3), st.integers(1, 12)), max_size=60
)


def sent(machine: RateLimiter, steps) -> dict[str, list[float]]:
    """When each partition's admitted calls are sent."""
    now, times = 0.0, {}
    for pause, partition, max_wait, count in steps:
        now += pause
        for _ in range(count):
            wait = machine.reserve(now, partition, max_wait)
            if wait is not None:
                assert 0 <= wait <= max_wait
                times.setdefault(partition, []).append(now + wait)
    return times


@given(requests, st.sampled_from([0.5, 10.0, 333.3]), st.integers(1, 8), st.integers(0, 6))
def test_no_stretch_of_time_sees_more_than_the_burst_and_the_rate(steps, rate, burst, max_partitions):
    for times in sent(limiter(rate, burst, max_partitions), steps).values():
        for first, start in enumerate(times):
            for last in range(first, len(times)):
                assert last - first + 1 <= burst + rate * (times[last] - start) + 1e-3


@given(requests)
def test_calls_of_a_partition_are_sent_in_the_order_they_were_made(steps):
    for times in sent(limiter(), steps).values():
        assert times == sorted(times)


@given(requests)
def test_what_a_partition_gets_does_not_depend_on_the_others(steps):
    alone = {
        partition: sent(limiter(), [step if step[1] == partition else (step[0], partition, 0, 0) for step in steps])
        for partition in "abcdef"
    }
    together = sent(limiter(), steps)
    assert together == {partition: times[partition] for partition, times in alone.items() if partition in times}


@given(st.integers(0, 50), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 500)), max_size=200))
def test_it_remembers_a_bounded_number_of_partitions_whoever_calls(max_partitions, calls):
    machine, now = limiter(max_partitions=max_partitions), 0.0
    for pause, number in calls:
        now += pause
        machine.reserve(now, str(number), 1)
        assert len(machine) <= max_partitions + 1


def test_those_who_rested_are_forgotten_as_others_come():
    machine = limiter(max_partitions=1000)
    for number in range(10_000):
        machine.reserve(number, str(number), 0)
    assert len(machine) <= 3


def test_newcomers_to_a_full_table_share_one_allowance():
    machine = limiter(burst=5, max_partitions=10)
    for number in range(10):
        machine.reserve(0, f"known-{number}", 0)
    assert sum(machine.reserve(0, f"new-{number}", 0) is not None for number in range(100)) == 5
    assert machine.reserve(0, "known-3", 0) == 0
    assert math.isclose(machine.reserve(0, "new-1", 1) or 0, 0.1)
