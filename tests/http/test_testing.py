import asyncio
from random import Random

import pytest

from fixtures.http_peers import echo_app, raw_peer
from fixtures.servers import running
from shelfwise.http import Policy, RustWire, WireRequest, exceptions
from shelfwise.http.testing import FakeClock, FaultProxy, ScriptedWire, SimulatedClock, respond

REQUEST = WireRequest("GET", "http://a.test/", (), b"")


async def test_a_script_is_played_in_order_and_its_end_is_an_error():
    wire = ScriptedWire([respond(201), exceptions.ReadError("x")])
    assert (await wire.send(REQUEST, 1)).status == 201
    with pytest.raises(exceptions.ReadError):
        await wire.send(REQUEST, 1)
    with pytest.raises(AssertionError, match="no answer left"):
        await wire.send(REQUEST, 1)
    assert len(wire.requests) == 3


async def test_a_silence_passes_time_and_past_the_timeout_it_is_one():
    clock = FakeClock(0)
    wire = ScriptedWire([0.2, respond(200), 5.0], clock=clock)
    assert (await wire.send(REQUEST, 1)).status == 200
    assert clock.now == pytest.approx(0.2)
    with pytest.raises(exceptions.ReadTimeout):
        await wire.send(REQUEST, 1)
    assert clock.now == pytest.approx(1.2)


async def test_simulated_time_wakes_sleepers_in_order():
    clock = SimulatedClock(0)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            woken.append((name, clock.now))

    tasks = [asyncio.ensure_future(sleeper("a", 2, 2)), asyncio.ensure_future(sleeper("b", 3))]
    await clock.run(10)
    assert woken == [("a", 2), ("b", 3), ("a", 4)]
    assert clock.now == 10
    await asyncio.gather(*tasks)


async def test_the_proxy_counts_delays_swallows_and_resets():
    async with running(echo_app) as server, FaultProxy("127.0.0.1", server.port) as proxy:
        wire = RustWire()
        request = WireRequest("GET", proxy.url + "/", (), b"")
        assert (await wire.send(request, 2)).status == 200
        assert proxy.accepted == 1
        proxy.latency_seconds = 0.1
        with pytest.raises(exceptions.ReadTimeout):
            await wire.send(request, 0.05)
        proxy.latency_seconds = 0
        proxy.mode = "blackhole"
        with pytest.raises(exceptions.ReadTimeout):
            await wire.send(request, 0.1)
        proxy.mode = "reset"
        with pytest.raises(exceptions.WireError) as caught:
            await wire.send(request, 2)
        assert caught.value.sent == "maybe"
        proxy.mode = "pass"
        proxy.reset_all()
        await asyncio.sleep(0.05)
        assert (await wire.send(request, 2)).status == 200
        await wire.aclose()


async def test_a_proxy_without_an_upstream_resets():
    async with FaultProxy("127.0.0.1", 1) as proxy:
        wire = RustWire()
        with pytest.raises(exceptions.WireError):
            await wire.send(WireRequest("GET", proxy.url + "/", (), b""), 2)
        await wire.aclose()


async def through(proxy: FaultProxy, sent: bytes) -> bytes:
    """What comes back over one connection when ``sent`` has gone in, until it ends; RST ends it too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(sent)
        writer.write_eof()
        async with asyncio.timeout(20):
            return await reader.read()
    except OSError:
        return b"reset"
    finally:
        writer.transport.abort()


async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back what it gets."""
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()


@pytest.mark.parametrize("after", [0, 1, 6])
async def test_a_cut_passes_exactly_so_many_bytes_and_then_resets_once(after: int):
    got = bytearray()

    async def note(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            got.extend(chunk)

    async with raw_peer(note) as peer, FaultProxy("127.0.0.1", peer.port) as proxy:
        proxy.cut("request", after)
        assert proxy.cut_pending
        assert await through(proxy, b"0123456789") == b"reset"
        assert not proxy.cut_pending
        assert await through(proxy, b"next") == b""
        assert bytes(got) == b"0123456789"[:after] + b"next"
        assert (proxy.resets, proxy.passed["request"]) == (1, after + 4)


async def test_a_cut_beyond_what_is_sent_waits_for_the_bytes_of_later_connections():
    async with raw_peer(repeat) as peer, FaultProxy("127.0.0.1", peer.port) as proxy:
        proxy.cut("response", 6)
        assert await through(proxy, b"0123") == b"0123"
        assert await through(proxy, b"4567") in {b"45", b"reset"}  # RST may overtake what came before it
        assert proxy.passed["response"] == 6


async def test_a_stop_leaves_the_connection_open_and_silent():
    async with raw_peer(repeat) as peer, FaultProxy("127.0.0.1", peer.port) as proxy:
        proxy.cut("response", 2, "stop")
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"0123456789")
        async with asyncio.timeout(20):
            assert await reader.readexactly(2) == b"01"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.read(1)
        writer.transport.abort()
        assert proxy.resets == 0


async def test_a_slow_line_passes_everything_in_pieces():
    pieces: list[int] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            pieces.append(len(chunk))
        writer.write(b"done")

    async with raw_peer(note) as peer, FaultProxy("127.0.0.1", peer.port) as proxy:
        proxy.bytes_per_second = 100_000
        assert await through(proxy, b"x" * 30_000) == b"done"
    assert sum(pieces) == 30_000
    assert max(pieces) <= 10_000


async def test_one_seed_breaks_the_same_connections_again():
    async def broken(seed: int) -> list[bool]:
        async with raw_peer(repeat) as peer, FaultProxy("127.0.0.1", peer.port, random=Random(seed)) as proxy:
            proxy.reset_probability = 0.3
            answers = [await through(proxy, b"a") for _ in range(40)]
            assert proxy.resets == answers.count(b"reset")
            return [answer == b"reset" for answer in answers]

    first = await broken(1)
    assert await broken(1) == first
    assert await broken(2) != first
    assert 4 <= sum(first) <= 20


async def test_connections_are_refused_by_chance_and_counted():
    async with raw_peer(repeat) as peer, FaultProxy("127.0.0.1", peer.port) as proxy:
        proxy.refuse_probability = 1.0
        assert await through(proxy, b"a") == b"reset"
        proxy.refuse_probability = 0.0
        assert await through(proxy, b"a") == b"a"
        assert (proxy.accepted, proxy.resets, peer.accepted) == (2, 1, 1)


async def test_a_tenth_of_the_calls_over_http1_meets_a_reset():
    async with running(echo_app) as server, FaultProxy("127.0.0.1", server.port, random=Random(7)) as proxy:
        proxy.reset_probability = 0.1
        proxy.latency_seconds, proxy.latency_jitter_seconds = 0.0005, 0.001
        wire = RustWire(Policy(http2="off"))
        request = WireRequest("GET", proxy.url + "/", (), b"")
        ended = [
            (await asyncio.gather(*(wire.send(request, 20) for _ in range(10)), return_exceptions=True))
            for _ in range(30)
        ]
        failed = [end for ten in ended for end in ten if isinstance(end, exceptions.WireError)]
        assert len(failed) == proxy.resets
        assert 10 <= len(failed) <= 60
        await wire.aclose()
