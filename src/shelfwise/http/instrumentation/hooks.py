"""Where instrumentation attaches: a protocol of events, each cheap and never awaited."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from shelfwise.http.exceptions import HTTPClientError
from shelfwise.http.strategies.breaker import BreakerState
from shelfwise.http.strategies.retry import Retry

CacheStatus = Literal["hit", "miss", "stale", "bypass"]


class CallInfo(NamedTuple):
    """One logical call: the URL is without user information, and tokens and bodies are no part of this."""

    target: str
    method: str
    url: str


class Hooks(Protocol):
    """Events of logical calls; an implementation must not raise and must not block."""

    def started(self, call: CallInfo) -> None: ...

    def finished(self, call: CallInfo, status: int, seconds: float, attempts: int, cache: CacheStatus) -> None: ...

    def failed(self, call: CallInfo, error: HTTPClientError, seconds: float) -> None: ...

    def cancelled(self, call: CallInfo, seconds: float) -> None: ...

    def retrying(self, call: CallInfo, retry: Retry) -> None: ...

    def breaker_changed(self, target: str, instance: str, state: BreakerState) -> None: ...


class NoHooks:
    """Hears everything, does nothing; a base for hooks that want some events only."""

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

    def breaker_changed(self, target: str, instance: str, state: BreakerState) -> None:
        pass


class HookSet:
    """Several hooks as one, told in order."""

    def __init__(self, hooks: Sequence[Hooks]) -> None:
        self._hooks = tuple(hooks)

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

    def breaker_changed(self, target: str, instance: str, state: BreakerState) -> None:
        for hooks in self._hooks:
            hooks.breaker_changed(target, instance, state)
