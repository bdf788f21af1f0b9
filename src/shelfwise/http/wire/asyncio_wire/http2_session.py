"""An HTTP/2 connection on an asyncio transport: many exchanges at once, and one write for all of a loop's turn."""

import asyncio

from shelfwise.http.exceptions import LocalProtocolError, ReadTimeout, RemoteProtocolError, WireError
from shelfwise.http.wire.asyncio_wire.exchange import Carrier, Exchange
from shelfwise.http.wire.asyncio_wire.fields import RequestEncoder
from shelfwise.http.wire.asyncio_wire.http2 import Chunk, Event, Head, Http2Connection
from shelfwise.http.wire.asyncio_wire.socket_protocol import Owner, SocketProtocol, broken

#: A whole response whose stream stays open is given this long for its end to arrive: to reset it at once would
#: look like an attack to some peers.
_LINGER_SECONDS = 0.005
_PING_SECONDS = 1.0
_HTTP2 = "HTTP/2"


class Http2Session(SocketProtocol, Carrier):
    """Carries exchanges as streams; ``agreed`` resolves to True once the peer's SETTINGS are here, or to False."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, owner: Owner, encoder: RequestEncoder, max_body_bytes: int
    ) -> None:
        super().__init__(loop, owner)
        self.agreed: asyncio.Future[bool] = loop.create_future()
        self.heard = False
        self._connection = Http2Connection()
        self._encoder = encoder
        self._max_body_bytes = max_body_bytes
        self._exchanges: dict[int, Exchange] = {}
        self._flushing = False
        self._received_at = 0.0
        self._pinged_at = 0.0

    @property
    def accepting(self) -> bool:
        """Whether another exchange can start now."""
        return self._connection.accepting and not self.closing

    @property
    def busy(self) -> int:
        return len(self._exchanges)

    @property
    def retired(self) -> bool:
        """Whether no exchange may ever start here again."""
        return self.closing or self._connection.going_away

    def start(self, exchange: Exchange) -> None:
        """Send the request; only when :attr:`accepting`."""
        request = exchange.request
        try:
            block = self._encoder.block(request.method, exchange.target, request.headers, len(request.body))
        except LocalProtocolError as error:
            exchange.fail(error)
            return
        exchange.stream_id = stream_id = self._connection.open(block, request.body)
        exchange.carrier = self
        self._exchanges[stream_id] = exchange
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def abandon(self, exchange: Exchange) -> None:
        self._exchanges.pop(exchange.stream_id, None)
        self._connection.reset(exchange.stream_id)
        self._after_change()

    def timed_out(self, exchange: Exchange) -> WireError:
        sent = self._connection.sent(exchange.stream_id)
        self._doubt(exchange.timeout_seconds)
        return ReadTimeout(f"No answer within {exchange.timeout_seconds:.3g} s", sent=sent)

    def _doubt(self, silent_seconds: float) -> None:
        """A peer that vanished does not say so: after a timeout in silence it is asked for a sign of life."""
        now = self._loop.time()
        if now - self._received_at < silent_seconds:
            return
        if not self._connection.ping_unanswered:
            self._connection.ping()
            self._pinged_at = now
        elif now - self._pinged_at > _PING_SECONDS:
            self._connection.retire()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self.heard = True
        self._received_at = self._loop.time()
        connection = self._connection
        for event in connection.receive(data):
            self._on_event(event)
        if connection.failure is not None:
            self._on_failure(connection.failure)
        elif not self.agreed.done() and connection.ready:
            self.agreed.set_result(True)
        self._after_change()

    def _on_event(self, event: Event) -> None:
        stream_id = event.stream_id
        exchange = self._exchanges.get(stream_id)
        if exchange is None:
            return
        try:
            if isinstance(event, Head):
                exchange.begin(event.status, event.headers, self._max_body_bytes)
                ended = event.ended
            elif isinstance(event, Chunk):
                if event.data:
                    exchange.feed(event.data)
                ended = event.ended
            else:
                raise RemoteProtocolError(event.message, sent=event.sent)
            if ended or exchange.whole:
                del self._exchanges[stream_id]
                if not ended:
                    self._loop.call_later(_LINGER_SECONDS, self._end_lingering, stream_id)
                exchange.finish(_HTTP2)
        except WireError as error:
            self._exchanges.pop(stream_id, None)
            self._connection.reset(stream_id)
            exchange.fail(error)

    def _end_lingering(self, stream_id: int) -> None:
        self._connection.reset(stream_id)
        self._after_change()

    def _on_failure(self, message: str) -> None:
        self._fail_all(message, None)
        self._flush()
        self.close()

    def _after_change(self) -> None:
        """Write what there is to write, and let the owner see what has become of this connection."""
        if self._connection.has_output and not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)
        self._owner.freed(self)

    def _flush(self) -> None:
        self._flushing = False
        if self._connection.has_output and not self.closing:
            self._write(self._connection.take())

    def say_goodbye(self) -> None:
        """Close in order: GOAWAY, then the socket. Exchanges under way fail."""
        if not self.closing:
            self._connection.close()
            self._flush()
            self._fail_all("The client was closed", None)
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._fail_all("The peer closed the connection", error)
        if not self.agreed.done():
            self.agreed.set_result(False)
        self._owner.lost(self)

    def _fail_all(self, message: str, cause: Exception | None) -> None:
        exchanges, self._exchanges = self._exchanges, {}
        for stream_id, exchange in exchanges.items():
            exchange.fail(broken(message, cause, sent=self._connection.sent(stream_id)))
