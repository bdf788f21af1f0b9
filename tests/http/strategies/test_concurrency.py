from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.http import ConcurrencyPolicy
from shelfwise.http.strategies.concurrency import ConcurrencyLimit, FixedLimit, Gradient2, concurrency_limit

POLICY = ConcurrencyPolicy()


def fill(machine: ConcurrencyLimit, now: float = 0.0) -> int:
    """Takes all permits that there are."""
    taken = 0
    while machine.acquire(now):
        taken += 1
    return taken


class Peer:
    """Serves ``width`` calls at a time, each for ``service_seconds``; the others wait in its queue."""

    def __init__(self, machine: ConcurrencyLimit, width: int, service_seconds: float = 0.01) -> None:
        self.machine = machine
        self.width = width
        self.service_seconds = service_seconds
        self.now = 0.0

    def serve(self, seconds: float, *, wanted: int = 1000, dropped: float = 0.0, seed: int = 1) -> None:
        """Rounds of as many calls as the limit allows and the caller wants, for so long."""
        uniform, end = Random(seed).random, self.now + seconds
        while self.now < end:
            taken = 0
            while taken < wanted and self.machine.acquire(self.now):
                taken += 1
            begun, queued = self.now, taken
            while queued:
                self.now += self.service_seconds
                for _ in range(min(queued, self.width)):
                    queued -= 1
                    lost = uniform() < dropped
                    self.machine.release(self.now, self.now - begun, dropped=lost, ignored=False)


def test_a_cold_client_lets_a_hundred_calls_go_at_once():
    assert fill(concurrency_limit(POLICY, 100)) == 100


def test_the_initial_limit_may_be_lower_and_grows_while_latencies_stay():
    machine = Gradient2(ConcurrencyPolicy(initial_limit=10), 100)
    assert fill(machine) == 10
    for _ in range(10):
        machine.release(0, 0.01, dropped=False, ignored=True)
    Peer(machine, width=1000).serve(60)
    assert machine.limit == 100


def test_each_window_follows_the_published_formula():
    machine = Gradient2(ConcurrencyPolicy(initial_limit=50, minimum_samples=1), 100)

    def window(now: float, rtt: float) -> int:
        for number in range(fill(machine, now)):
            machine.release(now, rtt, dropped=False, ignored=number > 0)
        return machine.limit

    # The long average begins as the mean of the first ten windows (ExpAvgMeasurement's warm-up).
    assert window(0, 0.010) == int(50 * 0.8 + (50 * 1.0 + 4) * 0.2)
    # long = (10 + 50) / 2 = 30 ms, short = 50 ms: 1.5 * 30 / 50 = 0.9
    assert window(1, 0.050) == int(50.8 * 0.8 + (50.8 * 0.9 + 4) * 0.2)
    # long = (10 + 50 + 1000) / 3 = 353 ms, short = 1 s: 0.53
    now = 50.8 * 0.8 + (50.8 * 0.9 + 4) * 0.2
    assert window(2, 1.0) == int(now * 0.8 + (now * 1.5 * 1.06 / 3 + 4) * 0.2)


def test_it_does_not_grow_on_calls_that_need_less_than_half_of_it():
    machine = Gradient2(ConcurrencyPolicy(initial_limit=20), 100)
    Peer(machine, width=1000).serve(60, wanted=9)
    assert machine.limit == 20


def test_a_peer_that_becomes_slow_gets_fewer_calls_and_more_again_once_it_is_quick():
    machine = Gradient2(POLICY, 100)
    peer = Peer(machine, width=1000)
    peer.serve(30)
    assert machine.limit == 100
    peer.service_seconds = 0.1
    peer.serve(5)
    assert machine.limit < 30
    peer.service_seconds = 0.01
    peer.serve(30)
    assert machine.limit == 100


def test_seconds_after_a_long_overload_its_latency_is_no_longer_the_usual_one():
    machine = Gradient2(POLICY, 100)
    peer = Peer(machine, width=1000, service_seconds=1.0)
    peer.serve(600)
    peer.service_seconds = 0.01
    peer.serve(10)
    assert machine.limit == 100
    peer.service_seconds = 0.1
    peer.serve(5)
    assert machine.limit < 30


def test_a_peer_that_drops_every_call_gets_few_of_them_however_quickly_it_says_so():
    machine = Gradient2(POLICY, 100)
    peer = Peer(machine, width=1000)
    peer.serve(10)
    peer.service_seconds = 0.001
    peer.serve(10, dropped=1.0)
    assert machine.limit <= 10


def test_a_client_that_has_only_ever_seen_drops_comes_down_too():
    machine = Gradient2(POLICY, 100)
    Peer(machine, width=1000).serve(10, dropped=1.0)
    assert machine.limit <= 10


def test_a_tenth_of_the_calls_dropping_is_the_breakers_matter():
    machine = Gradient2(POLICY, 100)
    Peer(machine, width=1000).serve(60, dropped=0.1)
    assert machine.limit > 90


def test_calls_that_the_caller_gave_up_say_nothing():
    machine = Gradient2(ConcurrencyPolicy(initial_limit=50), 100)
    for tick in range(1000):
        for _ in range(fill(machine, tick)):
            machine.release(tick, 100.0, dropped=False, ignored=True)
    assert (machine.limit, machine.in_flight) == (50, 0)


@pytest.mark.parametrize(("initial", "limit"), [(None, 100), (7, 7), (1000, 100)])
def test_a_fixed_limit_is_a_semaphore(initial: int | None, limit: int):
    machine = concurrency_limit(ConcurrencyPolicy(kind="fixed", initial_limit=initial), 100)
    assert isinstance(machine, FixedLimit)
    assert fill(machine) == machine.in_flight == limit
    machine.release(0, 10.0, dropped=True, ignored=False)
    assert fill(machine) == 1
    assert machine.limit == limit


events = st.tuples(
    st.floats(0, 0.2), st.integers(0, 30), st.floats(0, 10), st.sampled_from(["good", "dropped", "ignored"])
)


@given(st.integers(1, 200), st.lists(events, max_size=100))
def test_the_limit_stays_between_its_bounds_and_every_permit_comes_back(max_limit, steps):
    machine = Gradient2(POLICY, max_limit)
    now, out = 0.0, 0
    for pause, count, rtt, ending in steps:
        now += pause
        for _ in range(count):
            out += machine.acquire(now)
        assert machine.in_flight == out
        for _ in range(min(count, out)):
            machine.release(now, rtt, dropped=ending == "dropped", ignored=ending == "ignored")
            out -= 1
        assert min(POLICY.min_limit, max_limit) <= machine.limit <= max_limit
        assert machine.in_flight == out
