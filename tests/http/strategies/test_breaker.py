from random import Random

from hypothesis import given
from hypothesis import strategies as st

from shelfwise.http import BreakerPolicy
from shelfwise.http.strategies.breaker import Breaker, Outcome, outcome_of

POLICY = BreakerPolicy()


def breaker(policy: BreakerPolicy = POLICY) -> Breaker:
    return Breaker(policy, lambda: 0.5)


def report(machine: Breaker, now: float, *outcomes: Outcome, slow: bool = False) -> None:
    for outcome in outcomes:
        permit = machine.acquire(now)
        if permit is not None:
            machine.release(permit, outcome, now, slow=slow)


def test_five_failures_in_a_row_open_it():
    machine = breaker()
    report(machine, 0, *["failure"] * 4)
    assert machine.state(0) == "closed"
    report(machine, 0, "failure")
    assert machine.state(0) == "open"
    assert machine.acquire(0) is None


def test_a_success_between_starts_the_row_anew():
    machine = breaker()
    report(machine, 0, *["failure"] * 4, "success", *["failure"] * 4)
    assert machine.state(0) == "closed"


def test_half_of_twenty_calls_failing_open_it_and_fewer_calls_do_not():
    machine = breaker()
    report(machine, 0, *["success", "failure"] * 9)
    assert machine.state(0) == "closed"
    report(machine, 0, "success", "failure")
    assert machine.state(0) == "open"


def test_failures_older_than_the_window_do_not_count():
    machine = breaker()
    report(machine, 0, *["success", "failure"] * 9)
    report(machine, 10.5, "success", "failure")
    assert machine.state(10.5) == "closed"


def test_four_fifths_of_slow_calls_open_it():
    machine = breaker()
    report(machine, 0, *["success"] * 4)
    report(machine, 0, *["success"] * 16, slow=True)
    assert machine.state(0) == "open"


def test_open_lasts_five_seconds_and_doubles_to_sixty_while_probes_fail():
    machine = breaker()
    report(machine, 0, *["failure"] * 5)
    now, lasted = 0.0, []
    for _ in range(6):
        lasted.append(machine.retry_in(now))
        now += machine.retry_in(now)
        assert machine.state(now) == "half_open"
        report(machine, now, "failure")
    assert lasted == [5, 10, 20, 40, 60, 60]


def test_at_most_three_probes_are_out_at_once():
    machine = breaker()
    report(machine, 0, *["failure"] * 5)
    assert [machine.acquire(6) is not None for _ in range(5)] == [True, True, True, False, False]


def test_a_probe_that_succeeds_closes_it():
    machine = breaker()
    report(machine, 0, *["failure"] * 5)
    report(machine, 6, "success")
    assert machine.state(6) == "closed"


def test_a_cancelled_probe_gives_its_place_back():
    machine = breaker()
    report(machine, 0, *["failure"] * 5)
    report(machine, 6, *["ignored"] * 10)
    assert machine.state(6) == "half_open"
    assert machine.acquire(6) is not None


def test_attempts_from_before_it_opened_do_not_speak_for_now():
    machine = breaker()
    late = [machine.acquire(0) for _ in range(3)]
    report(machine, 0, *["failure"] * 5)
    for permit in late:
        assert permit is not None
        machine.release(permit, "success", 6)
    assert machine.state(6) == "half_open"


def test_opening_again_soon_after_closing_goes_on_doubling_and_later_begins_anew():
    machine = breaker()
    report(machine, 0, *["failure"] * 5)
    report(machine, 6, "success")
    report(machine, 7, *["failure"] * 5)
    assert machine.retry_in(7) == 10
    report(machine, 20, "success")
    report(machine, 100, *["failure"] * 5)
    assert machine.retry_in(100) == 5


def test_cancelled_calls_count_as_nothing():
    machine = breaker()
    report(machine, 0, *["failure", "ignored"] * 4)
    assert machine.state(0) == "closed"


def test_server_errors_are_failures_and_client_errors_and_429_are_not():
    assert {status for status in range(100, 600) if outcome_of(status) == "failure"} == {500, 502, 503, 504}


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from(["success", "failure", "ignored"])), max_size=200))
def test_whatever_happens_it_is_probed_again_within_the_longest_open_time(events: list[tuple[float, Outcome]]):
    machine = Breaker(POLICY, Random(1).random)
    now = 0.0
    for pause, outcome in events:
        now += pause
        report(machine, now, outcome)
        assert machine.retry_in(now) <= POLICY.max_open_seconds * (1 + POLICY.open_jitter)
    now += POLICY.max_open_seconds * (1 + POLICY.open_jitter)
    report(machine, now, "success")
    assert machine.state(now) == "closed"
