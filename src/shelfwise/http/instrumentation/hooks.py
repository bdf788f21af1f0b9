"""Where instrumentation attaches: a protocol of events, each cheap and never awaited."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from shelfwise.http.exceptions import HTTPClientError
from shelfwise.http.instrumentation.observed import ObservedClient
from shelfwise.http.strategies.breaker import BreakerState
from shelfwise.http.strategies.retry import Retry

CacheStatus = Literal["hit", "miss", "stale", "bypass"]
KNOWN_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
"""Methods that may name a series or a span; any other is the caller's invention, of which there is no end."""


class CallInfo(msgspec.Struct, frozen=True):
    """One logical call: the URL is without user information, and tokens and bodies are no part of this.

    ``route`` is the template that the path was made of, empty where there was none.
    """

    target: str
    method: str
    url: str
    route: str = ""


class Hooks(Protocol):
    """Events of clients and of their logical calls; an implementation must not raise and must not block.

    ``opened`` hears of each client that has these hooks, as it is made. Whoever keeps it keeps it alive.
    """

    def opened(self, client: ObservedClient) -> None: ...

    def started(self, call: CallInfo) -> None: ...

    def finished(self, call: CallInfo, status: int, seconds: float, attempts: int, cache: CacheStatus) -> None: ...

    def failed(self, call: CallInfo, error: HTTPClientError, seconds: float) -> None: ...

    def cancelled(self, call: CallInfo, seconds: float) -> None: ...

    def retrying(self, call: CallInfo, retry: Retry) -> None: ...

    def hedging(self, call: CallInfo) -> None: ...

    def breaker_changed(self, target: str, instance: str, state: BreakerState) -> None: ...


class NoHooks:
    """Hears everything, does nothing; a base for hooks that want some events only."""

    def opened(self, client: ObservedClient) -> None:
        pass

    def started(self, call: CallInfo) -> None:
        pass

    def finished(self, call: CallInfo, status: int, seconds: float, attempts: int, cache: CacheStatus) -> None:
        pass

    def failed(self, call: CallInfo, error: HTTPClientError, seconds: float) -> None:
        pass

    def cancelled(self, call: CallInfo, seconds: float) -> None:
        pass

    def retrying(self, call: CallInfo, retry: Retry) -> None:
        pass

    def hedging(self, call: CallInfo) -> None:
        pass

    def breaker_changed(self, target: str, instance: str, state: BreakerState) -> None:
        pass


class HookSet:
    """Several hooks as one, told in order."""

    def __init__(self, hooks: Sequence[Hooks]) -> None:
        self._hooks = tuple(hooks)

    def opened(self, client: ObservedClient) -> None:
        for hooks in self._hooks:
            hooks.opened(client)

    def started(self, call: CallInfo) -> None:
        for hooks in self._hooks:
            hooks.started(call)

    def finished(self, call: CallInfo, status: int, seconds: float, attempts: int, cache: CacheStatus) -> None:
        for hooks in self._hooks:
            hooks.finished(call, status, seconds, attempts, cache)

    def failed(self, call: CallInfo, error: HTTPClientError, seconds: float) -> None:
        for hooks in self._hooks:
            hooks.failed(call, error, seconds)

    def cancelled(self, call: CallInfo, seconds: float) -> None:
        for hooks in self._hooks:
            hooks.cancelled(call, seconds)

    def retrying(self, call: CallInfo, retry: Retry) -> None:
        for hooks in self._hooks:
            hooks.retrying(call, retry)

    def hedging(self, call: CallInfo) -> None:
        for hooks in self._hooks:
            hooks.hedging(call)

    def breaker_changed(self, target: str, instance: str, state: BreakerState) -> None:
        for hooks in self._hooks:
            hooks.breaker_changed(target, instance, state)
