"""Whether a failed attempt is made again, and when."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

from shelfwise.http.exceptions import (
    ConnectTimeout,
    DecodingError,
    HTTPClientError,
    LocalProtocolError,
    PoolTimeout,
    Reason,
    ResponseTooLarge,
    UnsupportedProtocol,
    WireError,
)
from shelfwise.http.messages import HeaderPairs
from shelfwise.http.policy import RetryPolicy

RetryClass = Literal["connect_timeout", "network", "server_error"]
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_NEVER_BETTER = (LocalProtocolError, UnsupportedProtocol, DecodingError, ResponseTooLarge)
_TOO_MANY_REQUESTS = 429


class Retry(NamedTuple):
    """Make another attempt after ``delay_seconds``."""

    retry_class: RetryClass
    delay_seconds: float


def is_repeatable(method: str, headers: HeaderPairs) -> bool:
    """Whether doing the request twice is the same as doing it once, by its method or its Idempotency-Key."""
    return method in IDEMPOTENT_METHODS or any(name.lower() == "idempotency-key" for name, _ in headers)


def classify(error: HTTPClientError | None, status: int, *, has_retry_after: bool) -> RetryClass | None:
    """What kind of failure an attempt was, or None when it was none that another attempt could mend."""
    if error is not None:
        if not isinstance(error, WireError) or isinstance(error, _NEVER_BETTER):
            return None
        return "connect_timeout" if isinstance(error, ConnectTimeout | PoolTimeout) else "network"
    if status >= 500 or (status == _TOO_MANY_REQUESTS and has_retry_after):
        return "server_error"
    return None


class RetryState:
    """One call's retries: counts by class, and decides after each failed attempt."""

    __slots__ = ("_by_class", "_policy", "_repeatable", "_uniform", "retries")

    def __init__(self, policy: RetryPolicy, uniform: Callable[[], float], *, repeatable: bool) -> None:
        self._policy = policy
        self._uniform = uniform
        self._repeatable = repeatable
        self._by_class: dict[RetryClass, int] = {}
        self.retries = 0

    def next(
        self,
        error: HTTPClientError | None,
        status: int,
        *,
        remaining_seconds: float,
        expected_seconds: float | None,
        retry_after_seconds: float | None,
    ) -> Retry | Reason:
        """The retry to make, or the reason why there is none.

        ``expected_seconds`` is what an attempt takes these days (p50): a retry that cannot end in time is not begun.
        """
        retry_class = classify(error, status, has_retry_after=retry_after_seconds is not None)
        if retry_class is None:
            return "not_retryable"
        if not self._repeatable and (error is None or error.sent != "no"):
            return "unsafe_method"
        used = self._by_class.get(retry_class, 0)
        if used >= self._limit(retry_class) or self.retries >= self._policy.max_retries:
            return "attempts"
        delay = self._backoff() if retry_after_seconds is None else retry_after_seconds
        if delay + (expected_seconds or 0.0) >= remaining_seconds:
            return "deadline"
        return Retry(retry_class, delay)

    def started(self, retry: Retry) -> None:
        self._by_class[retry.retry_class] = self._by_class.get(retry.retry_class, 0) + 1
        self.retries += 1

    def _limit(self, retry_class: RetryClass) -> int:
        if retry_class == "connect_timeout":
            return self._policy.connect_timeout_retries
        if retry_class == "network":
            return self._policy.network_error_retries
        return self._policy.server_error_retries

    def _backoff(self) -> float:
        ceiling = min(self._policy.max_delay_seconds, self._policy.base_delay_seconds * 2.0**self.retries)
        return self._uniform() * ceiling


class Cooldown:
    """A peer that asked for more patience than a call has gets no retries until then (first attempts pass)."""

    __slots__ = ("_max_seconds", "_until")

    def __init__(self, max_seconds: float) -> None:
        self._max_seconds = max_seconds
        self._until = 0.0

    def asked(self, now: float, seconds: float) -> None:
        self._until = max(self._until, now + min(seconds, self._max_seconds))

    def active(self, now: float) -> bool:
        return now < self._until


def parse_retry_after(value: str, wall_now: datetime) -> float | None:
    """Seconds from ``Retry-After`` (RFC 9110, section 10.2.3: seconds or a date); None when it is neither."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the latter for a year of a dozen digits
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max((date - wall_now).total_seconds(), 0.0)
