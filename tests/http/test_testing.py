import asyncio

import pytest

from fixtures.http_peers import echo_app
from fixtures.servers import running
from shelfwise.http import RustWire, WireRequest, exceptions
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
