"""What a peer that breaks the rules does to the HTTP/2 connection: it ends, soon, for a reason that is told."""

import struct
from collections.abc import Iterator
from itertools import repeat

import hpack
import hyperframe.frame as hf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.http.wire.asyncio_wire.fields import Origin, RequestEncoder
from shelfwise.http.wire.asyncio_wire.http2 import Failed, Http2Connection

GOAWAY, RST_STREAM = 7, 3
PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR = 1, 3, 5, 6
COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 9, 11
BLOCK = RequestEncoder(Origin("http", "sales")).block("GET", "/", (), 0)
OK = hpack.Encoder().encode([(":status", "200")])


def raw(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


def settled(streams: int = 1) -> Http2Connection:
    """A connection with so many open streams (1, 3, ...), and nothing to write."""
    client = Http2Connection()
    client.receive(raw(4, 0, 0))
    for _ in range(streams):
        client.open(BLOCK, b"")
    client.take()
    return client


def frames_of(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, stream and payload of each."""
    while data:
        length = int.from_bytes(data[:3], "big")
        yield data[3], int.from_bytes(data[5:9], "big"), data[9 : 9 + length]
        data = data[9 + length :]


def goaway_code(client: Http2Connection) -> int | None:
    codes = [struct.unpack(">LL", payload)[1] for kind, _, payload in frames_of(client.take()) if kind == GOAWAY]
    return codes[0] if codes else None


HEADERS_END = 0x4 | 0x1
BREACHES = {
    "DATA of no stream": (raw(0, 0, 0, b"x"), PROTOCOL_ERROR),
    "DATA of a stream to come": (raw(0, 0, 99, b"x"), PROTOCOL_ERROR),
    "DATA of a stream of the peer's": (raw(0, 0, 2, b"x"), PROTOCOL_ERROR),
    "HEADERS of a stream to come": (raw(1, HEADERS_END, 99, OK), PROTOCOL_ERROR),
    "HEADERS too short for its priority": (raw(1, HEADERS_END | 0x20, 1, b"abc"), FRAME_SIZE_ERROR),
    "a reset of a stream to come": (raw(3, 0, 99, bytes(4)), PROTOCOL_ERROR),
    "a reset of three bytes": (raw(3, 0, 1, bytes(3)), FRAME_SIZE_ERROR),
    "padding longer than its frame": (raw(0, 0x8, 1, b"\x05abc"), PROTOCOL_ERROR),
    "padding of nothing": (raw(1, HEADERS_END | 0x8, 1), PROTOCOL_ERROR),
    "an index that is not in the table": (raw(1, HEADERS_END, 1, b"\xff\xff\x03"), COMPRESSION_ERROR),
    "a header block cut short": (raw(1, HEADERS_END, 1, b"\x40\x0aabc"), COMPRESSION_ERROR),
    "a block interrupted": (raw(1, 0, 1, OK) + raw(6, 0, 0, bytes(8)), PROTOCOL_ERROR),
    "a continuation of nothing": (raw(9, 4, 1, OK), PROTOCOL_ERROR),
    "a continuation of another block": (raw(1, 0, 1, OK) + raw(9, 4, 3, b""), PROTOCOL_ERROR),
    "a push": (raw(5, 4, 1, bytes(4) + OK), PROTOCOL_ERROR),
    "a frame beyond the size that we allow": (raw(0, 0, 1, bytes(16_385)), FRAME_SIZE_ERROR),
    "SETTINGS of a stream": (raw(4, 0, 1), PROTOCOL_ERROR),
    "SETTINGS of five bytes": (raw(4, 0, 0, bytes(5)), FRAME_SIZE_ERROR),
    "an acknowledgement with values": (raw(4, 1, 0, bytes(6)), FRAME_SIZE_ERROR),
    "a window of more than 2^31-1": (raw(4, 0, 0, struct.pack(">HL", 4, 2**31)), FLOW_CONTROL_ERROR),
    "frames of less than 16384 bytes": (raw(4, 0, 0, struct.pack(">HL", 5, 100)), PROTOCOL_ERROR),
    "a server that enables push": (raw(4, 0, 0, struct.pack(">HL", 2, 1)), PROTOCOL_ERROR),
    "PING of seven bytes": (raw(6, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
    "PING of a stream": (raw(6, 0, 1, bytes(8)), PROTOCOL_ERROR),
    "GOAWAY of a stream": (raw(7, 0, 1, bytes(8)), PROTOCOL_ERROR),
    "GOAWAY of four bytes": (raw(7, 0, 0, bytes(4)), FRAME_SIZE_ERROR),
    "PRIORITY of no stream": (raw(2, 0, 0, bytes(5)), PROTOCOL_ERROR),
    "PRIORITY of four bytes": (raw(2, 0, 1, bytes(4)), FRAME_SIZE_ERROR),
    "the connection's window grows by nothing": (raw(8, 0, 0, bytes(4)), PROTOCOL_ERROR),
    "the connection's window overflows": (raw(8, 0, 0, b"\x7f\xff\xff\xff"), FLOW_CONTROL_ERROR),
    "WINDOW_UPDATE of three bytes": (raw(8, 0, 0, bytes(3)), FRAME_SIZE_ERROR),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_of_the_protocol_ends_the_connection_with_its_code(name: str):
    data, code = BREACHES[name]
    client = settled()
    client.receive(data)
    assert client.failure is not None
    assert not client.accepting
    assert goaway_code(client) == code


STREAM_ERRORS = {
    "a body before its head": (raw(0, 0, 1, b"x"), PROTOCOL_ERROR),
    "a head without a status": (raw(1, HEADERS_END, 1, b""), PROTOCOL_ERROR),
    "a status of four digits": (raw(1, 4, 1, hpack.Encoder().encode([(":status", "2000")])), PROTOCOL_ERROR),
    "a name in upper case": (raw(1, 4, 1, OK + b"\x00\x01A\x01b"), PROTOCOL_ERROR),
    "a line break in a value": (raw(1, 4, 1, OK + b"\x00\x01a\x03b\r\n"), PROTOCOL_ERROR),
    "a second status": (raw(1, 4, 1, OK + OK), PROTOCOL_ERROR),
    "an informational answer that is the last": (
        raw(1, HEADERS_END, 1, hpack.Encoder().encode([(":status", "100")])),
        PROTOCOL_ERROR,
    ),
    "trailers that do not end the stream": (raw(1, 4, 1, OK) + raw(1, 4, 1, b"\x00\x01a\x01b"), PROTOCOL_ERROR),
    "a second head": (raw(1, 4, 1, OK) + raw(1, HEADERS_END, 1, OK), PROTOCOL_ERROR),
    "a stream's window that grows by nothing": (raw(8, 0, 1, bytes(4)), PROTOCOL_ERROR),
    "a stream's window that overflows": (raw(8, 0, 1, b"\x7f\xff\xff\xff"), FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize("name", STREAM_ERRORS)
def test_an_error_of_one_stream_ends_that_stream_alone(name: str):
    data, code = STREAM_ERRORS[name]
    client = settled(streams=2)
    events = client.receive(data)
    assert isinstance(events[-1], Failed)
    assert events[-1].stream_id == 1
    assert [(stream, int.from_bytes(payload, "big")) for kind, stream, payload in frames_of(client.take()) if kind == RST_STREAM] == [(1, code)]  # fmt: skip
    assert client.accepting
    answered = client.receive(raw(1, HEADERS_END, 3, OK))
    assert [event.stream_id for event in answered] == [3]


@pytest.mark.parametrize(
    "frame",
    [
        raw(6, 0, 0, bytes(8)),
        raw(4, 0, 0),
        raw(0, 0, 1),
        raw(2, 0, 1, bytes(5)),
        raw(0xEE, 0, 0, b"unknown"),
        raw(8, 0, 0, b"\0\0\0\1"),
        raw(7, 0, 0, b"\x7f\xff\xff\xff" + bytes(4)),
        raw(1, 4, 1, hpack.Encoder().encode([(":status", "103")])),
        raw(3, 0, 1, bytes(4)),
    ],
    ids=["ping", "settings", "empty data", "priority", "unknown", "window", "goaway", "informational", "reset"],
)
def test_a_flood_of_frames_that_serve_no_call_ends_the_connection(frame: bytes):
    client = settled()
    if frame[3] == 0:
        client.receive(raw(1, 4, 1, OK))
    written = 0
    for _ in repeat(None, 20_000):
        client.receive(frame)
        written += len(client.take()) if client.failure is None else 0
        if client.failure is not None:
            break
    assert client.failure is not None
    assert goaway_code(client) == ENHANCE_YOUR_CALM
    assert written < 200_000


def test_a_busy_connection_has_patience_with_pings_for_ever():
    client = settled(streams=0)
    for number in range(10_000):
        client.open(BLOCK, b"")
        client.receive(raw(6, 0, 0, bytes(8)) * 5 + raw(1, HEADERS_END, 2 * number + 1, OK))
        client.take()
    assert client.failure is None


@pytest.mark.parametrize("size", [0, 1, 16_000])
def test_continuations_without_an_end_are_cut_off(size: int):
    client = settled()
    client.receive(raw(1, 0, 1, OK))
    count = 0
    while client.failure is None:
        client.receive(raw(9, 0, 1, bytes(size)))
        count += 1
        assert count < 100
    assert goaway_code(client) == ENHANCE_YOUR_CALM


def test_a_small_block_that_unfolds_to_a_large_list_is_refused():
    client = settled()
    entry = b"\x40\x01a" + b"\x7f\x81\x1e" + b"v" * 4000  # into the table once, then repeated a byte at a time
    client.receive(raw(1, HEADERS_END, 1, OK + entry + b"\xbe" * 1000))
    assert goaway_code(client) == COMPRESSION_ERROR


def test_bodies_of_streams_that_are_over_are_tolerated_as_far_as_their_windows_went():
    client = settled()
    client.reset(1)
    client.take()
    sent = 0
    while client.failure is None:
        client.receive(raw(0, 0, 1, bytes(16_384)))
        sent += 16_384
        assert sent < 2**22
    assert sent > 2**20
    assert goaway_code(client) == STREAM_CLOSED


def test_a_peer_of_another_protocol_is_recognised_by_its_first_bytes():
    client = Http2Connection()
    client.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert (client.ready, client.failure) == (False, "The peer does not speak HTTP/2")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_whatever_raise_or_hang(data: bytes):
    for prefix in (b"", raw(4, 0, 0)):
        client = Http2Connection()
        client.receive(prefix + data)
        client.take()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 10), st.integers(0, 255), st.sampled_from([0, 1, 2, 3, 5, 99]), st.binary(max_size=40)
        ),
        max_size=20,
    )
)
def test_no_sequence_of_frames_raises_or_gives_a_dead_streams_event(frames: list[tuple[int, int, int, bytes]]):
    client = settled(streams=2)
    over: set[int] = set()
    for kind, flags, stream_id, payload in frames:
        for event in client.receive(raw(kind, flags, stream_id, payload)):
            assert event.stream_id in {1, 3}
            assert event.stream_id not in over
            if isinstance(event, Failed) or event.ended:
                over.add(event.stream_id)
        client.take()
    assert client.open_streams == 2 - len(over)


def test_hyperframes_serialisation_is_understood():
    client = settled()
    data = hf.PingFrame(0, opaque_data=b"12345678").serialize()
    client.receive(data)
    assert client.take() == hf.PingFrame(0, opaque_data=b"12345678", flags=["ACK"]).serialize()
