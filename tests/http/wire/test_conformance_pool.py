"""What the wires that pool connections themselves are held to: limits, waiting for a connection, and counting."""

import asyncio
from collections.abc import Callable

import pytest

from fixtures.certificates import Authority
from fixtures.http_peers import raw_peer
from fixtures.servers import RunningServer, free_port
from fixtures.wires import get
from shelfwise.http import AsyncioWire, Policy, RustWire, Wire, exceptions
from shelfwise.http.policy import HTTP2Mode
from shelfwise.http.wire import WireUsage

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Make = Callable[[Policy], Wire]


@pytest.fixture(params=[AsyncioWire, RustWire], ids=["asyncio", "rust"])
def make(request: pytest.FixtureRequest) -> Make:
    return request.param


async def used(wire: Wire, expected: WireUsage) -> None:
    async with asyncio.timeout(20):
        while wire.usage() != expected:
            await asyncio.sleep(0.01)


async def test_no_free_connection_in_time_is_a_pool_timeout_and_unsent(make: Make, server: RunningServer):
    wire = make(Policy(http2="off", max_connections=1))
    busy = asyncio.ensure_future(wire.send(get(server.url + "/sleep?1"), 5))
    await used(wire, WireUsage(1, 1, 0))
    with pytest.raises(exceptions.PoolTimeout) as caught:
        await wire.send(get(server.url + "/"), 0.1)
    assert caught.value.sent == "no"
    assert (await busy).status == 200
    await wire.aclose()


@pytest.mark.parametrize("mode", ["auto", "off"])
async def test_the_limit_of_connections_holds_over_tls_with_a_peer_of_http1(
    make: Make, authority: Authority, mode: HTTP2Mode
):
    open_now = most = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(OK)
        finally:
            open_now -= 1

    context = authority.server_context()
    context.set_alpn_protocols(["http/1.1"])
    wire = make(Policy(http2=mode, tls_ca_cert=authority.pem, max_connections=5))
    async with raw_peer(handle, context) as peer:
        answers = await asyncio.gather(*(wire.send(get(peer.url + "/"), 60) for _ in range(200)))
        await wire.aclose()
    assert [answer.body for answer in answers] == [b"ok"] * 200
    assert 1 < most <= 5


@pytest.mark.parametrize(
    ("mode", "calls", "expected"),
    [("auto", 5, WireUsage(1, 5, 0)), ("off", 5, WireUsage(3, 3, 2)), ("off", 2, WireUsage(2, 2, 0))],
)
async def test_usage_counts_connections_streams_and_who_waits(
    make: Make, server: RunningServer, mode: HTTP2Mode, calls: int, expected: WireUsage
):
    wire = make(Policy(http2=mode, max_connections=3))
    assert wire.usage() == (0, 0, 0)
    tasks = [asyncio.ensure_future(wire.send(get(server.url + "/sleep?0.5"), 20)) for _ in range(calls)]
    await used(wire, expected)
    await asyncio.gather(*tasks)
    assert wire.usage() == (expected.connections, 0, 0)
    await wire.aclose()


async def test_usage_forgets_calls_that_were_cancelled_or_failed(make: Make, server: RunningServer):
    wire = make(Policy(http2="off", max_connections=1))
    tasks = [asyncio.ensure_future(wire.send(get(server.url + "/sleep?30"), 20)) for _ in range(3)]
    await used(wire, WireUsage(1, 1, 2))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    with pytest.raises(exceptions.ConnectError):
        await wire.send(get(f"http://127.0.0.1:{free_port()}/"), 5)
    async with asyncio.timeout(20):
        while wire.usage()[1:] != (0, 0):
            await asyncio.sleep(0.01)
    await wire.aclose()
