"""What every wire is held to over HTTP/1.1: connections are kept, and never more than allowed."""

import asyncio

import pytest
from msgspec.structs import replace

from fixtures.http_peers import raw_peer
from fixtures.servers import RunningServer
from fixtures.wires import WireKind, get
from shelfwise.http import Policy, Wire
from shelfwise.http.testing import FaultProxy


class Counting:
    """Answers every request on a kept connection, and knows how many were open at once."""

    def __init__(self) -> None:
        self._open = 0
        self.most = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        self.most = max(self.most, self._open)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        finally:
            self._open -= 1


async def test_calls_one_after_the_other_share_one_connection(http1_wire: Wire, server: RunningServer):
    async with FaultProxy("127.0.0.1", server.port) as proxy:
        for number in range(50):
            answer = await http1_wire.send(get(f"{proxy.url}/{number}"), 5)
            assert (answer.status, answer.http_version) == (200, "HTTP/1.1")
        assert proxy.accepted == 1


async def test_a_thousand_calls_keep_to_the_limit_of_connections(http1_kind: WireKind):
    peer = Counting()
    wire = http1_kind.make(Policy(max_connections=20, max_keepalive=5))
    async with raw_peer(peer.serve) as raw:
        answers = await asyncio.gather(*(wire.send(get(raw.url + "/"), 60) for _ in range(1000)))
        await wire.aclose()
    assert [answer.body for answer in answers] == [b"ok"] * 1000
    assert 1 < peer.most <= 20


@pytest.mark.parametrize("body", [b"", b"body"])
async def test_a_cancelled_call_gives_its_connection_back(http1_kind: WireKind, server: RunningServer, body: bytes):
    wire = http1_kind.make(Policy(max_connections=2))
    for _ in range(20):
        request = replace(get(server.url + "/sleep?30"), method="POST", body=body)
        tasks = [asyncio.ensure_future(wire.send(request, 60)) for _ in range(2)]
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert (await wire.send(get(server.url + "/"), 20)).status == 200
    await wire.aclose()
