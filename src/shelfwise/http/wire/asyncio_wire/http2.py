"""The client's side of one HTTP/2 connection (RFC 9113) without any I/O: bytes in, events out; commands in, bytes out.

No push, no priorities, no dynamic table for requests. What a peer may make us hold or do is bounded: header lists,
frames, continuations, windows, and how many frames in a row may be of no use to any call.
"""

from collections.abc import Callable
from typing import NamedTuple

from shelfwise.http.exceptions import Sent
from shelfwise.http.wire.asyncio_wire import frames
from shelfwise.http.wire.asyncio_wire.fields import MAX_HEADER_BYTES, BadHeaders, Fields, ResponseDecoder
from shelfwise.http.wire.asyncio_wire.frames import ErrorCode, Flag, FrameType, Setting
from shelfwise.http.wire.asyncio_wire.payloads import Breach, PartialBlock, code_name, number, unpadded
from shelfwise.http.wire.asyncio_wire.streams import STREAM_WINDOW, Receiver, Sender, Stream

_LAST_STREAM_ID = 2**31 - 1
#: Frames that serve no call (pings, settings, frames of ended streams, ...) before the peer is taken for an attacker;
#: each new call allows some more.
_PATIENCE = 10_000
_PATIENCE_PER_CALL = 10
_PEER_DEFAULT_STREAMS = 100  # until it says otherwise; the least that RFC 9113, section 6.5.2, recommends


class Head(NamedTuple):
    """The response's status and headers; ``ended``: it has no body."""

    stream_id: int
    status: int
    headers: tuple[tuple[str, str], ...]
    ended: bool


class Chunk(NamedTuple):
    """A part of the body; ``ended``: the last one, perhaps empty."""

    stream_id: int
    data: bytes
    ended: bool


class Failed(NamedTuple):
    """The stream is over without a whole answer, and only it; the connection may serve others."""

    stream_id: int
    sent: Sent
    message: str


Event = Head | Chunk | Failed


class Http2Connection:
    """One connection. After :meth:`receive` or any command, :meth:`take` has what must be written.

    ``ready``: the peer's SETTINGS are here, so it does speak HTTP/2. ``failure``: why the connection is over, to be
    closed once :meth:`take`'s last bytes are written. ``going_away``: streams under way may end, others may not begin.
    """

    def __init__(self) -> None:
        self.ready = False
        self.going_away = False
        self.failure: str | None = None
        self.max_streams = _PEER_DEFAULT_STREAMS
        self.ping_unanswered = False
        self._streams: dict[int, Stream] = {}
        self._next_id = 1
        self._written_id = -1
        self._rest = bytearray()
        self._needed = 0
        self._decoder = ResponseDecoder()
        self._receiver = Receiver()
        self._partial: PartialBlock | None = None
        self._patience = _PATIENCE
        self._out = [
            frames.MAGIC,
            frames.settings({
                Setting.ENABLE_PUSH: 0,
                Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                Setting.MAX_HEADER_LIST_SIZE: MAX_HEADER_BYTES,
            }),
            self._receiver.opening(),
        ]  # fmt: skip
        self._sender = Sender(self._out)
        self._handlers: dict[int, Callable[[int, int, bytes, list[Event]], None]] = {
            FrameType.DATA: self._on_data,
            FrameType.HEADERS: self._on_headers,
            FrameType.PRIORITY: self._on_priority,
            FrameType.RST_STREAM: self._on_rst_stream,
            FrameType.SETTINGS: self._on_settings,
            FrameType.PUSH_PROMISE: self._on_push_promise,
            FrameType.PING: self._on_ping,
            FrameType.GOAWAY: self._on_goaway,
            FrameType.WINDOW_UPDATE: self._on_window_update,
            FrameType.CONTINUATION: self._on_continuation,
        }

    @property
    def accepting(self) -> bool:
        """Whether a stream can be opened now."""
        return len(self._streams) < self.max_streams and self.ready and not self.going_away and self.failure is None

    @property
    def open_streams(self) -> int:
        return len(self._streams)

    def open(self, block: bytes, body: bytes) -> int:
        """Begin a request, to be called only when :attr:`accepting`; returns the stream's id."""
        stream_id = self._next_id
        self._next_id += 2
        if self._next_id > _LAST_STREAM_ID:
            self.retire()
        stream = Stream(stream_id, self._sender.initial_window, body)
        self._streams[stream_id] = stream
        self._patience = min(self._patience + _PATIENCE_PER_CALL, _PATIENCE)
        self._out.append(
            frames.headers(stream_id, block, end_stream=not body, max_frame_bytes=self._sender.max_frame_bytes)
        )
        if body:
            self._sender.send(stream)
        return stream_id

    def reset(self, stream_id: int, code: ErrorCode = ErrorCode.CANCEL) -> None:
        """Tell the peer that a stream is of no interest any more; nothing when it is over anyway."""
        stream = self._remove(stream_id)
        if stream is not None:
            self._receiver.expect_late(stream)
            self._out.append(frames.rst_stream(stream_id, code))

    def ping(self) -> None:
        if not self.ping_unanswered:
            self.ping_unanswered = True
            self._out.append(frames.frame(FrameType.PING, 0, 0, bytes(8)))

    def retire(self) -> None:
        """Let no stream begin any more."""
        self.going_away = True

    def close(self, code: ErrorCode = ErrorCode.NO_ERROR) -> None:
        """Say goodbye."""
        self.retire()
        self._out.append(frames.goaway(0, code))

    def take(self) -> bytes:
        """What is to be written now, and from now on counts as written."""
        self._written_id = self._next_id - 2
        out = self._out
        taken = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return taken

    @property
    def has_output(self) -> bool:
        return bool(self._out)

    def sent(self, stream_id: int) -> Sent:
        """What is known of a request whose connection is over; the stream must not be over itself."""
        stream = self._streams.get(stream_id)
        if stream is not None and stream.answered:
            return "yes"
        return "no" if stream_id > self._written_id else "maybe"

    def receive(self, data: bytes) -> list[Event]:
        """What the peer's next bytes mean, in order; nothing any more once :attr:`failure` is set."""
        events: list[Event] = []
        if self.failure is None:
            try:
                self._parse(data, events)
            except Breach as breach:
                self.failure = str(breach)
                self._out.append(frames.goaway(0, breach.code))
        return events

    def _parse(self, data: bytes, events: list[Event]) -> None:
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        position, end = 0, len(data)
        handlers = self._handlers
        self._needed = frames.HEAD_BYTES
        while end - position >= frames.HEAD_BYTES:
            high, low, kind, flags, stream_id = frames.read_head(data, position)
            if not self.ready and (kind, flags & Flag.ACK, stream_id) != (FrameType.SETTINGS, 0, 0):
                raise Breach(ErrorCode.PROTOCOL_ERROR, "The peer does not speak HTTP/2")
            length = high << 8 | low
            if length > frames.DEFAULT_FRAME_BYTES:
                raise Breach(ErrorCode.FRAME_SIZE_ERROR, "A frame is larger than allowed")
            start = position + frames.HEAD_BYTES
            stop = start + length
            if stop > end:
                self._needed = frames.HEAD_BYTES + length
                break
            if self._partial is not None and kind != FrameType.CONTINUATION:
                raise Breach(ErrorCode.PROTOCOL_ERROR, "A header block is interrupted")
            handler = handlers.get(kind, self._on_unknown)
            handler(flags, stream_id & _LAST_STREAM_ID, data[start:stop], events)
            position = stop
        if position < end:
            self._rest += data[position:]

    def _on_data(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        length = len(payload)
        self._receiver.received(length, self._out)
        stream = self._streams.get(stream_id)
        if stream is None:
            self._on_late(stream_id)
            self._receiver.received_late(length)
            return
        if flags & Flag.PADDED:
            payload = unpadded(payload)
        ended = bool(flags & Flag.END_STREAM)
        if not stream.answered:
            self._fail(stream, events, "The body came before its headers")
        elif ended:
            self._end(stream)
            events.append(Chunk(stream_id, payload, ended))
        elif payload:
            stream.received(length, self._out)
            events.append(Chunk(stream_id, payload, ended))
        else:
            self._lose_patience()

    def _on_headers(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        if flags & Flag.PADDED:
            payload = unpadded(payload)
        if flags & Flag.PRIORITY_GIVEN:
            if len(payload) < 5:
                raise Breach(ErrorCode.FRAME_SIZE_ERROR, "A HEADERS frame is too short")
            payload = payload[5:]
        ended = bool(flags & Flag.END_STREAM)
        if flags & Flag.END_HEADERS:
            self._on_block(stream_id, ended, payload, events)
        else:
            self._partial = PartialBlock(stream_id, ended, payload)

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        partial = self._partial
        if partial is None or partial.stream_id != stream_id:
            raise Breach(ErrorCode.PROTOCOL_ERROR, "A continuation of no header block")
        partial.extend(payload)
        if flags & Flag.END_HEADERS:
            self._partial = None
            self._on_block(stream_id, partial.ended, bytes(partial.block), events)

    def _on_block(self, stream_id: int, ended: bool, block: bytes, events: list[Event]) -> None:  # noqa: FBT001
        try:
            fields = self._decoder.decode(block)
        except BadHeaders as error:
            raise Breach(ErrorCode.COMPRESSION_ERROR, f"A header block cannot be decoded: {error}") from error
        stream = self._streams.get(stream_id)
        if stream is None:
            self._on_late(stream_id)
        elif stream.answered:
            self._on_trailers(stream, ended, fields, events)
        else:
            self._on_head(stream, ended, fields, events)

    def _on_head(self, stream: Stream, ended: bool, fields: Fields, events: list[Event]) -> None:  # noqa: FBT001
        status = fields.status or 0
        if status < 100 or (status < 200 and (ended or status == 101)):
            self._fail(stream, events, "The response's head is malformed")
        elif status < 200:
            self._lose_patience()
        else:
            stream.answered = True
            if ended:
                self._end(stream)
            events.append(Head(stream.id, status, fields.headers, ended))

    def _on_trailers(self, stream: Stream, ended: bool, fields: Fields, events: list[Event]) -> None:  # noqa: FBT001
        if not ended or fields.status is not None:
            self._fail(stream, events, "The response's trailers are malformed")
        else:
            self._end(stream)
            events.append(Chunk(stream.id, b"", ended))

    def _on_rst_stream(self, _: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        code = number(payload)
        stream = self._remove(stream_id)
        if stream is None:
            self._on_late(stream_id)
            return
        sent: Sent = "yes" if stream.answered else "no" if code == ErrorCode.REFUSED_STREAM else "maybe"
        events.append(Failed(stream_id, sent, f"The peer reset the stream: {code_name(code)}"))

    def _on_settings(self, flags: int, stream_id: int, payload: bytes, _: list[Event]) -> None:
        self._lose_patience()
        if stream_id:
            raise Breach(ErrorCode.PROTOCOL_ERROR, "SETTINGS of a stream")
        if flags & Flag.ACK:
            if payload:
                raise Breach(ErrorCode.FRAME_SIZE_ERROR, "An acknowledgement of SETTINGS with values")
            return
        if len(payload) % 6:
            raise Breach(ErrorCode.FRAME_SIZE_ERROR, "A SETTINGS frame of a wrong length")
        # Before the bodies that a wider window lets go: the peer may count by the new window only from here on.
        self._out.append(frames.frame(FrameType.SETTINGS, Flag.ACK, 0))
        for setting, value in frames.read_settings(payload):
            if setting == Setting.MAX_CONCURRENT_STREAMS:
                self.max_streams = value
            elif setting == Setting.INITIAL_WINDOW_SIZE:
                self._sender.change_initial_window(value, self._streams.values())
            elif setting == Setting.MAX_FRAME_SIZE:
                self._sender.change_max_frame(value)
            elif setting == Setting.ENABLE_PUSH and value:
                raise Breach(ErrorCode.PROTOCOL_ERROR, "A server that enables push")
        self.ready = True

    def _on_ping(self, flags: int, stream_id: int, payload: bytes, _: list[Event]) -> None:
        if stream_id:
            raise Breach(ErrorCode.PROTOCOL_ERROR, "PING of a stream")
        if len(payload) != 8:
            raise Breach(ErrorCode.FRAME_SIZE_ERROR, "A PING frame of a wrong length")
        self._lose_patience()
        if flags & Flag.ACK:
            self.ping_unanswered = False
        else:
            self._out.append(frames.frame(FrameType.PING, Flag.ACK, 0, payload))

    def _on_goaway(self, _: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        if stream_id:
            raise Breach(ErrorCode.PROTOCOL_ERROR, "GOAWAY of a stream")
        if len(payload) < 8:
            raise Breach(ErrorCode.FRAME_SIZE_ERROR, "A GOAWAY frame of a wrong length")
        self._lose_patience()
        self.going_away = True
        last, code = number(payload[:4]) & _LAST_STREAM_ID, number(payload[4:8])
        for above in [stream for stream in self._streams.values() if stream.id > last]:
            self._remove(above.id)
            # A peer in trouble may be wrong about what it has processed: only an orderly farewell is taken at its word.
            unsent = code == ErrorCode.NO_ERROR or above.id > self._written_id
            sent: Sent = "yes" if above.answered else "no" if unsent else "maybe"
            events.append(Failed(above.id, sent, f"The peer closes the connection: {code_name(code)}"))

    def _on_window_update(self, _: int, stream_id: int, payload: bytes, events: list[Event]) -> None:
        increment = number(payload) & _LAST_STREAM_ID
        self._lose_patience()
        if stream_id == 0:
            self._patience += self._sender.widen(increment)
            return
        stream = self._streams.get(stream_id)
        if stream is None:
            self._on_late(stream_id)
        elif increment == 0:
            self._fail(stream, events, "A window that grows by nothing")
        elif stream.send_window + increment > frames.LARGEST_WINDOW:
            self._fail(stream, events, "A window that is too large", ErrorCode.FLOW_CONTROL_ERROR)
        else:
            stream.send_window += increment
            self._patience += self._sender.send(stream)

    def _on_priority(self, _: int, stream_id: int, payload: bytes, __: list[Event]) -> None:
        if not stream_id:
            raise Breach(ErrorCode.PROTOCOL_ERROR, "PRIORITY of no stream")
        if len(payload) != 5:
            raise Breach(ErrorCode.FRAME_SIZE_ERROR, "A PRIORITY frame of a wrong length")
        self._lose_patience()

    def _on_push_promise(self, *_: object) -> None:
        raise Breach(ErrorCode.PROTOCOL_ERROR, "The peer pushes though it may not")

    def _on_unknown(self, *_: object) -> None:
        self._lose_patience()

    def _on_late(self, stream_id: int) -> None:
        """A frame of a stream that is over, which is normal just after a reset, or that never was, which is not."""
        if stream_id % 2 == 0 or stream_id >= self._next_id:
            raise Breach(ErrorCode.PROTOCOL_ERROR, "A frame of a stream that was never opened")
        self._lose_patience()

    def _lose_patience(self) -> None:
        self._patience -= 1
        if self._patience < 0:
            raise Breach(ErrorCode.ENHANCE_YOUR_CALM, "The peer sends too many frames that serve no call")

    def _fail(
        self, stream: Stream, events: list[Event], message: str, code: ErrorCode = ErrorCode.PROTOCOL_ERROR
    ) -> None:
        self.reset(stream.id, code)
        events.append(Failed(stream.id, "yes" if stream.answered else "maybe", message))

    def _end(self, stream: Stream) -> None:
        """The answer is whole; a request of which a part is still to be sent is of no use any more."""
        if stream.unsent:
            self.reset(stream.id, ErrorCode.NO_ERROR)
        else:
            del self._streams[stream.id]

    def _remove(self, stream_id: int) -> Stream | None:
        self._sender.forget(stream_id)
        return self._streams.pop(stream_id, None)
