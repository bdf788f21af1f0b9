import math
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.http import BreakerPolicy, ThrottlePolicy
from shelfwise.http.strategies.breaker import Breaker, Outcome
from shelfwise.http.strategies.throttle import TargetThrottle, Throttle

POLICY = ThrottlePolicy()
# (what the breaker takes it for, whether the throttle counts it and how): the ways in which a call fails.
TOO_MANY = ("success", True)
UNAVAILABLE = ("failure", True)
REFUSED_STREAM = ("failure", True)
SERVER_ERROR = ("failure", False)
NO_ANSWER = ("failure", None)
GOOD = ("success", False)


def throttle(policy: ThrottlePolicy = POLICY, seed: int = 1) -> Throttle:
    return Throttle(policy, Random(seed).random)


def tell(machine: Throttle, now: float, *, accepted: int = 0, overloaded: int = 0) -> None:
    for _ in range(accepted):
        machine.answered(now, overloaded=False)
    for _ in range(overloaded):
        machine.answered(now, overloaded=True)


def test_nobody_is_refused_while_nothing_says_overload():
    machine = Throttle(POLICY, lambda: 0.0)
    tell(machine, 0, accepted=1000)
    assert machine.rejection_probability(0) == 0
    assert all(machine.admit(0) for _ in range(1000))


@pytest.mark.parametrize(("accepted", "overloaded"), [(0, 10), (1, 30), (3, 97), (40, 60), (50, 50), (90, 10)])
def test_the_probability_is_the_books(accepted: int, overloaded: int):
    machine = throttle(ThrottlePolicy(max_rejection=1.0))
    tell(machine, 0, accepted=accepted)
    tell(machine, 0, overloaded=overloaded)
    requests = accepted + overloaded
    assert machine.rejection_probability(0) == pytest.approx(max(0, (requests - 2 * accepted) / (requests + 1)))


def test_nine_tenths_are_refused_at_most():
    machine = throttle()
    tell(machine, 0, overloaded=10_000)
    assert machine.rejection_probability(0) == 0.9
    machine.admit(0)
    assert sum(machine.admit(0) for _ in range(10_000)) == pytest.approx(1000, rel=0.1)


def test_a_few_answers_are_not_enough_to_refuse_anybody():
    machine = Throttle(POLICY, lambda: 0.0)
    tell(machine, 0, overloaded=9)
    assert all(machine.admit(0) for _ in range(100))
    tell(machine, 0, overloaded=1)
    machine.admit(0)
    assert not machine.admit(0)


def test_answers_older_than_two_minutes_do_not_count():
    machine = throttle()
    tell(machine, 0, overloaded=100)
    assert machine.rejection_probability(114) == 0.9
    assert machine.rejection_probability(120) == 0
    tell(machine, 120, overloaded=9)
    assert machine.rejection_probability(120) == 0


def test_one_attempt_a_second_passes_however_heavy_the_overload():
    machine = Throttle(POLICY, lambda: 0.0)
    passed = 0
    for tick in range(1000):
        now = tick / 100
        tell(machine, now, overloaded=10)
        passed += machine.admit(now)
    assert passed == 10


def test_it_is_off_at_a_rejection_of_at_most_0():
    machine = Throttle(ThrottlePolicy(max_rejection=0.0), lambda: 0.0)
    tell(machine, 0, overloaded=1000)
    assert all(machine.admit(0) for _ in range(100))


def test_a_cleared_window_refuses_nobody():
    machine = throttle()
    tell(machine, 0, overloaded=1000)
    machine.clear()
    assert machine.rejection_probability(0) == 0
    assert all(machine.admit(0) for _ in range(100))


def test_answers_after_a_clearing_grow_old_like_others():
    machine = throttle()
    tell(machine, 0, overloaded=100)
    machine.clear()
    tell(machine, 0, overloaded=100)
    assert machine.rejection_probability(0) == 0.9
    assert machine.rejection_probability(120) == 0


def test_each_second_of_nothing_but_good_answers_halves_what_is_remembered_of_overload():
    machine = throttle(ThrottlePolicy(max_rejection=1.0))
    tell(machine, 0, overloaded=1000)
    tell(machine, 0.9, accepted=1)
    assert machine.rejection_probability(0.9) == pytest.approx((1001 - 2) / 1002)
    tell(machine, 1, accepted=1)
    assert machine.rejection_probability(1) == pytest.approx((502 - 4) / 503)
    tell(machine, 1.9, accepted=1)
    assert machine.rejection_probability(1.9) == pytest.approx((503 - 6) / 504)
    tell(machine, 2, accepted=1)
    assert machine.rejection_probability(2) == pytest.approx((254 - 8) / 255)
    tell(machine, 2.5, overloaded=1)
    tell(machine, 3.4, accepted=1)
    assert machine.rejection_probability(3.4) == pytest.approx((256 - 10) / 257)


def test_good_answers_of_a_healthy_window_are_not_forgotten_over_a_stray_one():
    machine = throttle()
    tell(machine, 0, accepted=1000)
    tell(machine, 0, overloaded=1)
    tell(machine, 0, accepted=10)
    tell(machine, 0, overloaded=500)
    assert machine.rejection_probability(0) == 0


def test_a_peer_that_takes_10_of_100_calls_a_second_is_asked_the_root_of_two_times_their_product_45():
    machine = throttle()
    asked = 0
    for second in range(120):
        taken = 0
        for call in range(100):
            now = second + call / 100
            if machine.admit(now):
                asked += 1
                machine.answered(now, overloaded=taken >= 10)
                taken += 1
    assert asked / 120 == pytest.approx(math.sqrt(2 * 10 * 100), rel=0.05)


kinds = st.lists(
    st.sampled_from([TOO_MANY, UNAVAILABLE, REFUSED_STREAM, SERVER_ERROR, NO_ANSWER]), min_size=1, max_size=5
)


class Caller:
    """Calls at a steady rate through throttle and breaker, in this order, as the pipeline makes them."""

    def __init__(self, per_second: float, seed: int) -> None:
        random = Random(seed)
        self.throttle = Throttle(POLICY, random.random)
        self.breaker = Breaker(BreakerPolicy(), random.random)
        self._choice = random.choice
        self._step = 1 / per_second
        self.now = 0.0

    def calls(self, seconds: float, endings: list[tuple[Outcome, bool | None]]) -> Iterator[bool]:
        """Makes calls for so long; says of each whether it got a good answer."""
        end = self.now + seconds
        while self.now < end:
            self.now += self._step
            yield self._call(self._choice(endings))

    def _call(self, ending: tuple[Outcome, bool | None]) -> bool:
        if not self.throttle.admit(self.now):
            return False
        permit = self.breaker.acquire(self.now)
        if permit is None:
            return False
        outcome, overloaded = ending
        probe = self.breaker.state(self.now) == "half_open"
        self.breaker.release(permit, outcome, self.now)
        if probe and outcome == "success":
            self.throttle.clear()
        if overloaded is not None:
            self.throttle.answered(self.now, overloaded=overloaded)
        return ending == GOOD


@given(st.floats(1, 600), kinds, st.sampled_from([1, 7, 50]), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_breaker_window_after_the_breaker_lets_calls_through_again_95_percent_succeed(seconds, failing, rate, seed):
    caller = Caller(rate, seed)
    for _ in caller.calls(20, [GOOD]):
        pass
    for _ in caller.calls(seconds, failing):
        pass
    # With the peer well again the breaker's next probe closes it, 66 s from now at the latest.
    for _ in caller.calls(70, [GOOD]):
        if caller.breaker.state(caller.now) == "closed":
            break
    assert caller.breaker.state(caller.now) == "closed"
    for _ in caller.calls(BreakerPolicy().window_seconds, [GOOD]):
        pass
    results = list(caller.calls(10, [GOOD]))
    assert sum(results) >= 0.95 * len(results)


@given(st.floats(1, 600), st.sampled_from([1, 7, 50]), st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_ten_seconds_after_429s_which_open_no_breaker_95_percent_succeed(seconds, rate, seed):
    caller = Caller(rate, seed)
    for _ in caller.calls(seconds, [TOO_MANY]):
        pass
    assert caller.breaker.state(caller.now) == "closed"
    for _ in caller.calls(10, [GOOD]):
        pass
    results = list(caller.calls(10, [GOOD]))
    assert sum(results) >= 0.95 * len(results)


@given(st.lists(st.tuples(st.floats(0, 40), st.integers(1, 3), st.integers(0, 3)), max_size=100))
def test_the_probability_is_that_of_the_windows_answers(answers: list[tuple[float, int, int]]):
    policy = ThrottlePolicy(max_rejection=1.0, minimum_answers=0)
    machine = throttle(policy)
    width = policy.window_seconds / 24
    now, seen = 0.0, []
    for pause, overloaded, accepted in answers:
        now += pause
        tell(machine, now, overloaded=overloaded)  # first, so that no second is without
        tell(machine, now, accepted=accepted)
        seen.append((int(now / width), overloaded, accepted))
        fresh = [bucket for bucket in seen if bucket[0] > int(now / width) - 24]
        accepts = sum(bucket[2] for bucket in fresh)
        requests = accepts + sum(bucket[1] for bucket in fresh)
        assert machine.rejection_probability(now) == pytest.approx(max(0.0, (requests - 2 * accepts) / (requests + 1)))


def test_a_partition_that_is_told_429_has_its_own_calls_refused_and_nobody_elses():
    machine = TargetThrottle(POLICY, lambda: 0.0)
    for _ in range(1000):
        machine.told_too_many(0, "noisy")
    assert machine.admit(0, "noisy")  # the one attempt of this second
    assert not machine.admit(0, "noisy")
    assert all(machine.admit(0, "quiet") for _ in range(100))
    assert machine.rejection_probability(0) == 0.9


def test_an_overloaded_peer_has_the_calls_of_all_partitions_refused():
    machine = TargetThrottle(POLICY, lambda: 0.0)
    for _ in range(1000):
        machine.answered(0, "one", overloaded=True)
    assert sum(machine.admit(0, partition) for partition in ("one", "two", "three")) == 1


def test_a_partition_whose_calls_are_answered_again_is_refused_no_more():
    machine = TargetThrottle(POLICY, lambda: 0.0)
    for _ in range(20):
        machine.told_too_many(0, "noisy")
    for second in range(1, 20):
        machine.answered(second, "noisy", overloaded=False)
    assert machine.rejection_probability(20) == 0


def test_the_partitions_that_are_known_are_bounded():
    machine = TargetThrottle(POLICY, lambda: 0.0)
    for number in range(3000):
        for _ in range(20):
            machine.told_too_many(0, str(number))
    assert all(machine.admit(0, "0") for _ in range(10))
    assert [machine.admit(0, "2999") for _ in range(2)] == [True, False]
