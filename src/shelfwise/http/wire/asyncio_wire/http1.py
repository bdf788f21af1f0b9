"""An HTTP/1.1 connection on an asyncio transport: one exchange at a time, kept for the next when the peer allows it."""

import asyncio
from functools import lru_cache

import httptools

from shelfwise.http.exceptions import LocalProtocolError, ReadTimeout, RemoteProtocolError, Sent, WireError
from shelfwise.http.messages import WireRequest
from shelfwise.http.wire.asyncio_wire.exchange import Carrier, Exchange
from shelfwise.http.wire.asyncio_wire.fields import (
    FRAMING,
    MAX_HEADER_BYTES,
    check_target,
    checked_name,
    checked_value,
)
from shelfwise.http.wire.asyncio_wire.socket_protocol import Owner, SocketProtocol, broken
from shelfwise.http.wire.decode import ACCEPT_ENCODING

_WITH_BODY = frozenset({"PATCH", "POST", "PUT"})
_ASKS_ENCODING = b"accept-encoding: "
_ACCEPT_ENCODING = b"%b%b\r\n" % (_ASKS_ENCODING, ACCEPT_ENCODING.encode())


def head(request: WireRequest, authority: str, target: str) -> bytes:
    """The request up to its body.

    Raises:
        LocalProtocolError: it is malformed.
    """
    check_target(request.method, target)
    lines = [f"{request.method} {target} HTTP/1.1\r\nhost: {authority}\r\n".encode("ascii")]
    asks_encoding = False
    for name, value in request.headers:
        start = _field_start(name)
        if start:
            asks_encoding = asks_encoding or start == _ASKS_ENCODING
            lines.append(b"%b%b\r\n" % (start, checked_value(name, value)))
    if not asks_encoding:
        lines.append(_ACCEPT_ENCODING)
    if request.body or request.method in _WITH_BODY:
        lines.append(b"content-length: %d\r\n" % len(request.body))
    lines.append(b"\r\n")
    return b"".join(lines)


@lru_cache(maxsize=256)
def _field_start(name: str) -> bytes:
    """What a field begins with, or nothing for one that is the wire's own. Raises as :func:`head` does."""
    lowered = checked_name(name)
    return b"" if lowered in FRAMING or lowered == "content-length" else f"{lowered}: ".encode("ascii")


class _Response:
    """What the parser has found of one response; nothing after :attr:`complete` belongs to it."""

    def __init__(self, exchange: Exchange, max_body_bytes: int) -> None:
        self.complete = False
        self.reusable = False
        self.error: WireError | None = None
        self.head_bytes = 0
        self._exchange = exchange
        self._max_body_bytes = max_body_bytes
        self._headers: list[tuple[str, str]] = []
        self._informational = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Parse; afterwards :attr:`error` or :attr:`complete` may be set."""
        self.head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.reusable = False
            if not self.complete and self.error is None:
                self.error = RemoteProtocolError(str(error) or "Not an answer in HTTP/1.1", sent=self._sent)
        if self.head_bytes > MAX_HEADER_BYTES and self.error is None and not self.complete:
            self.error = RemoteProtocolError("The headers are larger than allowed", sent=self._sent)

    @property
    def _sent(self) -> Sent:
        return "yes" if self._exchange.answered else "maybe"

    def on_message_begin(self) -> None:
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete and not self._exchange.answered:
            self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self.complete or self.error is not None:
            return
        status = self._parser.get_status_code()
        self._informational = status < 200
        if self._informational:
            self._headers.clear()
            return
        self.head_bytes = 0
        try:
            self._exchange.begin(status, tuple(self._headers), self._max_body_bytes)
        except WireError as error:
            self.error = error
            return
        if self._exchange.bodyless:
            self._complete()

    def on_body(self, data: bytes) -> None:
        self.head_bytes = 0
        if self.complete:
            self.reusable = False
        elif self.error is None:
            try:
                self._exchange.feed(data)
            except WireError as error:
                self.error = error

    def on_message_complete(self) -> None:
        if not self._informational and not self.complete and self.error is None:
            self._complete()

    def _complete(self) -> None:
        self.complete = True
        self.reusable = self._parser.should_keep_alive()


class Http1Connection(SocketProtocol, Carrier):
    """Carries one exchange after the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner, authority: str, max_body_bytes: int) -> None:
        super().__init__(loop, owner)
        self._authority = authority
        self._max_body_bytes = max_body_bytes
        self._exchange: Exchange | None = None
        self._response: _Response | None = None

    @property
    def accepting(self) -> bool:
        """Whether an exchange can start now."""
        return self._exchange is None and not self.closing

    @property
    def busy(self) -> int:
        return 0 if self._exchange is None else 1

    def start(self, exchange: Exchange) -> None:
        """Send the request; only when :attr:`accepting`."""
        try:
            data = head(exchange.request, self._authority, exchange.target) + exchange.request.body
        except LocalProtocolError as error:
            exchange.fail(error)
            self._owner.freed(self)
            return
        self._exchange = exchange
        self._response = _Response(exchange, self._max_body_bytes)
        exchange.carrier = self
        self._write(data)

    def abandon(self, exchange: Exchange) -> None:
        """In HTTP/1.1 only the end of the connection says that nobody waits for the answer."""
        assert self._exchange is exchange
        self._exchange = None
        self.abort()

    def timed_out(self, exchange: Exchange) -> WireError:
        sent: Sent = "yes" if exchange.answered else "maybe"
        return ReadTimeout(f"No answer within {exchange.timeout_seconds:.3g} s", sent=sent)

    def data_received(self, data: bytes) -> None:
        exchange, response = self._exchange, self._response
        if exchange is None or response is None:
            self.abort()  # nobody asked
            return
        response.feed(data)
        if response.error is not None:
            self._fail(exchange, response.error)
        elif response.complete:
            self._finish(exchange, reusable=response.reusable)

    def _finish(self, exchange: Exchange, *, reusable: bool) -> None:
        self._exchange = self._response = None
        try:
            exchange.finish("HTTP/1.1")
        except WireError as error:
            exchange.fail(error)
        assert self._transport is not None
        if not reusable or self._transport.get_write_buffer_size() > 0:
            self.close()
        self._owner.freed(self)

    def _fail(self, exchange: Exchange, error: WireError) -> None:
        self._exchange = self._response = None
        exchange.fail(error)
        self.abort()

    def say_goodbye(self) -> None:
        """Close; an exchange under way fails."""
        if self._exchange is not None:
            sent: Sent = "yes" if self._exchange.answered else "maybe"
            self._fail(self._exchange, RemoteProtocolError("The client was closed", sent=sent))
        self.close()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        exchange = self._exchange
        if exchange is not None:
            if error is None and exchange.ends_with_its_connection:
                self._finish(exchange, reusable=False)
            elif exchange.answered:
                self._fail(exchange, broken("The body is cut short", error, sent="yes"))
            else:
                self._fail(exchange, broken("The peer closed the connection without an answer", error, sent="maybe"))
        self._owner.lost(self)
