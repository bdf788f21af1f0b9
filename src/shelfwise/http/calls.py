"""One logical call on its way through the pipeline, and what its attempts come to.

Structs and not named tuples: made several times in each call, at a third of the price.
"""

import msgspec

from shelfwise.http.exceptions import HTTPClientError, Reason, Sent
from shelfwise.http.instances import Instance
from shelfwise.http.instrumentation.hooks import CallInfo
from shelfwise.http.instrumentation.tracing import CallSpan
from shelfwise.http.messages import WireRequest, WireResponse
from shelfwise.http.strategies.cache import CacheKey


class Call(msgspec.Struct, frozen=True):
    """One logical call, ready to be sent.

    ``started_at`` and ``ends_at``, its deadline, are on the client's clock. ``repeatable``: doing it twice is doing it
    once; ``read_only``: it changes nothing at all. ``key`` None: not cached or coalesced. ``span`` None: not traced.
    """

    info: CallInfo
    request: WireRequest
    started_at: float
    ends_at: float
    attempt_timeout_seconds: float | None
    repeatable: bool
    read_only: bool
    partition: str
    key: CacheKey | None
    tags: frozenset[str]
    fresh_only: bool
    span: CallSpan | None


class Answer(msgspec.Struct, frozen=True):
    """What the attempts of a call came to: a response, and why there was no further attempt if it is a failure."""

    response: WireResponse
    attempts: int
    reason: Reason | None


class Outcome(msgspec.Struct, frozen=True):
    """How one attempt ended: with a response or an error."""

    instance: Instance
    response: WireResponse | None
    error: HTTPClientError | None

    @property
    def is_good(self) -> bool:
        """Whether nothing is to be mended by another attempt."""
        return self.response is not None and self.response.status < 500 and self.response.status != 429

    @property
    def sent(self) -> Sent:
        return "yes" if self.error is None else self.error.sent
