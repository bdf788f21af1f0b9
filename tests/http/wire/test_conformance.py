"""What every wire is held to, against a real server, raw sockets and an HTTP/2 peer that counts frames."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import h2.errors
import httpx2
import pytest

from fixtures.http_peers import Http2Peer, RawPeer, echo_app, raw_peer, reset
from fixtures.servers import RunningServer, running
from shelfwise.http import Policy, RustWire, TransportWire, Wire, WireRequest, exceptions
from shelfwise.http.testing import FaultProxy

LIMIT = 1024 * 1024
POLICY = Policy(connect_timeout_seconds=0.5, max_body_bytes=LIMIT)


def rust_auto() -> Wire:
    return RustWire(POLICY)


def rust_http1() -> Wire:
    return RustWire(Policy(connect_timeout_seconds=0.5, max_body_bytes=LIMIT, http2="off"))


def over_httpx2() -> Wire:
    return TransportWire(httpx2.AsyncHTTPTransport(http2=False), max_body_bytes=LIMIT, connect_timeout_seconds=0.5)


@pytest.fixture(params=[rust_auto, rust_http1, over_httpx2])
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    """Every wire, in each protocol that it is used with."""
    made = request.param()
    yield made
    await made.aclose()


@pytest.fixture
async def http2_wire() -> AsyncIterator[Wire]:
    made = rust_auto()
    yield made
    await made.aclose()


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    async with running(echo_app) as started:
        yield started


def get(url: str, **headers: str) -> WireRequest:
    return WireRequest("GET", url, tuple(headers.items()), b"")


async def failure(wire: Wire, peer: RawPeer, within: float = 2.0) -> exceptions.WireError:
    with pytest.raises(exceptions.WireError) as caught:
        await wire.send(get(peer.url + "/"), within)
    return caught.value


def answering(raw: bytes, end: Callable[[asyncio.StreamWriter], Any] | None = None) -> Any:
    """A handler that reads one head, writes ``raw``, and ends the connection in the given way."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        await asyncio.sleep(0.05)
        if end is not None:
            end(writer)

    return handle


async def test_a_request_arrives_as_it_was_and_the_answer_comes_back_whole(wire: Wire, server: RunningServer):
    request = WireRequest("POST", server.url + "/a%2Fb?x=1&y=%20", (("x-one", "1"),), b"body")
    response = await wire.send(request, 5)
    seen = httpx2.Response(200, content=response.body).json()
    assert response.status == 200
    assert (seen["method"], seen["raw_path"], seen["query"], seen["body"]) == ("POST", "/a%2Fb", "x=1&y=%20", "body")
    assert ["x-one", "1"] in seen["headers"]
    assert ("content-type", "application/json") in response.headers


async def test_a_gzipped_body_is_decoded(wire: Wire, server: RunningServer):
    assert (await wire.send(get(server.url + "/gzip?1000"), 5)).body == b"y" * 1000


async def test_three_hundred_cancelled_calls_leave_the_wire_healthy(wire: Wire, server: RunningServer):
    await wire.send(get(server.url + "/"), 5)
    for _ in range(15):
        tasks = [asyncio.ensure_future(wire.send(get(server.url + "/sleep?5"), 10)) for _ in range(20)]
        await asyncio.sleep(0.03)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ended)
    async with asyncio.timeout(20):
        good = await asyncio.gather(*(wire.send(get(server.url + "/"), 10) for _ in range(100)))
    assert [response.status for response in good] == [200] * 100


@pytest.mark.parametrize("path", ["/never", "/head"])
async def test_each_cancel_is_told_to_the_http2_peer(http2_wire: Wire, path: str):
    peer = Http2Peer()
    async with raw_peer(peer.serve) as raw:
        await http2_wire.send(get(raw.url + "/ok"), 5)
        for calls in range(20, 120, 20):
            tasks = [asyncio.ensure_future(http2_wire.send(get(raw.url + path), 10)) for _ in range(20)]
            async with asyncio.timeout(10):
                while peer.requests.count(path) < calls:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)  # the answers' heads are on their way
            for task in tasks:
                task.cancel()
            assert all(
                isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*tasks, return_exceptions=True)
            )
            async with asyncio.timeout(10):
                while peer.resets < calls:
                    await asyncio.sleep(0.01)
        assert (await http2_wire.send(get(raw.url + "/ok"), 5)).body == b"ok"
        assert raw.accepted == 1


async def test_a_timeout_is_told_to_the_http2_peer_too(http2_wire: Wire):
    peer = Http2Peer()
    async with raw_peer(peer.serve) as raw:
        with pytest.raises(exceptions.ReadTimeout):
            await http2_wire.send(get(raw.url + "/never"), 0.2)
        async with asyncio.timeout(5):
            while peer.resets < 1:
                await asyncio.sleep(0.01)


async def test_each_call_ends_at_its_own_time(wire: Wire, server: RunningServer):
    await wire.send(get(server.url + "/"), 5)
    slow = asyncio.ensure_future(wire.send(get(server.url + "/sleep?0.6"), 5))
    with pytest.raises(exceptions.ReadTimeout):
        await wire.send(get(server.url + "/sleep?3"), 0.1)
    assert not slow.done()
    assert (await slow).status == 200


async def test_a_timeout_after_the_server_has_the_request_is_never_called_unsent(wire: Wire):
    arrived = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await asyncio.sleep(30)

    async with raw_peer(silent) as peer:
        error = await failure(wire, peer, within=0.3)
        assert arrived.is_set()
    assert isinstance(error, exceptions.ReadTimeout)
    assert error.sent == "maybe"


async def test_a_timeout_within_the_body_says_that_it_was_sent(wire: Wire):
    stuck = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stuck(reader, writer)
        await asyncio.sleep(30)

    async with raw_peer(hold) as peer:
        error = await failure(wire, peer, within=0.5)
    assert isinstance(error, exceptions.ReadTimeout)
    assert error.sent == "yes"


async def test_a_refused_connection_is_a_connect_error_and_unsent(wire: Wire):
    async with raw_peer(answering(b"")) as peer:
        port = peer.port
    with pytest.raises(exceptions.ConnectError) as caught:
        await wire.send(get(f"http://127.0.0.1:{port}/"), 2)
    assert caught.value.sent == "no"
    assert "refused" in str(caught.value).lower() or "attempts failed" in str(caught.value)


async def test_a_reset_before_the_first_byte_leaves_it_open_whether_it_was_sent(wire: Wire):
    async with raw_peer(answering(b"", reset)) as peer:
        error = await failure(wire, peer)
    assert isinstance(error, exceptions.ReadError | exceptions.WriteError | exceptions.RemoteProtocolError)
    assert error.sent == "maybe"


async def test_a_connection_closed_without_an_answer_leaves_it_open_too(wire: Wire):
    async with raw_peer(answering(b"")) as peer:
        error = await failure(wire, peer)
    assert isinstance(error, exceptions.WriteError | exceptions.RemoteProtocolError)
    assert error.sent == "maybe"


async def test_a_reset_within_the_body_is_a_read_error(wire: Wire):
    async with raw_peer(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", reset)) as peer:
        error = await failure(wire, peer)
    assert isinstance(error, exceptions.ReadError)
    assert error.sent == "yes"


async def test_a_truncated_body_is_a_protocol_error(wire: Wire):
    async with raw_peer(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")) as peer:
        error = await failure(wire, peer)
    assert isinstance(error, exceptions.RemoteProtocolError)
    assert error.sent == "yes"


async def test_what_is_not_http_is_a_protocol_error(wire: Wire):
    async with raw_peer(answering(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")) as peer:
        error = await failure(wire, peer)
    assert isinstance(error, exceptions.RemoteProtocolError)
    assert error.sent == "maybe"


@pytest.mark.parametrize("length", [b"content-length: 6\r\n", b""])
async def test_bad_gzip_is_a_decoding_error(wire: Wire, length: bytes):
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n" + length + b"\r\n"
    async with raw_peer(answering(head + b"abcdef")) as peer:
        error = await failure(wire, peer)
    assert isinstance(error, exceptions.DecodingError)
    assert error.sent == "yes"


async def test_a_body_over_the_limit_is_refused_whether_announced_or_not(wire: Wire, server: RunningServer):
    assert len((await wire.send(get(f"{server.url}/large?{LIMIT}"), 5)).body) == LIMIT
    for path in (f"/large?{LIMIT + 1}", f"/gzip?{LIMIT + 1}"):
        with pytest.raises(exceptions.ResponseTooLarge) as caught:
            await wire.send(get(server.url + path), 5)
        assert caught.value.sent == "yes"
    assert (await wire.send(get(server.url + "/"), 5)).status == 200


async def test_a_malformed_request_is_refused_before_it_is_sent(wire: Wire, server: RunningServer):
    with pytest.raises(exceptions.LocalProtocolError) as caught:
        await wire.send(WireRequest("GET", server.url + "/", (("x", "a\r\nb: c"),), b""), 5)
    assert caught.value.sent == "no"


async def test_another_scheme_is_refused(wire: Wire):
    with pytest.raises(exceptions.UnsupportedProtocol) as caught:
        await wire.send(get("ftp://127.0.0.1/"), 5)
    assert caught.value.sent == "no"


async def test_a_thousand_calls_keep_to_the_limit_of_connections():
    open_now = most = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        finally:
            open_now -= 1

    wire = RustWire(Policy(http2="off", max_connections=20, max_keepalive=5))
    async with raw_peer(handle) as peer:
        answers = await asyncio.gather(*(wire.send(get(peer.url + "/"), 30) for _ in range(1000)))
        await wire.aclose()
    assert [answer.body for answer in answers] == [b"ok"] * 1000
    assert most <= 20


async def test_no_free_connection_in_time_is_a_pool_timeout_and_unsent(server: RunningServer):
    wire = RustWire(Policy(http2="off", max_connections=1))
    busy = asyncio.ensure_future(wire.send(get(server.url + "/sleep?1"), 5))
    await asyncio.sleep(0.1)
    with pytest.raises(exceptions.PoolTimeout) as caught:
        await wire.send(get(server.url + "/"), 0.1)
    assert caught.value.sent == "no"
    assert (await busy).status == 200
    await wire.aclose()


async def test_a_hundred_concurrent_calls_are_http2_on_one_connection(http2_wire: Wire, server: RunningServer):
    async with FaultProxy("127.0.0.1", server.port) as proxy:
        answers = await asyncio.gather(*(http2_wire.send(get(proxy.url + "/"), 10) for _ in range(100)))
        assert {answer.http_version for answer in answers} == {"HTTP/2"}
        assert proxy.accepted == 1


async def test_a_peer_of_http1_is_asked_once_and_remembered(http2_wire: Wire):
    heads: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            heads.append(head)
            if head.startswith(b"PRI"):
                writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                return
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    async with raw_peer(handle) as peer:
        request = WireRequest("POST", peer.url + "/", (), b"")
        first = await http2_wire.send(request, 5)
        second = await http2_wire.send(request, 5)
    assert (first.http_version, second.http_version) == ("HTTP/1.1", "HTTP/1.1")
    assert sum(head.startswith(b"POST") for head in heads) == 2
    assert sum(head.startswith(b"PRI") for head in heads) == 2  # the attempt, and the question after it


async def test_an_http2_peer_that_breaks_the_first_exchange_is_not_sent_the_request_again(http2_wire: Wire):
    peer = Http2Peer()
    peer.on_request = lambda *_: False
    async with raw_peer(peer.serve) as raw:
        with pytest.raises(exceptions.WireError) as caught:
            await http2_wire.send(WireRequest("POST", raw.url + "/", (), b""), 5)
    assert caught.value.sent == "maybe"
    assert len(peer.requests) == 1


async def test_a_refused_stream_is_unsent(http2_wire: Wire):
    peer = Http2Peer()

    def refuse(connection: Any, stream_id: int, _: str) -> bool:
        connection.reset_stream(stream_id, h2.errors.ErrorCodes.REFUSED_STREAM)
        return True

    peer.on_request = refuse
    async with raw_peer(peer.serve) as raw:
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            await http2_wire.send(get(raw.url + "/"), 5)
    assert caught.value.sent == "no"


async def test_a_stream_reset_for_another_reason_may_have_been_processed(http2_wire: Wire):
    peer = Http2Peer()

    def break_off(connection: Any, stream_id: int, _: str) -> bool:
        connection.reset_stream(stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
        return True

    peer.on_request = break_off
    async with raw_peer(peer.serve) as raw:
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            await http2_wire.send(get(raw.url + "/"), 5)
    assert caught.value.sent == "maybe"


async def test_a_silent_address_is_a_connect_timeout_within_its_time(wire: Wire):
    started = time.monotonic()
    async with listening_but_full() as port:
        with pytest.raises(exceptions.WireError) as caught:
            await wire.send(get(f"http://127.0.0.1:{port}/"), 5)
    assert isinstance(caught.value, exceptions.ConnectTimeout)
    assert caught.value.sent == "no"
    assert time.monotonic() - started < 4


class listening_but_full:  # noqa: N801 - read as a context, not as a class
    """A socket whose queue of connections is full: SYNs go unanswered."""

    async def __aenter__(self) -> int:
        import socket  # noqa: PLC0415

        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self._filling = []
        address = self._listener.getsockname()
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            self._filling.append(filler)
        await asyncio.sleep(0.05)
        return address[1]

    async def __aexit__(self, *_: object) -> None:
        for sock in [*self._filling, self._listener]:
            sock.close()
