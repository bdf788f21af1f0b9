import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.http import Deadline
from shelfwise.http.strategies.deadline import LatencyWindow, grpc_timeout
from shelfwise.http.testing import FakeClock


def test_a_deadline_counts_down():
    clock = FakeClock()
    deadline = Deadline.after(2, clock)
    clock.advance(0.5)
    assert deadline.remaining(clock) == pytest.approx(1.5)


def test_the_peer_is_told_the_time_less_twenty_milliseconds():
    assert grpc_timeout(0.5) == "480m"
    assert grpc_timeout(0.01) == "1m"


@given(st.floats(0, 1e12) | st.just(float("inf")))
def test_the_header_has_at_most_eight_digits_and_a_unit(seconds: float):
    digits, unit = grpc_timeout(seconds)[:-1], grpc_timeout(seconds)[-1]
    assert digits.isdigit()
    assert len(digits) <= 8
    assert unit == "m"


def test_quantiles_are_of_the_samples_of_the_last_ten_seconds():
    window = LatencyWindow()
    assert window.quantile(0, 0.5) is None
    for number in range(1, 11):
        window.record(0, number / 10)
    assert window.quantile(5, 0.5) == pytest.approx(0.6)
    window.record(11, 9.0)
    assert window.quantile(11, 0.5) == 9.0
    assert window.quantile(30, 0.5) is None


def test_a_sample_counts_for_ten_seconds_and_no_longer():
    window = LatencyWindow()
    window.record(0, 1.0)
    window.record(5, 2.0)
    assert (window.count(10), window.quantile(10, 0.0)) == (2, 1.0)
    assert (window.count(10.1), window.quantile(10.1, 0.0)) == (1, 2.0)
    assert (window.count(15.1), window.quantile(15.1, 0.0)) == (0, None)


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.floats(0.05, 6), st.floats(0, 1), st.floats(0, 1)), max_size=80),
)
def test_quantiles_are_the_nearest_rank_among_the_last_fresh_samples(size, steps):
    window = LatencyWindow(size=size)
    now, recorded = 0.0, []
    for pause, seconds, probability in steps:
        now += pause
        window.record(now, seconds)
        recorded.append((now, seconds))
        fresh = sorted(value for at, value in recorded[-size:] if now - at <= 10)
        assert window.count(now) == len(fresh)
        assert window.quantile(now, probability) == fresh[min(int(probability * len(fresh)), len(fresh) - 1)]
