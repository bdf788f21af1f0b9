"""Several instances behind one client: in simulated time, and three real servers."""

import asyncio
from random import Random

import pytest

from fixtures.http_peers import ServerProcess
from shelfwise.http import (
    BreakerOpen,
    CachePolicy,
    NoHooks,
    Policy,
    ServiceClient,
    WireRequest,
    WireResponse,
    exceptions,
)
from shelfwise.http.testing import SimulatedClock, respond

NO_CACHE = Policy(cache=CachePolicy(enabled=False)).for_service()
NAMES = ("http://a", "http://b", "http://c")


class Fleet:
    """A wire whose hosts take their time; None is a refused connection."""

    def __init__(self, clock: SimulatedClock, **seconds: float | None) -> None:
        self.clock = clock
        self.seconds = seconds
        self.sent: list[tuple[float, str]] = []

    async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109 - the seam
        host = request.url.removeprefix("http://").partition("/")[0]
        self.sent.append((self.clock.now, host))
        takes = self.seconds[host]
        if takes is None:
            raise exceptions.ConnectError("Connection refused", sent="no")
        await self.clock.sleep(min(takes, timeout))
        if takes > timeout:
            raise exceptions.ReadTimeout("No answer", sent="maybe")
        return respond(200, host.encode())

    async def aclose(self) -> None:
        pass

    def share(self, host: str, since: float, until: float) -> float:
        hosts = [name for at, name in self.sent if since <= at < until]
        return hosts.count(host) / len(hosts)


class Setup:
    def __init__(self, **seconds: float | None) -> None:
        self.clock = SimulatedClock(0.0)
        self.fleet = Fleet(self.clock, **seconds)
        self.client = ServiceClient(
            ",".join(NAMES[: len(seconds)]), NO_CACHE, self.fleet, NoHooks(),
            name="fleet", clock=self.clock, random=Random(3), sleep=self.clock.sleep, call_later=self.clock.call_later,
        )  # fmt: skip
        self.took: list[tuple[float, float]] = []
        self.failures: list[tuple[float, Exception]] = []

    async def _one(self) -> None:
        started = self.clock.now
        try:
            await self.client.call("GET", "/p")
        except exceptions.HTTPClientError as error:
            self.failures.append((started, error))
        self.took.append((started, self.clock.now - started))

    async def load(self, seconds: float, per_second: int = 100) -> None:
        """Open-loop calls, evenly spread."""
        tasks = []
        for _ in range(int(seconds * per_second)):
            tasks.append(asyncio.ensure_future(self._one()))
            await self.clock.run(1 / per_second)
        await self.clock.run(5)
        await asyncio.gather(*tasks)

    def p99(self, since: float = 0.0) -> float:
        took = sorted(seconds for started, seconds in self.took if started >= since)
        return took[int(len(took) * 0.99)]


async def test_one_slow_instance_of_three_loses_its_traffic_and_gets_it_back():
    setup = Setup(a=0.01, b=0.01, c=0.01)
    await setup.load(5)
    healthy = setup.fleet.share("c", 0, 5)
    slow_since = setup.clock.now
    setup.fleet.seconds["c"] = 0.2
    await setup.load(20)
    assert setup.fleet.share("c", slow_since + 2, slow_since + 20) < 0.02
    setup.fleet.seconds["c"] = 0.01
    well_since = setup.clock.now
    await setup.load(90)
    # The last ten seconds: as much as before, whatever the pause that it was in.
    back = setup.fleet.share("c", well_since + 80, well_since + 90)
    assert healthy > 0.2
    assert back > 0.2
    assert setup.failures == []


async def test_the_99th_percentile_with_a_slow_instance_stays_near_the_healthy_one():
    healthy, limping = Setup(a=0.01, b=0.01, c=0.01), Setup(a=0.01, b=0.01, c=0.25)
    await healthy.load(30)
    await limping.load(30)
    assert limping.p99() < 1.5 * healthy.p99()


async def test_a_dead_instance_costs_no_call_and_its_breaker_opens():
    setup = Setup(a=0.01, b=0.01, c=None)
    await setup.load(20)
    assert setup.failures == []
    stats = {instance["address"]: instance for instance in setup.client.stats()["instances"]}
    assert stats["http://a"]["breaker"] == "closed"
    assert setup.fleet.share("c", 2, 20) < 0.02


async def test_with_every_breaker_open_calls_are_refused_without_being_sent_until_one_recovers():
    setup = Setup(a=None, b=None)
    await setup.load(7)  # past the first probes, which fail: both are open for ten seconds more
    sent = len(setup.fleet.sent)
    with pytest.raises(BreakerOpen, match="every instance of fleet"):
        await setup.client.call("GET", "/p")
    assert len(setup.fleet.sent) == sent
    setup.fleet.seconds["a"] = 0.01
    await setup.clock.run(60)
    setup.failures.clear()
    await setup.load(10)
    late = [error for started, error in setup.failures if started > setup.clock.now - 12]
    assert late == []


async def test_a_lone_dead_instance_opens_its_breaker():
    setup = Setup(a=None)
    await setup.load(2)
    assert setup.client.stats()["instances"][0]["breaker"] != "closed"
    assert any(isinstance(error, BreakerOpen) for _, error in setup.failures)


async def test_what_is_under_way_is_counted_down_whatever_becomes_of_the_call():
    setup = Setup(a=0.01, b=None)
    task = asyncio.ensure_future(setup.client.call("GET", "/p"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await setup.load(3)
    assert [instance["pending"] for instance in setup.client.stats()["instances"]] == [0, 0]


async def test_calls_go_on_when_one_of_three_real_servers_is_killed_and_when_it_is_back():
    async with ServerProcess() as one, ServerProcess() as two:
        async with ServerProcess() as three:
            targets = ",".join(server.url for server in (one, two, three))
            client = ServiceClient(targets, NO_CACHE, hooks=NoHooks(), name="fleet")
            for _ in range(60):
                assert (await client.call("GET", "/p")).status == 200
        for _ in range(60):
            assert (await client.call("GET", "/p")).status == 200
        async with ServerProcess(three.port):
            async with asyncio.timeout(30):
                while True:
                    assert (await client.call("GET", "/p")).status == 200
                    if client.stats()["instances"][2]["latency_p50_seconds"] is not None:
                        latest = client.stats()["instances"][2]
                        if latest["breaker"] == "closed" and not latest["ejected"]:
                            break
                    await asyncio.sleep(0.02)
        await client.aclose()
