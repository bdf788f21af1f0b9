"""Flow control (RFC 9113, section 5.2): what each side may still send, of a stream and of the connection."""

from collections.abc import Iterable

from shelfwise.http.wire.asyncio_wire import frames
from shelfwise.http.wire.asyncio_wire.frames import ErrorCode, Flag, FrameType
from shelfwise.http.wire.asyncio_wire.payloads import Breach

#: Wide enough that a body of the usual size never waits for an update, even over a long way.
STREAM_WINDOW = 1024 * 1024
CONNECTION_WINDOW = 16 * 1024 * 1024
_BYTES_PER_USEFUL_FRAME = 1024


class Stream:
    """One exchange: what of the request is unsent, and what both may still send."""

    __slots__ = ("_unacknowledged", "answered", "id", "send_window", "unsent")

    def __init__(self, stream_id: int, send_window: int, body: bytes) -> None:
        self.id = stream_id
        self.answered = False
        self.send_window = send_window
        self.unsent = memoryview(body)
        self._unacknowledged = 0

    @property
    def receive_window(self) -> int:
        """How much the peer may still send."""
        return STREAM_WINDOW - self._unacknowledged

    def received(self, length: int, out: list[bytes]) -> None:
        """Open the window again once half of it is used."""
        self._unacknowledged += length
        if self._unacknowledged >= STREAM_WINDOW // 2:
            out.append(frames.window_update(self.id, self._unacknowledged))
            self._unacknowledged = 0


class Receiver:
    """The connection's window for all bodies together.

    What arrives is handed on at once, so windows open again at once: a body is bounded by whoever collects it, who
    resets its stream. Only what comes after that has to be bounded here.
    """

    def __init__(self) -> None:
        self._unacknowledged = 0
        self._late_allowance = 0

    def opening(self) -> bytes:
        return frames.window_update(0, CONNECTION_WINDOW - frames.DEFAULT_WINDOW)

    def received(self, length: int, out: list[bytes]) -> None:
        """Open the window again once half of it is used."""
        self._unacknowledged += length
        if self._unacknowledged >= CONNECTION_WINDOW // 2:
            out.append(frames.window_update(0, self._unacknowledged))
            self._unacknowledged = 0

    def expect_late(self, stream: Stream) -> None:
        """Of a stream that we reset the peer may have sent as much as its window let it."""
        self._late_allowance += stream.receive_window

    def received_late(self, length: int) -> None:
        self._late_allowance -= length
        if self._late_allowance < 0:
            raise Breach(ErrorCode.STREAM_CLOSED, "The peer sends bodies of streams that are over")


class Sender:
    """Puts request bodies into ``out`` as far as the peer's windows allow, oldest first."""

    def __init__(self, out: list[bytes]) -> None:
        self.initial_window = frames.DEFAULT_WINDOW
        self.max_frame_bytes = frames.DEFAULT_FRAME_BYTES
        self._window = frames.DEFAULT_WINDOW
        self._out = out
        self._blocked: dict[int, Stream] = {}

    def send(self, stream: Stream) -> int:
        """Send what may be sent; returns how many frames of the peer that was worth."""
        before = len(stream.unsent)
        while stream.unsent and (size := min(self.max_frame_bytes, self._window, stream.send_window)) > 0:
            chunk, stream.unsent = stream.unsent[:size], stream.unsent[size:]
            flags = 0 if stream.unsent else Flag.END_STREAM
            self._out.append(frames.frame(FrameType.DATA, flags, stream.id, chunk))
            self._window -= len(chunk)
            stream.send_window -= len(chunk)
        if stream.unsent:
            self._blocked.setdefault(stream.id, stream)
        else:
            self.forget(stream.id)
        return (before - len(stream.unsent)) // _BYTES_PER_USEFUL_FRAME

    def widen(self, increment: int) -> int:
        """The connection's window grows; returns as :meth:`send`."""
        if increment == 0:
            raise Breach(ErrorCode.PROTOCOL_ERROR, "A window that grows by nothing")
        self._window += increment
        if self._window > frames.LARGEST_WINDOW:
            raise Breach(ErrorCode.FLOW_CONTROL_ERROR, "The connection's window is too large")
        return self._send_blocked()

    def change_initial_window(self, size: int, streams: Iterable[Stream]) -> None:
        if size > frames.LARGEST_WINDOW:
            raise Breach(ErrorCode.FLOW_CONTROL_ERROR, "The initial window is too large")
        difference = size - self.initial_window
        self.initial_window = size
        for stream in streams:
            stream.send_window += difference
            if stream.send_window > frames.LARGEST_WINDOW:
                raise Breach(ErrorCode.FLOW_CONTROL_ERROR, "A stream's window is too large")
        self._send_blocked()

    def change_max_frame(self, size: int) -> None:
        if not frames.DEFAULT_FRAME_BYTES <= size <= frames.LARGEST_FRAME_BYTES:
            raise Breach(ErrorCode.PROTOCOL_ERROR, "A frame size that is not allowed")
        self.max_frame_bytes = size

    def forget(self, stream_id: int) -> None:
        self._blocked.pop(stream_id, None)

    def _send_blocked(self) -> int:
        return sum([self.send(stream) for stream in list(self._blocked.values())])
