"""What only the Rust wire does: it negotiates, bounds HTTP/1.1 itself, and says what it holds."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from granian.constants import Interfaces
from granian.server.embed import Server

from fixtures.certificates import Authority, Pair
from fixtures.http_peers import Http2Peer, echo_app, raw_peer
from fixtures.servers import RunningServer, free_port
from fixtures.wires import get, post
from shelfwise.http import Policy, RustWire, WireRequest, exceptions
from shelfwise.http.policy import HTTP2Mode


@asynccontextmanager
async def tls_server(pair: Pair) -> AsyncIterator[str]:
    port = free_port()
    server = Server(
        echo_app,
        port=port,
        interface=Interfaces.ASGI,
        ssl_cert=pair.cert_file,
        ssl_key=pair.key_file,
        websockets=False,
        log_enabled=False,
    )
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                break
    try:
        yield f"https://127.0.0.1:{port}/"
    finally:
        server.stop()
        await task


@pytest.mark.parametrize(("mode", "version"), [("auto", "HTTP/2"), ("off", "HTTP/1.1"), ("on", "HTTP/2")])
async def test_the_mode_decides_what_is_spoken_to_granian_over_tls(authority: Authority, mode: HTTP2Mode, version: str):
    async with tls_server(authority.issue("granian")) as url:
        wire = RustWire(Policy(http2=mode, tls_ca_cert=authority.pem))
        answers = [await wire.send(get(url), 5) for _ in range(2)]
        await wire.aclose()
    assert [(answer.status, answer.http_version) for answer in answers] == [(200, version)] * 2


@pytest.mark.parametrize(("method", "questions"), [("GET", 2), ("POST", 1)])
async def test_a_peer_of_http1_is_asked_once_and_remembered(method: str, questions: int):
    """For GET the first attempt is a question too."""
    heads: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            heads.append(head)
            if head.startswith(b"PRI"):
                writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                return
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    wire = RustWire(Policy())
    async with raw_peer(handle) as peer:
        request = WireRequest(method, peer.url + "/", (), b"")
        first, second = await wire.send(request, 5), await wire.send(request, 5)
        await wire.aclose()
    assert (first.http_version, second.http_version) == ("HTTP/1.1", "HTTP/1.1")
    assert sum(head.startswith(method.encode()) for head in heads) == 2
    assert sum(head.startswith(b"PRI") for head in heads) == questions


@pytest.mark.parametrize("order", ["200", "220", "020", "022"])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_behind_an_address_with_peers_of_both_kinds_an_unsafe_request_is_never_sent_again(
    method: str, order: str
):
    """``order``: whom each connection lands on, an HTTP/2 peer that takes the request and breaks off or HTTP/1.1."""
    modern, taken, accepted = Http2Peer(), 0, 0
    modern.on_request = lambda *_: False

    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        head = await reader.readuntil(b"\r\n\r\n")
        taken += not head.startswith(b"PRI")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        await (modern.serve if order[min(accepted, 3) - 1] == "2" else old)(reader, writer)

    wire = RustWire(Policy())
    async with raw_peer(handle) as peer:
        await asyncio.gather(wire.send(WireRequest(method, peer.url + "/", (), b""), 5), return_exceptions=True)
        await wire.aclose()
    assert len(modern.requests) + taken <= 1


async def test_who_joins_anothers_question_what_a_peer_speaks_waits_no_longer_than_its_own_time():
    wire, asked = RustWire(Policy()), asyncio.Event()

    async def silent(*_: object) -> None:
        asked.set()
        await asyncio.sleep(30)

    async with raw_peer(silent) as peer:
        patient = asyncio.ensure_future(wire.send(post(peer.url + "/"), 30))
        await asked.wait()
        async with asyncio.timeout(5):
            with pytest.raises(exceptions.ConnectTimeout) as caught:
                await wire.send(post(peer.url + "/"), 0.05)
        patient.cancel()
        await asyncio.gather(patient, return_exceptions=True)
        await wire.aclose()
    assert caught.value.sent == "no"


async def test_a_caller_short_of_time_leaves_no_guess_of_what_a_peer_speaks_to_the_others():
    modern, awake = Http2Peer(), asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await awake.wait()
        await modern.serve(reader, writer)

    wire = RustWire(Policy())
    async with raw_peer(handle) as peer:
        with pytest.raises(exceptions.ConnectTimeout):
            await wire.send(post(peer.url + "/"), 0.05)
        awake.set()
        answer = await wire.send(post(peer.url + "/ok"), 5)
        await wire.aclose()
    assert (answer.status, answer.http_version) == (200, "HTTP/2")


@pytest.mark.parametrize("host", [64 * "a", "a..b"])
async def test_a_name_that_is_none_in_dns_is_a_connect_error_for_every_method(host: str):
    wire = RustWire(Policy())
    for request in (get(f"http://{host}.invalid/"), post(f"http://{host}.invalid/")):
        with pytest.raises(exceptions.ConnectError):
            await wire.send(request, 5)
    await wire.aclose()


async def test_connections_that_cannot_be_counted_are_none(server: RunningServer, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise psutil.AccessDenied

    wire = RustWire(Policy())
    await wire.send(get(server.url + "/"), 5)
    monkeypatch.setattr(psutil.Process, "net_connections", refuse)
    assert wire.usage().connections is None
    await wire.aclose()


@pytest.mark.parametrize(("calls_before", "told"), [(0, "200"), (1, "ConnectError: The process was forked")])
async def test_a_process_forked_after_the_first_call_is_told_so_and_one_forked_before_it_works(
    server: RunningServer, calls_before: int, told: str
):
    script = """
import asyncio, os, sys
from shelfwise.http import HTTPClientError, Policy, RustWire, WireRequest

def call(wire):
    async def send():
        return (await wire.send(WireRequest("GET", sys.argv[1], (), b""), 5)).status
    try:
        return asyncio.run(send())
    except HTTPClientError as error:
        return f"{type(error).__name__}: {error}"

wire = RustWire(Policy())
for _ in range(int(sys.argv[2])):
    call(wire)
if os.fork() == 0:
    print(call(wire), flush=True)
    os._exit(0)
os.wait()
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, server.url + "/", str(calls_before), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().startswith(told)
