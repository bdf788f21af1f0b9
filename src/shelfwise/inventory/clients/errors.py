"""How a call to Sales can fail, and what of it is a user's business.

::

    SalesUnavailableError      Sales could not be asked: the caller degrades; ``text`` is one of five fixed texts
    ProblemError               Sales said no (400, 401, 403, 409, 422): answered as what it is
"""

from typing import Literal

import msgspec

from shelfwise.http import FailureKind, HTTPClientError, Reply, failure_kind
from shelfwise.platform.problems import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    Problem,
    ProblemError,
    UnauthenticatedError,
)

FailureText = Literal["Connection refused", "Timeout", "Circuit open", "Overloaded", "Bad answer"]

_TEXTS: dict[FailureKind, FailureText] = {
    "connect": "Connection refused",
    "network": "Connection refused",
    "timeout": "Timeout",
    "breaker_open": "Circuit open",
    "overloaded": "Overloaded",
    "bad_answer": "Bad answer",
    "request": "Bad answer",
}
_REFUSALS: dict[int, type[ProblemError]] = {
    400: BadRequestError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    409: ConflictError,
    422: InvalidError,
}
_TEXT_OF_STATUS: dict[int, FailureText] = {429: "Overloaded", 503: "Overloaded", 504: "Timeout"}


class SalesUnavailableError(Exception):
    """Sales could not be asked. The text names the failure and never a host or an exception's words."""

    def __init__(self, text: FailureText) -> None:
        super().__init__(text)
        self.text: FailureText = text


def unavailable(error: HTTPClientError) -> SalesUnavailableError:
    """The documented text of a call without an answer."""
    return SalesUnavailableError(_TEXTS[failure_kind(error)])


def is_refusal(reply: Reply) -> bool:
    """Whether Sales said no to the request itself, which no degradation may hide."""
    return reply.status in _REFUSALS


def refusal(reply: Reply) -> Exception:
    """What an answer that is no success means: Sales' own problem, or that it could not be asked."""
    kind = _REFUSALS.get(reply.status)
    if kind is None:
        return SalesUnavailableError(_TEXT_OF_STATUS.get(reply.status, "Bad answer"))
    try:
        detail = msgspec.json.decode(reply.body, type=Problem).detail
    except (msgspec.DecodeError, UnicodeDecodeError):
        detail = "no reason given"
    return kind(f"Sales: {detail}")
