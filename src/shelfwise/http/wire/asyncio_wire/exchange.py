"""One call under way: its future, its timer, and what has arrived of its answer."""

import asyncio
from typing import Protocol

from shelfwise.http.exceptions import RemoteProtocolError, WireError
from shelfwise.http.messages import HeaderPairs, WireRequest, WireResponse
from shelfwise.http.wire.decode import BodyReader

_BODYLESS = frozenset({204, 304})


class Carrier(Protocol):
    """Whoever has an exchange at the moment: a queue, or a connection."""

    def abandon(self, exchange: "Exchange") -> None:
        """Let go of an exchange that nobody waits for any more, and tell the peer if it knows of it."""

    def timed_out(self, exchange: "Exchange") -> WireError:
        """What it means for this exchange that its time is over."""


class Exchange:
    """A request and the future of its response; it is with one :class:`Carrier` after the other.

    The future is resolved by the answer, by a failure or by the timer, whichever comes first.
    """

    __slots__ = (
        "_body",
        "_headers",
        "_status",
        "_timer",
        "carrier",
        "future",
        "request",
        "stream_id",
        "target",
        "timeout_seconds",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, request: WireRequest, target: str, timeout_seconds: float
    ) -> None:
        self.request = request
        self.target = target
        self.timeout_seconds = timeout_seconds
        self.future: asyncio.Future[WireResponse] = loop.create_future()
        self.carrier: Carrier | None = None
        self.stream_id = 0
        self._body: BodyReader | None = None
        self._headers: HeaderPairs = ()
        self._status = 0
        self._timer = loop.call_later(timeout_seconds, self._expire)

    @property
    def answered(self) -> bool:
        """Whether the response's head has arrived."""
        return self._status != 0

    @property
    def bodyless(self) -> bool:
        """Whether the response has no body, whatever its headers announce."""
        return self.request.method == "HEAD" or self._status in _BODYLESS

    @property
    def whole(self) -> bool:
        """Whether nothing of the response is missing but the word that it is over."""
        return self.bodyless or (self._body is not None and self._body.whole)

    @property
    def ends_with_its_connection(self) -> bool:
        """Whether nothing in the headers says how long the body is."""
        announced = self._body is not None and self._body.announced
        return self.answered and not announced and all(name != "transfer-encoding" for name, _ in self._headers)

    def begin(self, status: int, headers: HeaderPairs, max_body_bytes: int) -> None:
        """The head is here.

        Raises:
            ResponseTooLarge: the announced body is.
            DecodingError: the body's encoding was not asked for.
        """
        self._status = status
        self._headers = headers
        if not self.bodyless:
            self._body = BodyReader(headers, max_body_bytes)

    def feed(self, data: bytes) -> None:
        """A part of the body is here.

        Raises:
            RemoteProtocolError: there is more of it than announced, or than such a response may have.
            ResponseTooLarge: the body is.
            DecodingError: the body is not what its encoding says.
        """
        if self._body is None:
            raise RemoteProtocolError("A body where there must be none", sent="yes")
        self._body.feed(data)
        if self._body.overrun:
            raise RemoteProtocolError("The body is longer than announced", sent="yes")

    def finish(self, http_version: str) -> None:
        """The response is whole.

        Raises:
            RemoteProtocolError: it is not.
            DecodingError: the compressed body ends early.
        """
        content = b""
        if self._body is not None:
            if self._body.cut_short:
                raise RemoteProtocolError("The body is cut short", sent="yes")
            content = self._body.finish()
        self._timer.cancel()
        self.carrier = None
        if not self.future.done():
            self.future.set_result(WireResponse(self._status, self._headers, content, http_version))

    def fail(self, error: WireError) -> None:
        self._timer.cancel()
        self.carrier = None
        if not self.future.done():
            self.future.set_exception(error)

    def abandon(self) -> None:
        """The caller is gone."""
        self._timer.cancel()
        carrier, self.carrier = self.carrier, None
        if carrier is not None:
            carrier.abandon(self)

    def _expire(self) -> None:
        carrier = self.carrier
        if carrier is not None:
            error = carrier.timed_out(self)
            self.abandon()
            self.fail(error)
