"""The HTTP/2 connection beside the ``h2`` library as its peer: whatever either sends, both understand the same."""

from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.http.wire.asyncio_wire.fields import Origin, RequestEncoder
from shelfwise.http.wire.asyncio_wire.http2 import Chunk, Event, Failed, Head, Http2Connection

MEBIBYTE = 1024 * 1024
ENCODER = RequestEncoder(Origin("http", "sales:5001"))


@dataclass
class Seen:
    """What the peer received of one request."""

    headers: list[tuple[str, str]]
    body: bytes = b""
    ended: bool = False
    reset: int | None = None


@dataclass
class Peer:
    """``h2`` as a server; it acknowledges what it receives, so that windows open again."""

    connection: h2.connection.H2Connection = field(
        default_factory=lambda: h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
    )
    requests: dict[int, Seen] = field(default_factory=dict)
    unsent: dict[int, bytes] = field(default_factory=dict)
    acknowledges: bool = True

    def receive(self, data: bytes) -> None:
        for event in self.connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                self.requests[event.stream_id] = Seen(list(event.headers))
            elif isinstance(event, h2.events.DataReceived):
                self.requests[event.stream_id].body += event.data
                if self.acknowledges:
                    self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.requests[event.stream_id].ended = True
            elif isinstance(event, h2.events.StreamReset):
                self.requests[event.stream_id].reset = event.error_code
                self.unsent.pop(event.stream_id, None)
        self._send()

    def answer(self, stream_id: int, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
        fields = [(":status", "200"), *(headers or [])]
        self.connection.send_headers(stream_id, fields, end_stream=not body)
        if body:
            self.unsent[stream_id] = body
            self._send()

    def _send(self) -> None:
        for stream_id in list(self.unsent):
            body = self.unsent.pop(stream_id)
            while body:
                size = min(
                    self.connection.local_flow_control_window(stream_id), self.connection.max_outbound_frame_size
                )
                if size == 0:
                    break
                chunk, body = body[:size], body[size:]
                self.connection.send_data(stream_id, chunk, end_stream=not body)
            if body:
                self.unsent[stream_id] = body


class Pair:
    """A client's and a server's connection with the network between them left out; ``cut`` cuts what is passed."""

    def __init__(self, seed: int = 0, largest_chunk: int = MEBIBYTE, **values: int) -> None:
        self.client = Http2Connection()
        self.peer = Peer()
        self.events: list[Event] = []
        self._random = Random(seed)
        self._largest_chunk = largest_chunk
        self.peer.connection.initiate_connection()
        if values:
            self.peer.connection.update_settings({getattr(h2.settings.SettingCodes, k): v for k, v in values.items()})
        self.settle()

    def settle(self) -> None:
        """Pass bytes until neither has anything to say."""
        while True:
            out, back = self.client.take(), self.peer.connection.data_to_send()
            if not out and not back:
                return
            for chunk in self._chunks(out):
                self.peer.receive(chunk)
            for chunk in self._chunks(back):
                self.events += self.client.receive(chunk)
            assert self.client.failure is None

    def _chunks(self, data: bytes) -> list[bytes]:
        chunks = []
        while data:
            size = self._random.randint(1, self._largest_chunk)
            chunks.append(data[:size])
            data = data[size:]
        return chunks

    def open(self, target: str = "/", body: bytes = b"", *headers: tuple[str, str]) -> int:
        method = "POST" if body else "GET"
        return self.client.open(ENCODER.block(method, target, headers, len(body)), body)

    def body_of(self, stream_id: int) -> bytes:
        return b"".join(
            event.data for event in self.events if isinstance(event, Chunk) and event.stream_id == stream_id
        )

    def ended(self, stream_id: int) -> bool:
        return any(
            not isinstance(event, Failed) and event.stream_id == stream_id and event.ended for event in self.events
        )


def test_a_request_and_its_answer_arrive_as_they_were_sent():
    pair = Pair()
    stream_id = pair.open("/a%2Fb?x=1", b"body", ("X-One", "1"), ("authorization", "Bearer t"))
    pair.settle()
    seen = pair.peer.requests[stream_id]
    assert seen.headers == [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "sales:5001"),
        (":path", "/a%2Fb?x=1"),
        ("x-one", "1"),
        ("authorization", "Bearer t"),
        ("accept-encoding", "gzip, deflate"),
        ("content-length", "4"),
    ]
    assert (seen.body, seen.ended) == (b"body", True)
    pair.peer.answer(stream_id, b"answer", [("content-type", "text/plain")])
    pair.settle()
    assert pair.events == [
        Head(stream_id, 200, (("content-type", "text/plain"),), ended=False),
        Chunk(stream_id, b"answer", ended=True),
    ]
    assert pair.client.open_streams == 0


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_random_exchanges_end_alike_on_both_sides_however_the_bytes_are_cut(data: st.DataObject):
    pair = Pair(
        data.draw(st.integers(0, 2**32)),
        data.draw(st.sampled_from([300, 5000, 40_000])),
        INITIAL_WINDOW_SIZE=data.draw(st.sampled_from([0, 300, 5000, 65_535, 200_000])),
        MAX_FRAME_SIZE=data.draw(st.sampled_from([16_384, 40_000])),
    )
    sent: dict[int, bytes] = {}
    answers: dict[int, bytes] = {}
    reset: set[int] = set()
    for _ in range(data.draw(st.integers(1, 12))):
        match data.draw(st.sampled_from(["open", "answer", "reset", "settle", "widen", "ping"])):
            case "open":
                body = bytes(data.draw(st.sampled_from([0, 1, 5000, 70_000])))
                value = data.draw(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=300))
                sent[pair.open("/", body, ("x-value", value))] = body
            case "answer":
                unanswered = [i for i in pair.peer.requests if i not in answers and i not in reset]
                if unanswered:
                    stream_id = data.draw(st.sampled_from(unanswered))
                    answers[stream_id] = bytes(data.draw(st.sampled_from([0, 1, 5000, 70_000])))
                    pair.peer.answer(stream_id, answers[stream_id], [("x-number", str(stream_id))])
            case "reset":
                candidates = [i for i in sent if not pair.ended(i) and i not in reset and i not in answers]
                if candidates:
                    stream_id = data.draw(st.sampled_from(candidates))
                    reset.add(stream_id)
                    pair.client.reset(stream_id)
                    pair.settle()
            case "widen":
                size = data.draw(st.sampled_from([0, 300, 65_535, 100_000]))
                pair.peer.connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: size})
            case "ping":
                pair.client.ping()
            case "settle":
                pair.settle()
    pair.settle()
    pair.peer.connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: MEBIBYTE})
    pair.settle()
    for stream_id, body in answers.items():
        assert pair.body_of(stream_id) == body
        assert pair.ended(stream_id)
    for stream_id, body in sent.items():
        if stream_id not in reset and stream_id not in answers:
            assert (pair.peer.requests[stream_id].body, pair.peer.requests[stream_id].ended) == (body, True)
    assert all(pair.peer.requests[i].reset == h2.errors.ErrorCodes.CANCEL for i in reset if i in pair.peer.requests)
    assert not pair.client.ping_unanswered
    assert pair.client.open_streams == len(sent) - len(answers) - len(reset)


@cache
def four_answers() -> bytes:
    """Bodies and header blocks of one frame and of several."""
    pair = Pair()
    streams = [pair.open(f"/{number}") for number in range(4)]
    pair.peer.receive(pair.client.take())
    for number, stream_id in enumerate(streams):
        pair.peer.answer(stream_id, b"x" * number * 9000, [("x-long", "v" * number * 9000)])
    return pair.peer.connection.data_to_send()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5000))
def test_the_same_bytes_are_the_same_events_however_they_are_cut(seed: int, largest: int):
    recorded = four_answers()
    random, cut, whole = Random(seed), Pair(), Pair()
    for each in (cut, whole):
        for number in range(4):
            each.open(f"/{number}")
    expected = whole.client.receive(recorded)
    found: list[Any] = []
    position = 0
    while position < len(recorded):
        size = random.randint(1, largest)
        found += cut.client.receive(recorded[position : position + size])
        position += size
    assert found == expected
    assert len(expected) > 4


def test_a_body_of_a_megabyte_goes_up_through_small_windows():
    pair = Pair(INITIAL_WINDOW_SIZE=10_000)
    body = Random(1).randbytes(MEBIBYTE)
    stream_id = pair.open("/", body)
    pair.settle()
    assert pair.peer.requests[stream_id].body == body
    assert pair.peer.requests[stream_id].ended


def test_a_peer_that_opens_no_window_is_sent_no_more_than_the_window():
    pair = Pair(INITIAL_WINDOW_SIZE=1000)
    pair.peer.acknowledges = False
    stream_id = pair.open("/", bytes(5000))
    pair.settle()
    assert len(pair.peer.requests[stream_id].body) == 1000
    other = pair.open("/", bytes(1000))
    pair.settle()
    assert pair.peer.requests[other].ended, "a stream that waits for its window holds up no other"


def test_eight_megabytes_come_down_through_our_windows_several_times_over():
    pair = Pair()
    body = Random(2).randbytes(8 * MEBIBYTE)
    for _ in range(4):
        stream_id = pair.open()
        pair.settle()
        pair.peer.answer(stream_id, body)
        pair.settle()
        assert pair.body_of(stream_id) == body


def test_what_comes_late_of_a_stream_that_was_reset_is_ignored_and_the_connection_serves_on():
    pair = Pair()
    for _ in range(100):
        stream_id = pair.open()
        pair.settle()
        pair.peer.answer(stream_id, bytes(200_000), [("x-number", str(stream_id))])
        late = pair.peer.connection.data_to_send()
        pair.client.reset(stream_id)
        assert pair.client.receive(late) == []
        pair.settle()
    stream_id = pair.open()
    pair.settle()
    pair.peer.answer(stream_id, b"good", [("x-number", "9")])
    pair.settle()
    assert pair.body_of(stream_id) == b"good"


def test_no_more_streams_are_accepted_than_the_peer_allows():
    pair = Pair(MAX_CONCURRENT_STREAMS=2)
    first = pair.open()
    pair.open()
    assert not pair.client.accepting
    pair.settle()
    pair.peer.answer(first, b"")
    pair.settle()
    assert pair.client.accepting


def test_nothing_is_accepted_before_the_peers_settings():
    client = Http2Connection()
    assert not client.accepting
    assert client.take().startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


def test_trailers_and_informational_answers_are_read_over():
    pair = Pair()
    stream_id = pair.open()
    pair.settle()
    pair.peer.connection.send_headers(stream_id, [(":status", "103"), ("link", "</a>")])
    pair.peer.connection.send_headers(stream_id, [(":status", "200")])
    pair.peer.connection.send_data(stream_id, b"body")
    pair.peer.connection.send_headers(stream_id, [("x-checksum", "1")], end_stream=True)
    pair.settle()
    assert pair.events == [
        Head(stream_id, 200, (), ended=False),
        Chunk(stream_id, b"body", ended=False),
        Chunk(stream_id, b"", ended=True),
    ]


def test_padding_is_taken_off_and_counted_for_the_window():
    pair = Pair()
    stream_id = pair.open()
    pair.settle()
    pair.peer.connection.send_headers(stream_id, [(":status", "200")])
    for _ in range(100):
        pair.peer.connection.send_data(stream_id, b"x" * 16_000, pad_length=255)
        pair.settle()
    assert pair.body_of(stream_id) == b"x" * 1_600_000


def test_an_answer_before_the_request_is_whole_ends_the_request():
    pair = Pair(INITIAL_WINDOW_SIZE=10)
    pair.peer.acknowledges = False
    stream_id = pair.open("/", bytes(100))
    pair.settle()
    pair.peer.answer(stream_id, b"enough")
    pair.settle()
    assert pair.body_of(stream_id) == b"enough"
    assert pair.peer.requests[stream_id].reset == h2.errors.ErrorCodes.NO_ERROR


@pytest.mark.parametrize(
    ("code", "sent"), [(h2.errors.ErrorCodes.REFUSED_STREAM, "no"), (h2.errors.ErrorCodes.CANCEL, "maybe")]
)
def test_a_reset_says_whether_the_request_may_have_been_processed(code: h2.errors.ErrorCodes, sent: str):
    pair = Pair()
    stream_id = pair.open()
    pair.settle()
    pair.peer.connection.reset_stream(stream_id, code)
    pair.settle()
    assert pair.events == [Failed(stream_id, sent, f"The peer reset the stream: {code.name}")]


def test_a_request_that_was_never_written_is_unsent():
    pair = Pair()
    written = pair.open()
    pair.client.take()
    unwritten = pair.open()
    assert (pair.client.sent(written), pair.client.sent(unwritten)) == ("maybe", "no")
