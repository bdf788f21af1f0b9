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


@given(st.floats(0, 1e12))
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
