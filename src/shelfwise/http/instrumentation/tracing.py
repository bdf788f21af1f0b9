"""Where tracing attaches: one span a logical call, one under it for each attempt."""

from typing import Protocol

from shelfwise.http.exceptions import HTTPClientError
from shelfwise.http.instrumentation.hooks import CallInfo


class AttemptSpan(Protocol):
    """One attempt under way."""

    def headers(self) -> list[tuple[str, str]]:
        """The headers by which the peer's spans become children of this one; names in lower case.

        They go out instead of headers of the same names that the caller gave.
        """
        ...

    def answered(self, status: int, http_version: str) -> None: ...

    def failed(self, error: BaseException) -> None: ...


class CallSpan(Protocol):
    """One logical call under way."""

    def attempt(self, address: str) -> AttemptSpan:
        """Begins the span of one attempt at ``address``: the first of the call, a hedge or a retry."""
        ...

    def answered(self, status: int, cache: str) -> None: ...

    def failed(self, error: HTTPClientError) -> None: ...

    def cancelled(self) -> None: ...


class Tracing(Protocol):
    """Begins the span of each logical call; None: this one is not traced."""

    def started(self, call: CallInfo) -> CallSpan | None: ...


class NoTracing:
    """Traces nothing, and tells peers of no trace."""

    def started(self, call: CallInfo) -> None:
        pass
