"""What only the asyncio wire does: it agrees on a protocol before it sends, queues, keeps, counts, and lets go."""

import asyncio
import ssl
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hyperframe.frame
import pytest

from fixtures.certificates import Authority
from fixtures.http_peers import Http2Peer, raw_peer, reset
from fixtures.servers import RunningServer
from fixtures.wires import get, post
from shelfwise.http import AsyncioWire, Policy, RustWire, WireRequest, exceptions
from shelfwise.http.policy import HTTP2Mode
from shelfwise.http.testing import FaultProxy
from shelfwise.http.wire import make_wire
from shelfwise.http.wire.asyncio_wire import pool as pool_module

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


class OldPeer:
    """Speaks HTTP/1.1 only, and shows in its own way that it does not understand the preface."""

    def __init__(self, to_preface: str) -> None:
        self.prefaces = 0
        self.requests: list[bytes] = []
        self._to_preface = to_preface

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"PRI"):
                self.prefaces += 1
                if self._to_preface == "answers":
                    writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
                elif self._to_preface == "resets":
                    reset(writer)
                elif self._to_preface == "is silent":
                    await asyncio.sleep(30)
                return
            self.requests.append(head.split(b" ")[0])
            writer.write(OK)


@pytest.mark.parametrize("to_preface", ["answers", "closes", "resets", "is silent"])
async def test_a_peer_of_http1_is_found_out_before_anything_is_sent_and_remembered(to_preface: str):
    old, wire = OldPeer(to_preface), AsyncioWire()
    async with raw_peer(old.serve) as peer:
        answers = [await wire.send(post(peer.url + "/"), 2) for _ in range(3)]
        await wire.aclose()
    assert [answer.http_version for answer in answers] == ["HTTP/1.1"] * 3
    assert old.requests == [b"POST"] * 3
    assert old.prefaces == 1


@pytest.mark.parametrize("order", ["200", "220", "020", "022"])
async def test_behind_an_address_with_peers_of_both_kinds_a_request_is_never_sent_again(order: str):
    """``order``: whom each connection lands on, an HTTP/2 peer that takes the request and breaks off or HTTP/1.1."""
    modern, old, accepted = Http2Peer(), OldPeer("closes"), 0
    modern.on_request = lambda *_: False

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        await (modern if order[min(accepted, 3) - 1] == "2" else old).serve(reader, writer)

    wire = AsyncioWire()
    async with raw_peer(handle) as peer:
        await asyncio.gather(wire.send(post(peer.url + "/"), 5), return_exceptions=True)
        await wire.aclose()
    assert len(modern.requests) + len(old.requests) <= 1


async def test_when_only_http2_is_wanted_a_peer_of_http1_is_an_error_and_unsent():
    old, wire = OldPeer("answers"), AsyncioWire(Policy(http2="on"))
    async with raw_peer(old.serve) as peer:
        with pytest.raises(exceptions.RemoteProtocolError) as caught:
            await wire.send(post(peer.url + "/"), 5)
        await wire.aclose()
    assert (caught.value.sent, old.requests) == ("no", [])


async def test_a_connection_that_ends_before_it_is_agreed_is_a_connect_error_and_unsent():
    old, wire = OldPeer("resets"), AsyncioWire(Policy(http2="on"))
    async with raw_peer(old.serve) as peer:
        with pytest.raises(exceptions.ConnectError) as caught:
            await wire.send(post(peer.url + "/"), 5)
        await wire.aclose()
    assert caught.value.sent == "no"


async def test_calls_beyond_the_peers_limit_of_streams_wait_for_one_and_are_counted():
    most, allowed = 0, 3
    peer = Http2Peer(max_streams=allowed)
    held: list[tuple[Any, int]] = []

    def hold(connection: Any, stream_id: int, _: str) -> bool:
        nonlocal most
        held.append((connection, stream_id))
        most = max(most, connection.open_inbound_streams)
        return True

    wire = AsyncioWire()
    async with raw_peer(peer.serve) as raw:
        peer.on_request = hold
        tasks = [asyncio.ensure_future(wire.send(get(raw.url + "/"), 20)) for _ in range(8)]
        await until(lambda: len(held) == allowed)
        assert wire.usage() == (1, allowed, 8 - allowed)
        answered = 0
        while answered < 8:
            await until(lambda: bool(held))
            connection, stream_id = held.pop(0)
            connection.send_headers(stream_id, [(":status", "204")], end_stream=True)
            peer.flush()
            answered += 1
        assert [answer.status for answer in await asyncio.gather(*tasks)] == [204] * 8
        await wire.aclose()
    assert most <= allowed


async def test_a_farewell_lets_calls_under_way_end_and_later_ones_take_a_new_connection_at_once():
    peer = Http2Peer()

    def answer(connection: Any, stream_id: int, path: str) -> bool:
        if path == "/long":
            peer.raw = hyperframe.frame.GoAwayFrame(0, last_stream_id=stream_id).serialize()
        else:
            connection.send_headers(stream_id, [(":status", "204")], end_stream=True)
        return True

    wire = AsyncioWire()
    peer.on_request = answer
    async with raw_peer(peer.serve) as raw:
        long = asyncio.ensure_future(wire.send(get(raw.url + "/long"), 20))
        await until(lambda: peer.requests == ["/long"])
        finish = peer.flush
        first = peer.newest
        for _ in range(3):
            assert (await wire.send(get(raw.url + "/"), 5)).status == 204
        assert raw.accepted == 2
        assert not long.done()
        assert first is not None
        first.send_headers(1, [(":status", "200")], end_stream=True)
        finish()
        assert (await long).status == 200
        await until(lambda: wire.usage().connections == 1)
        await wire.aclose()


async def test_several_connections_are_taken_in_turns(server: RunningServer):
    wire = AsyncioWire(Policy(connections_per_instance=3))
    async with FaultProxy("127.0.0.1", server.port) as proxy:
        await until_spread(wire, proxy.url, 3)
        for _ in range(3):
            await asyncio.gather(*(wire.send(get(proxy.url + "/"), 5) for _ in range(30)))
        assert (proxy.accepted, wire.usage().connections) == (3, 3)
        await wire.aclose()


async def until_spread(wire: AsyncioWire, url: str, connections: int) -> None:
    async with asyncio.timeout(20):
        while wire.usage().connections != connections:
            await wire.send(get(url + "/"), 5)


@pytest.mark.parametrize("mode", ["auto", "off"])
async def test_large_bodies_go_both_ways(server: RunningServer, mode: HTTP2Mode):
    wire = AsyncioWire(Policy(http2=mode, max_body_bytes=20 * 1024 * 1024))
    body = b"abcdefgh" * (128 * 1024)
    echoed = await wire.send(WireRequest("POST", server.url + "/", (), body), 20)
    assert echoed.body.count(b"abcdefgh") == 128 * 1024
    large = await wire.send(get(f"{server.url}/large?{8 * 1024 * 1024}"), 20)
    assert len(large.body) == 8 * 1024 * 1024
    await wire.aclose()


@pytest.mark.parametrize("mode", ["on", "off"])
async def test_a_connection_that_the_peer_closed_while_it_was_idle_is_not_used_again(mode: HTTP2Mode):
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if mode == "on":
            await Http2Peer().serve(reader, writer)
        else:
            await OldPeer("answers").serve(reader, writer)

    wire = AsyncioWire(Policy(http2=mode))
    async with raw_peer(handle) as peer:
        for number in range(1, 4):
            assert (await wire.send(post(peer.url + "/ok"), 5)).body == b"ok"
            assert len(writers) == number
            writers[-1].close()
            await until(lambda: wire.usage().connections == 0)
        await wire.aclose()


@pytest.mark.parametrize("mode", ["on", "off"])
async def test_a_connection_that_nobody_uses_is_closed_after_a_while(
    server: RunningServer, mode: HTTP2Mode, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pool_module, "_IDLE_SECONDS", 0.05)
    monkeypatch.setattr(pool_module, "_SWEEP_SECONDS", 0.02)
    wire = AsyncioWire(Policy(http2=mode))
    slow = asyncio.ensure_future(wire.send(get(server.url + "/sleep?0.5"), 5))
    await until(lambda: wire.usage().streams == 1)
    assert (await slow).status == 200
    await until(lambda: wire.usage().connections == 0)
    assert (await wire.send(get(server.url + "/"), 5)).status == 200
    await wire.aclose()


async def test_a_body_without_a_length_ends_with_its_connection():
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    wire = AsyncioWire(Policy(http2="off"))
    async with raw_peer(handle) as peer:
        for _ in range(2):
            assert (await wire.send(get(peer.url + "/"), 5)).body == b"all of it"
        await wire.aclose()


ODD_ANSWERS = {
    "an informational answer first": (b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK, True),
    "two answers at once": (OK + OK, False),
    "chunks with trailers": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: y\r\n\r\n",
        True,
    ),
    "a peer that wants to close": (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", False),
}


@pytest.mark.parametrize("name", ODD_ANSWERS)
async def test_an_answer_is_read_to_its_end_and_the_connection_kept_only_when_that_is_clear(name: str):
    data, kept = ODD_ANSWERS[name]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(data)

    wire = AsyncioWire(Policy(http2="off"))
    async with raw_peer(handle) as peer:
        for _ in range(3):
            assert (await wire.send(get(peer.url + "/"), 5)).body == b"ok"
        await wire.aclose()
        assert peer.accepted == (1 if kept else 3)


@pytest.mark.parametrize("size", [100_000, 10_000_000])
async def test_endless_headers_are_cut_off(size: int):
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nx: " + b"y" * size)
        await writer.drain()
        await asyncio.sleep(30)

    wire = AsyncioWire(Policy(http2="off"))
    async with raw_peer(handle) as peer:
        with pytest.raises(exceptions.RemoteProtocolError, match="larger than allowed"):
            await wire.send(get(peer.url + "/"), 20)
        await wire.aclose()


async def test_closing_the_wire_ends_what_is_under_way_and_what_waits_and_it_can_be_used_again(server: RunningServer):
    wire = AsyncioWire(Policy(http2="off", max_connections=1))
    tasks = [asyncio.ensure_future(wire.send(get(server.url + "/sleep?30"), 40)) for _ in range(2)]
    await until(lambda: wire.usage() == (1, 1, 1))
    await wire.aclose()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [getattr(end, "sent", None) for end in ended] == ["maybe", "no"]
    assert (await wire.send(get(server.url + "/"), 5)).status == 200
    await wire.aclose()


async def test_a_peer_that_vanished_is_given_up_after_timeouts_in_silence_and_a_new_connection_is_taken(
    server: RunningServer,
):
    wire = AsyncioWire(Policy(http2="on"))
    async with FaultProxy("127.0.0.1", server.port) as proxy:
        await wire.send(get(proxy.url + "/"), 5)
        proxy.mode = "blackhole"
        async with asyncio.timeout(30):
            while proxy.accepted == 1:
                with pytest.raises(exceptions.WireError):
                    await wire.send(get(proxy.url + "/"), 0.2)
        proxy.mode = "pass"
        async with asyncio.timeout(30):
            while True:
                try:
                    answer = await wire.send(get(proxy.url + "/"), 1)
                except exceptions.WireError:
                    continue
                break
        assert answer.status == 200
        await wire.aclose()


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop has no Windows build")
@pytest.mark.parametrize("mode", ["auto", "off"])
def test_it_runs_on_uvloop_too_over_plain_tcp_and_tls(authority: Authority, mode: HTTP2Mode):
    import uvloop  # noqa: PLC0415 - not everywhere

    async def calls() -> list[str]:
        plain, secure = Http2Peer(), Http2Peer()
        context: ssl.SSLContext | None = authority.server_context()
        if mode == "off":
            assert context is not None
            context.set_alpn_protocols(["http/1.1"])
        serve = (lambda peer: peer.serve) if mode == "auto" else (lambda _: OldPeer("answers").serve)
        wire = AsyncioWire(replace(Policy(http2=mode), tls_ca_cert=authority.pem))
        versions = []
        async with raw_peer(serve(plain)) as one, raw_peer(serve(secure), context) as other:
            for url in (one.url, other.url):
                for _ in range(3):
                    answers = await asyncio.gather(*(wire.send(get(url + "/ok"), 10) for _ in range(20)))
                    versions += [answer.http_version for answer in answers if answer.body == b"ok"]
            cancelled = asyncio.ensure_future(wire.send(get(one.url + "/ok"), 10))
            await asyncio.sleep(0)
            cancelled.cancel()
            await wire.aclose()
        return versions

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(calls()) == ["HTTP/2" if mode == "auto" else "HTTP/1.1"] * 120


def test_a_proxy_is_not_its_business_and_the_rust_wire_takes_over():
    policy = Policy(wire="asyncio", proxy="http://127.0.0.1:9")
    with pytest.raises(ValueError, match="proxy"):
        AsyncioWire(policy)
    assert isinstance(make_wire(policy), RustWire)
    assert isinstance(make_wire(Policy(wire="asyncio")), AsyncioWire)
