"""What a call can raise.

Every exception is an :class:`HTTPClientError` and says two things: ``sent`` (did the request reach the peer: no,
maybe, yes) and ``reason`` (why there was no further attempt). Failures of the wire are also the ``httpx2``
exception of the same name, so code that catches ``httpx2.ConnectError`` or ``httpx2.HTTPError`` keeps working::

    httpx2.RequestError
    └── HTTPClientError                      sent, reason, attempts, last_error
        ├── WireError                        one attempt failed
        │   ├── ConnectError                 (httpx2.ConnectError)         refused, unreachable, no such host
        │   ├── ConnectTimeout               (httpx2.ConnectTimeout)
        │   ├── PoolTimeout                  (httpx2.PoolTimeout)          no free connection in time
        │   ├── ReadError                    (httpx2.ReadError)            reset while the answer was read
        │   ├── ReadTimeout                  (httpx2.ReadTimeout)          attempt timeout
        │   ├── WriteError                   (httpx2.WriteError)           reset before the answer began
        │   ├── WriteTimeout                 (httpx2.WriteTimeout)
        │   ├── CloseError                   (httpx2.CloseError)
        │   ├── ProxyError                   (httpx2.ProxyError)
        │   ├── RemoteProtocolError          (httpx2.RemoteProtocolError)  not HTTP, or cut short
        │   ├── LocalProtocolError           (httpx2.LocalProtocolError)   the request itself is malformed
        │   ├── UnsupportedProtocol          (httpx2.UnsupportedProtocol)
        │   ├── DecodingError                (httpx2.DecodingError)        bad gzip or deflate
        │   └── ResponseTooLarge             decoded body above the limit
        ├── BreakerOpen                      the instance's breaker refuses the call
        ├── BudgetExhausted                  a retry was due and the retry budget refused it
        ├── RateLimited                      the rate limiter, the throttle or the limit of concurrent calls refuses it
        ├── DeadlineExceeded                 (httpx2.TimeoutException)     the call's own time ran out
        └── TooManyRedirects                 (httpx2.TooManyRedirects)     or a redirect that is not allowed
    ValueError
    └── InvalidRoute                         a route template and its parts do not make a safe path
"""

# ruff: noqa: N818 - the names are httpx2's, and those that the integration document's readers look for

from collections.abc import Mapping, Sequence
from typing import Literal

import httpx2

Sent = Literal["no", "maybe", "yes"]
"""Whether the peer may have acted on the request: only ``no`` allows repeating an unsafe one."""

Reason = Literal["budget", "deadline", "unsafe_method", "breaker", "limiter", "attempts", "not_retryable"]
"""Why there was no further attempt."""

FailureKind = Literal["connect", "timeout", "breaker_open", "overloaded", "network", "bad_answer", "request"]
"""What a failure was, in few enough words for a metric's label or a user's message."""

_SENT: Sequence[Sent] = ("no", "maybe", "yes")


def furthest(*attempts: Sent) -> Sent:
    """What is true of a call of which this is true of the attempts."""
    return max(attempts, key=_SENT.index)


class HTTPClientError(httpx2.RequestError):
    """Root of everything that a call raises."""

    kind: FailureKind = "network"

    def __init__(
        self,
        message: str,
        *,
        sent: Sent = "no",
        reason: Reason = "not_retryable",
        last_error: "HTTPClientError | None" = None,
    ) -> None:
        super().__init__(message)
        self.sent: Sent = sent
        self.reason: Reason = reason
        self.attempts = 0
        self.last_error = last_error


class WireError(HTTPClientError):
    """One attempt failed on the wire."""


class ConnectError(WireError, httpx2.ConnectError):
    kind = "connect"


class ConnectTimeout(WireError, httpx2.ConnectTimeout):
    kind = "timeout"


class PoolTimeout(WireError, httpx2.PoolTimeout):
    kind = "timeout"


class ReadError(WireError, httpx2.ReadError):
    pass


class ReadTimeout(WireError, httpx2.ReadTimeout):
    kind = "timeout"


class WriteError(WireError, httpx2.WriteError):
    pass


class WriteTimeout(WireError, httpx2.WriteTimeout):
    kind = "timeout"


class CloseError(WireError, httpx2.CloseError):
    pass


class ProxyError(WireError, httpx2.ProxyError):
    kind = "connect"


class RemoteProtocolError(WireError, httpx2.RemoteProtocolError):
    pass


class LocalProtocolError(WireError, httpx2.LocalProtocolError):
    kind = "request"


class UnsupportedProtocol(WireError, httpx2.UnsupportedProtocol):
    kind = "request"


class DecodingError(WireError, httpx2.DecodingError):
    kind = "bad_answer"


class ResponseTooLarge(WireError):
    """The decoded body is larger than ``max_body_bytes``; reading stopped there."""

    kind = "bad_answer"


class BreakerOpen(HTTPClientError):
    """The instance failed too often lately; the call was refused without touching the network."""

    kind = "breaker_open"


class BudgetExhausted(HTTPClientError):
    """A retry was due, but retries already are their whole share of the load. ``last_error`` is the failure."""

    kind = "overloaded"


class RateLimited(HTTPClientError):
    """The call was refused here, before it was sent: so many calls in this time, or at once, are too many."""

    kind = "overloaded"


class DeadlineExceeded(HTTPClientError, httpx2.TimeoutException):
    """The time that the caller gave is over. ``last_error`` is the last failure before that, if any."""

    kind = "timeout"


class TooManyRedirects(HTTPClientError, httpx2.TooManyRedirects):
    """More redirects than allowed, or one that may not be followed (https to http)."""

    kind = "bad_answer"


class InvalidRoute(ValueError):
    """A route template and its parts do not make a safe path."""


_NOT_SENT: tuple[type[WireError], ...] = (
    ConnectError,
    ConnectTimeout,
    PoolTimeout,
    ProxyError,
    LocalProtocolError,
    UnsupportedProtocol,
)

HTTPX2_EQUIVALENTS: Mapping[type[httpx2.RequestError], type[WireError]] = {
    httpx2.ConnectError: ConnectError,
    httpx2.ConnectTimeout: ConnectTimeout,
    httpx2.PoolTimeout: PoolTimeout,
    httpx2.ReadError: ReadError,
    httpx2.ReadTimeout: ReadTimeout,
    httpx2.WriteError: WriteError,
    httpx2.WriteTimeout: WriteTimeout,
    httpx2.CloseError: CloseError,
    httpx2.ProxyError: ProxyError,
    httpx2.RemoteProtocolError: RemoteProtocolError,
    httpx2.LocalProtocolError: LocalProtocolError,
    httpx2.UnsupportedProtocol: UnsupportedProtocol,
    httpx2.DecodingError: DecodingError,
}


def from_httpx2(error: httpx2.RequestError, *, answered: bool) -> HTTPClientError:
    """Our exception for one that an httpx2 transport raised; ``answered``: response headers had arrived."""
    if isinstance(error, HTTPClientError):
        return error
    for base in type(error).__mro__:
        ours = HTTPX2_EQUIVALENTS.get(base)
        if ours is not None:
            break
    else:
        ours = RemoteProtocolError
    sent: Sent = "yes" if answered else "no" if issubclass(ours, _NOT_SENT) else "maybe"
    return ours(str(error) or type(error).__name__, sent=sent)


def failure_kind(error: BaseException) -> FailureKind:
    """What ``error`` was at bottom: a spent budget or deadline is named by the failure that it cut short."""
    if not isinstance(error, HTTPClientError):
        return "network"
    if error.last_error is not None:
        return failure_kind(error.last_error)
    return error.kind
