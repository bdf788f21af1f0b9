"""What every wire that multiplexes is held to, against Granian and a peer that counts frames."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h2.errors
import h2.exceptions
import hyperframe.frame
import pytest

from fixtures.http_peers import Http2Peer, raw_peer
from fixtures.servers import RunningServer
from fixtures.wires import get, post
from shelfwise.http import Wire, WireRequest, exceptions
from shelfwise.http.testing import FaultProxy


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


def resetting(code: h2.errors.ErrorCodes) -> Callable[[Any, int, str], bool]:
    def reset(connection: Any, stream_id: int, _: str) -> bool:
        connection.reset_stream(stream_id, code)
        return True

    return reset


async def test_plain_http_is_spoken_to_in_http2_with_prior_knowledge(http2_wire: Wire, server: RunningServer):
    assert (await http2_wire.send(get(server.url + "/"), 5)).http_version == "HTTP/2"


async def test_a_hundred_concurrent_calls_are_on_one_connection(http2_wire: Wire, server: RunningServer):
    async with FaultProxy("127.0.0.1", server.port) as proxy:
        answers = await asyncio.gather(*(http2_wire.send(get(proxy.url + "/"), 10) for _ in range(100)))
        assert {answer.http_version for answer in answers} == {"HTTP/2"}
        assert proxy.accepted == 1


async def test_calls_of_one_connection_end_each_at_its_own_time(http2_wire: Wire, server: RunningServer):
    async with FaultProxy("127.0.0.1", server.port) as proxy:
        slow = asyncio.ensure_future(http2_wire.send(get(proxy.url + "/sleep?1"), 20))
        with pytest.raises(exceptions.ReadTimeout):
            await http2_wire.send(get(proxy.url + "/sleep?30"), 0.1)
        assert not slow.done()
        assert (await slow).status == 200
        assert proxy.accepted == 1


@pytest.mark.parametrize("path", ["/never", "/head"])
async def test_each_of_three_hundred_cancels_is_told_to_the_peer_and_the_connection_serves_on(
    http2_wire: Wire, path: str
):
    peer = Http2Peer()
    async with raw_peer(peer.serve) as raw:
        await http2_wire.send(get(raw.url + "/ok"), 5)
        for calls in range(20, 320, 20):
            tasks = [asyncio.ensure_future(http2_wire.send(get(raw.url + path), 60)) for _ in range(20)]
            await until(lambda calls=calls: peer.requests.count(path) == calls)
            await asyncio.sleep(0.02)  # the answers' heads are on their way
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ended)
        await until(lambda: peer.resets == 300)
        good = await asyncio.gather(*(http2_wire.send(get(raw.url + "/ok"), 30) for _ in range(100)))
        assert [answer.body for answer in good] == [b"ok"] * 100
        assert peer.resets == 300
        # A wire may take a fresh connection now and then, but not one for each call that was cancelled.
        assert raw.accepted < 10


async def test_a_timeout_is_told_to_the_peer_too(http2_wire: Wire):
    peer = Http2Peer()
    async with raw_peer(peer.serve) as raw:
        with pytest.raises(exceptions.ReadTimeout):
            await http2_wire.send(get(raw.url + "/never"), 0.2)
        await until(lambda: peer.resets == 1)


async def test_a_refused_stream_is_unsent(http2_wire: Wire):
    peer = Http2Peer()
    peer.on_request = resetting(h2.errors.ErrorCodes.REFUSED_STREAM)
    async with raw_peer(peer.serve) as raw:
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            await http2_wire.send(post(raw.url + "/"), 5)
    assert caught.value.sent == "no"


async def test_a_stream_reset_for_another_reason_may_have_been_processed(http2_wire: Wire):
    peer = Http2Peer()
    peer.on_request = resetting(h2.errors.ErrorCodes.INTERNAL_ERROR)
    async with raw_peer(peer.serve) as raw:
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            await http2_wire.send(post(raw.url + "/"), 5)
    assert caught.value.sent == "maybe"
    assert len(peer.requests) == 1


def going_away(peer: Http2Peer, code: h2.errors.ErrorCodes) -> Callable[[Any, int, str], bool]:
    """Holds ``/below`` until ``/above`` comes, whose stream the GOAWAY does not cover."""
    held: list[int] = []

    def answer(connection: Any, stream_id: int, path: str) -> bool:
        if path == "/below":
            held.append(stream_id)
            return True
        last = held[0] if held else 0
        peer.raw = hyperframe.frame.GoAwayFrame(0, last_stream_id=last, error_code=code).serialize()
        if held:
            connection.send_headers(held.pop(), [(":status", "200")], end_stream=True)
        return True

    return answer


async def below_and_above(wire: Wire, code: h2.errors.ErrorCodes) -> tuple[Any, Any, Http2Peer]:
    peer = Http2Peer()
    peer.on_request = going_away(peer, code)
    async with raw_peer(peer.serve) as raw:
        below = asyncio.ensure_future(wire.send(get(raw.url + "/below"), 20))
        await until(lambda: "/below" in peer.requests)
        above = await asyncio.gather(wire.send(post(raw.url + "/above"), 20), return_exceptions=True)
        return await below, above[0], peer


async def test_a_stream_above_a_goaways_last_one_is_unsent_and_those_below_are_answered(http2_wire: Wire):
    below, above, _ = await below_and_above(http2_wire, h2.errors.ErrorCodes.NO_ERROR)
    assert below.status == 200
    assert isinstance(above, exceptions.RemoteProtocolError)
    assert above.sent == "no"


async def test_a_goaway_with_an_error_code_leaves_it_open_and_the_request_is_not_repeated(http2_wire: Wire):
    below, above, peer = await below_and_above(http2_wire, h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
    assert below.status == 200
    assert isinstance(above, exceptions.RemoteProtocolError)
    assert above.sent == "maybe"
    assert peer.requests.count("/above") == 1


async def test_a_request_that_a_goaway_covers_is_not_repeated_when_the_connection_then_ends(http2_wire: Wire):
    peer = Http2Peer()

    def cover_and_close(_: Any, stream_id: int, __: str) -> bool:
        peer.raw = hyperframe.frame.GoAwayFrame(0, last_stream_id=stream_id).serialize()
        return False

    peer.on_request = cover_and_close
    async with raw_peer(peer.serve) as raw:
        with pytest.raises(exceptions.WireError) as caught:
            await http2_wire.send(post(raw.url + "/"), 5)
    assert caught.value.sent == "maybe"
    assert peer.requests == ["/"]


async def test_a_peer_that_breaks_the_first_exchange_is_not_sent_the_request_again(http2_wire: Wire):
    peer = Http2Peer()
    peer.on_request = lambda *_: False
    async with raw_peer(peer.serve) as raw:
        with pytest.raises(exceptions.WireError) as caught:
            await http2_wire.send(post(raw.url + "/"), 5)
    assert caught.value.sent == "maybe"
    assert len(peer.requests) == 1


def answering(headers: list[tuple[str, str]], *chunks: bytes, end: str) -> Callable[[Any, int, str], bool]:
    """An answer in frames of its own; ``end``: flag, frame, none, reset."""

    def answer(connection: Any, stream_id: int, _: str) -> bool:
        connection.send_headers(stream_id, [(":status", "200"), *headers])
        for number, chunk in enumerate(chunks, 1):
            connection.send_data(stream_id, chunk, end_stream=end == "flag" and number == len(chunks))
        if end == "frame":
            connection.send_data(stream_id, b"", end_stream=True)
        elif end == "reset":
            connection.reset_stream(stream_id, h2.errors.ErrorCodes.NO_ERROR)
        return True

    return answer


@pytest.mark.parametrize("end", ["flag", "frame"])
@pytest.mark.parametrize("headers", [[], [("content-length", "6")]])
async def test_a_body_is_whole_however_its_stream_ends_and_nothing_is_reset(
    http2_wire: Wire, end: str, headers: list[tuple[str, str]]
):
    peer = Http2Peer()
    peer.on_request = answering(headers, b"abc", b"def", end=end)
    async with raw_peer(peer.serve) as raw:
        for _ in range(50):
            assert (await http2_wire.send(get(raw.url + "/"), 5)).body == b"abcdef"
        await asyncio.sleep(0.05)
        await http2_wire.send(get(raw.url + "/"), 5)
        assert peer.resets == 0


async def test_a_stream_that_ends_a_moment_after_its_announced_body_is_not_reset(http2_wire: Wire):
    peer = Http2Peer()
    open_streams: list[tuple[Any, int]] = []

    def answer(connection: Any, stream_id: int, _: str) -> bool:
        open_streams.append((connection, stream_id))
        return answering([("content-length", "3")], b"abc", end="none")(connection, stream_id, _)

    peer.on_request = answer
    async with raw_peer(peer.serve) as raw:
        for _ in range(50):
            assert (await http2_wire.send(get(raw.url + "/"), 5)).body == b"abc"
            await asyncio.sleep(0.001)
            connection, stream_id = open_streams.pop()
            with suppress(h2.exceptions.StreamClosedError):  # reset already, and counted
                connection.send_data(stream_id, b"", end_stream=True)
            peer.flush()
            await asyncio.sleep(0.01)
        assert peer.resets < 25, "on a busy machine a moment may be too short now and then, but not as a rule"


async def test_an_announced_body_is_enough_and_a_stream_that_stays_open_is_reset(http2_wire: Wire):
    peer = Http2Peer()
    peer.on_request = answering([("content-length", "3")], b"abc", end="none")
    async with raw_peer(peer.serve) as raw:
        assert (await http2_wire.send(get(raw.url + "/"), 5)).body == b"abc"
        await until(lambda: peer.resets == 1)


@pytest.mark.parametrize("chunks", [(), (b"abc",)])
async def test_a_body_that_a_reset_without_error_cuts_short_is_a_protocol_error(
    http2_wire: Wire, chunks: tuple[bytes, ...]
):
    peer = Http2Peer()
    peer.on_request = answering([("content-length", "10")], *chunks, end="reset")
    async with raw_peer(peer.serve) as raw:
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            await http2_wire.send(get(raw.url + "/"), 5)
    assert caught.value.sent == "yes"


async def test_the_answer_to_head_has_no_body_whatever_it_announces(http2_wire: Wire):
    peer = Http2Peer()

    def answer(connection: Any, stream_id: int, _: str) -> bool:
        connection.send_headers(stream_id, [(":status", "200"), ("content-length", "10")], end_stream=True)
        return True

    peer.on_request = answer
    async with raw_peer(peer.serve) as raw:
        response = await http2_wire.send(WireRequest("HEAD", raw.url + "/", (), b""), 5)
    assert (response.status, response.body) == (200, b"")
