"""What every wire is held to in each of its protocols, against a real server and raw sockets that misbehave."""

import asyncio
import secrets
import socket
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from fixtures.http_peers import RawPeer, raw_peer, reset
from fixtures.servers import RunningServer
from fixtures.wires import LIMIT, POLICY, WireKind, get
from shelfwise.http import Wire, WireRequest, exceptions


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


async def test_a_header_beyond_ascii_travels_as_utf8(wire: Wire, server: RunningServer):
    response = await wire.send(WireRequest("GET", server.url + "/", (("x-one", "caf\xe9"),), b""), 5)
    seen = httpx2.Response(200, content=response.body).json()
    assert ["x-one", "caf\xe9".encode().decode("latin-1")] in seen["headers"]


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


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304)])
async def test_a_length_over_the_limit_of_a_body_that_does_not_come_is_no_failure(
    http1_wire: Wire, method: str, status: int
):
    async with raw_peer(answering(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, LIMIT + 1))) as peer:
        answer = await http1_wire.send(WireRequest(method, peer.url + "/", (), b""), 5)
    assert (answer.status, answer.body) == (status, b"")


@pytest.mark.parametrize(
    ("method", "header"),
    [
        ("GET", ("x", "a\r\nb: c")), ("GET", ("x", "a\0")), ("GET", ("x", "\ud800")), ("GET", ("", "a")),
        ("GET", ("x y", "a")), ("GET", ("\xe9", "a")), ("GE T", ("x", "a")), ("\xc9", ("x", "a")), ("", ("x", "a")),
    ],
)  # fmt: skip
async def test_a_malformed_request_is_refused_before_it_is_sent(
    wire: Wire, server: RunningServer, method: str, header: tuple[str, str]
):
    with pytest.raises(exceptions.LocalProtocolError) as caught:
        await wire.send(WireRequest(method, server.url + "/", (header,), b""), 5)
    assert caught.value.sent == "no"


async def test_a_token_with_a_line_break_is_shown_by_no_failure(wire: Wire, server: RunningServer):
    token = secrets.token_hex(8)
    with pytest.raises(exceptions.LocalProtocolError, match="header value") as caught:
        await wire.send(get(server.url + "/", authorization=f"Bearer {token}\n"), 5)
    assert token not in "".join(traceback.format_exception(caught.value))


async def test_another_scheme_is_refused(wire: Wire):
    with pytest.raises(exceptions.UnsupportedProtocol) as caught:
        await wire.send(get("ftp://127.0.0.1/"), 5)
    assert caught.value.sent == "no"


async def test_a_silent_address_is_a_connect_timeout_long_before_the_calls_own(kind: WireKind):
    wire = kind.make(replace(POLICY, connect_timeout_seconds=0.3))
    async with listening_but_full() as port, asyncio.timeout(30):
        with pytest.raises(exceptions.ConnectTimeout) as caught:
            await wire.send(get(f"http://127.0.0.1:{port}/"), 60)
    await wire.aclose()
    assert caught.value.sent == "no"


class listening_but_full:  # noqa: N801 - read as a context, not as a class
    """A socket whose queue of connections is full: SYNs go unanswered."""

    async def __aenter__(self) -> int:
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
