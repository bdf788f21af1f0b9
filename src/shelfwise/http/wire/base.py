"""The seam between the pipeline and whatever puts bytes on a network."""

import asyncio
import re
from collections.abc import Awaitable
from typing import NamedTuple, Protocol, TypeVar

from shelfwise.http.messages import WireRequest, WireResponse

T = TypeVar("T")
_HEADER_VALUE = re.compile(r"(header value\b).*", re.IGNORECASE | re.DOTALL)


class WireUsage(NamedTuple):
    """What a wire holds at the moment.

    ``connections``: open TCP connections to its peers, None where that cannot be measured; ``streams``: exchanges
    under way; ``waiting``: calls that wait for a connection to be free.
    """

    connections: int | None = None
    streams: int = 0
    waiting: int = 0


class Wire(Protocol):
    """Sends one request and returns the whole response, or raises a :class:`WireError` that says ``sent``.

    ``timeout`` seconds bound the exchange to the last byte of the body. A cancelled send must leave the
    connection usable for others, and must tell the peer when the protocol can (RST_STREAM).
    """

    async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109 - the seam
        ...

    def usage(self) -> WireUsage:
        """For metrics, once a scrape: counting connections reads the process's table of sockets."""
        return WireUsage()

    async def aclose(self) -> None: ...


class Timer:
    """Cancels whichever future the caller is waiting on when ``seconds`` are over.

    ``asyncio.timeout`` does the same for about 9 us a call; one timer handle and no context manager cost a
    tenth of that. ``expired`` tells the timer's cancellation from the caller's own.
    """

    __slots__ = ("_cancelling_before", "_future", "_handle", "_task", "fired")

    def __init__(self, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling_before = task.cancelling()
        self._future: Awaitable[object] | None = None
        self.fired = False
        self._handle = asyncio.get_running_loop().call_later(seconds, self._fire)

    def _fire(self) -> None:
        self.fired = True
        if self._future is not None:
            _cancel(self._future)

    def watch(self, future: Awaitable[T]) -> Awaitable[T]:
        """``future`` (an asyncio one), to be awaited at once; cancelled already when the time is over."""
        self._future = future
        if self.fired:
            _cancel(future)
        return future

    def expired(self) -> bool:
        """Whether the CancelledError just caught is the timer's and not the caller's cancellation."""
        return self.fired and self._task.cancelling() <= self._cancelling_before

    def stop(self) -> None:
        self._handle.cancel()


def _cancel(future: Awaitable[object]) -> None:
    assert isinstance(future, asyncio.Future)
    future.cancel()


def without_header_value(message: str) -> str:
    """``message`` about a malformed header, without its value: often that is a token with a line break at its end."""
    return _HEADER_VALUE.sub(r"\1 (not shown here)", message)
