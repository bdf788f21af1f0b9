"""What frames carry, as far as several kinds of them share it, and the breach of the rules that ends a connection."""

from shelfwise.http.wire.asyncio_wire.fields import MAX_HEADER_BYTES
from shelfwise.http.wire.asyncio_wire.frames import ErrorCode

_MAX_CONTINUATIONS = 32


class Breach(Exception):  # noqa: N818 - it never leaves the connection
    """The peer broke the protocol in a way that ends the connection."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class PartialBlock:
    """A header block whose end is in a CONTINUATION frame to come."""

    def __init__(self, stream_id: int, ended: bool, start: bytes) -> None:  # noqa: FBT001
        self.stream_id = stream_id
        self.ended = ended
        self.block = bytearray(start)
        self._frames = 0

    def extend(self, payload: bytes) -> None:
        self._frames += 1
        self.block += payload
        if self._frames > _MAX_CONTINUATIONS or len(self.block) > MAX_HEADER_BYTES:
            raise Breach(ErrorCode.ENHANCE_YOUR_CALM, "A header block is larger than allowed")


def unpadded(payload: bytes) -> bytes:
    if not payload or payload[0] >= len(payload):
        raise Breach(ErrorCode.PROTOCOL_ERROR, "Padding is longer than its frame")
    return payload[1 : len(payload) - payload[0]]


def number(payload: bytes) -> int:
    if len(payload) != 4:
        raise Breach(ErrorCode.FRAME_SIZE_ERROR, "A frame of a wrong length")
    return int.from_bytes(payload, "big")


def code_name(code: int) -> str:
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"error {code:#x}"
