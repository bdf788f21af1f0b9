import asyncio

from fixtures.http_peers import Http2Peer, raw_peer
from shelfwise.http.testing import FakeClock
from shelfwise.http.wire.origins import OriginTable, probe


async def test_an_http2_peer_answers_the_preface_with_its_settings():
    async with raw_peer(Http2Peer().serve) as peer:
        assert await probe("127.0.0.1", peer.port, 2) == "h2"


async def test_an_http1_peer_answers_in_its_own_words():
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with raw_peer(handle) as peer:
        assert await probe("127.0.0.1", peer.port, 2) == "h1"


async def test_a_peer_that_says_nothing_stays_unknown():
    async with raw_peer(lambda *_: asyncio.sleep(0)) as peer:
        assert await probe("127.0.0.1", peer.port, 2) == "unknown"
        port = peer.port
    assert await probe("127.0.0.1", port, 2) == "unknown"
    async with raw_peer(lambda *_: asyncio.sleep(30)) as peer:
        assert await probe("127.0.0.1", peer.port, 0.1) == "unknown"


def test_http2_is_remembered_until_it_breaks():
    table = OriginTable(clock=FakeClock())
    assert table.protocol("a:1") is None
    table.answered_http2("a:1")
    assert table.protocol("a:1") == "h2"
    table.broke("a:1")
    assert table.protocol("a:1") is None


def test_http1_is_remembered_for_ten_minutes_and_a_guess_for_half_of_one():
    clock = FakeClock()
    table = OriginTable(clock=clock)
    table.settle("a:1", "h1")
    table.settle("b:1", "unknown")
    assert (table.protocol("a:1"), table.protocol("b:1")) == ("h1", "h1")
    clock.advance(31)
    assert (table.protocol("a:1"), table.protocol("b:1")) == ("h1", None)
    clock.advance(600)
    assert table.protocol("a:1") is None


def test_the_table_is_bounded():
    table = OriginTable(max_origins=3)
    for number in range(10):
        table.answered_http2(f"h:{number}")
    assert [number for number in range(10) if table.protocol(f"h:{number}")] == [7, 8, 9]
