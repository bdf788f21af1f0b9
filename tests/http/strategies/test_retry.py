from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.http import RetryPolicy, exceptions
from shelfwise.http.strategies.retry import Cooldown, Retry, RetryState, is_repeatable, parse_retry_after

REFUSED = exceptions.ConnectError("refused", sent="no")
CONNECT_TIMEOUT = exceptions.ConnectTimeout("slow", sent="no")
RESET = exceptions.ReadError("reset", sent="maybe")


def retries_of(error: exceptions.HTTPClientError | None, status: int = 0, *, repeatable: bool = True) -> int:
    state = RetryState(RetryPolicy(), lambda: 0.5, repeatable=repeatable)
    while True:
        retry = state.next(error, status, remaining_seconds=60, expected_seconds=None, retry_after_seconds=None)
        if not isinstance(retry, Retry):
            return state.retries
        state.started(retry)


def decide(state: RetryState, error: exceptions.HTTPClientError | None = RESET, status: int = 0, **options):
    arguments = {"remaining_seconds": 60.0, "expected_seconds": None, "retry_after_seconds": None} | options
    return state.next(error, status, **arguments)


def test_the_documents_numbers_of_retries():
    assert retries_of(CONNECT_TIMEOUT) == 3
    assert retries_of(REFUSED) == retries_of(RESET) == retries_of(exceptions.ReadTimeout("", sent="maybe")) == 3
    assert retries_of(None, 500) == retries_of(None, 502) == retries_of(None, 503) == 2


def test_across_classes_there_are_at_most_three():
    state = RetryState(RetryPolicy(), lambda: 0.5, repeatable=True)
    for error, status in ((CONNECT_TIMEOUT, 0), (None, 503), (RESET, 0)):
        retry = decide(state, error, status)
        assert isinstance(retry, Retry)
        state.started(retry)
    assert decide(state, RESET) == "attempts"


def test_an_unsafe_request_is_repeated_only_when_provably_unsent():
    assert retries_of(REFUSED, repeatable=False) == 3
    assert retries_of(RESET, repeatable=False) == 0
    assert retries_of(None, 503, repeatable=False) == 0
    assert decide(RetryState(RetryPolicy(), lambda: 0, repeatable=False)) == "unsafe_method"


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 429])
def test_client_errors_are_not_retried(status: int):
    assert retries_of(None, status) == 0


@pytest.mark.parametrize(
    "error", [exceptions.DecodingError("x"), exceptions.ResponseTooLarge("x"), exceptions.LocalProtocolError("x")]
)
def test_what_another_attempt_cannot_mend_is_not_retried(error: exceptions.HTTPClientError):
    assert retries_of(error) == 0


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 2))
def test_the_pause_is_full_jitter_below_a_doubling_ceiling(uniform: float, retries: int):
    state = RetryState(RetryPolicy(), lambda: uniform, repeatable=True)
    state.retries = retries
    retry = decide(state)
    assert isinstance(retry, Retry)
    assert retry.delay_seconds == pytest.approx(uniform * min(1.0, 0.05 * 2**retries))


def test_a_retry_that_cannot_end_in_time_is_not_begun():
    state = RetryState(RetryPolicy(), lambda: 0.0, repeatable=True)
    assert decide(state, remaining_seconds=0.1, expected_seconds=0.2) == "deadline"
    assert isinstance(decide(state, remaining_seconds=0.3, expected_seconds=0.2), Retry)


def test_retry_after_is_obeyed_when_it_fits_and_refused_when_not():
    state = RetryState(RetryPolicy(), lambda: 0.0, repeatable=True)
    assert decide(state, None, 503, retry_after_seconds=1.5) == Retry("server_error", 1.5)
    assert decide(state, None, 429, retry_after_seconds=1.5) == Retry("server_error", 1.5)
    assert decide(state, None, 503, retry_after_seconds=90.0) == "deadline"


def test_retry_after_is_seconds_or_a_date():
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert parse_retry_after("7", now) == 7
    assert parse_retry_after("Thu, 01 Jan 2026 12:00:30 GMT", now) == 30
    assert parse_retry_after("Thu, 01 Jan 2026 11:00:00 GMT", now) == 0
    assert parse_retry_after("soon", now) is None
    assert parse_retry_after("Mon, 01 Jan 99999999999 00:00:00 GMT", now) is None


def test_a_cooldown_lasts_no_longer_than_thirty_seconds():
    cooldown = Cooldown(30)
    cooldown.asked(0, 3600)
    assert cooldown.active(29.9)
    assert not cooldown.active(30)


def test_safe_methods_put_delete_and_keyed_requests_are_repeatable():
    repeatable = {method for method in ("GET", "HEAD", "PUT", "DELETE", "POST", "PATCH") if is_repeatable(method, ())}
    assert repeatable == {"GET", "HEAD", "PUT", "DELETE"}
    assert is_repeatable("POST", [("Idempotency-Key", "1")])
