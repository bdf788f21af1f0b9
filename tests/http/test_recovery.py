"""After an outage, of whatever kind and length, calls get through again as soon as the breaker looks."""

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.sizes import STATED
from shelfwise.http import CachePolicy, NoHooks, Policy, ServiceClient, WireRequest, WireResponse, exceptions
from shelfwise.http.testing import SimulatedClock, respond

OUTAGES = ("refused", "silent", "500", "503", "429", "refused stream")
HEALTHY_SECONDS = 0.005


class Peer:
    """One instance that is out of order while ``outage`` says how."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.outage: str | None = None

    async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109 - the seam
        outage = self.outage
        await self.clock.sleep(timeout if outage == "silent" else HEALTHY_SECONDS)
        if outage == "refused":
            raise exceptions.ConnectError("Connection refused", sent="no")
        if outage == "silent":
            raise exceptions.ReadTimeout("No answer", sent="maybe")
        if outage == "refused stream":
            raise exceptions.RemoteProtocolError("REFUSED_STREAM", sent="no")
        return respond(200 if outage is None else int(outage))

    async def aclose(self) -> None:
        pass


class Load:
    """Open-loop calls on a simulated clock; ``good`` and ``bad`` count how they ended."""

    def __init__(self, seed: int, calls_per_second: int) -> None:
        self.clock = SimulatedClock(0.0)
        self.peer = Peer(self.clock)
        policy = Policy(cache=CachePolicy(enabled=False)).for_service()
        self.client = ServiceClient(
            "http://sales",
            policy,
            self.peer,
            NoHooks(),
            clock=self.clock,
            random=Random(seed),
            sleep=self.clock.sleep,
            call_later=self.clock.call_later,
        )
        self.pause = 1 / calls_per_second
        self.good = self.bad = 0

    async def _one(self) -> None:
        try:
            reply = await self.client.call("GET", "/p")
        except exceptions.HTTPClientError:
            self.bad += 1
        else:
            self.good += reply.status == 200
            self.bad += reply.status != 200

    async def run(self, seconds: float, outage: str | None = None) -> float:
        """The share of good answers among the calls begun in these seconds."""
        self.peer.outage = outage
        self.good = self.bad = 0
        ends = self.clock.now + seconds
        tasks = []
        while self.clock.now < ends:
            tasks.append(asyncio.ensure_future(self._one()))
            await self.clock.run(self.pause)
        while not all(task.done() for task in tasks):
            await self.clock.run(self.pause)
        return self.good / (self.good + self.bad)


@pytest.mark.long
@settings(max_examples=100 if STATED else 6, deadline=None)
@given(
    outage=st.sampled_from(OUTAGES),
    seconds=st.floats(1, 600 if STATED else 30),
    calls_per_second=st.sampled_from([2, 10]),
    seed=st.integers(0, 2**32),
)
def test_after_any_outage_95_percent_succeed_within_one_window_of_the_breaker(outage, seconds, calls_per_second, seed):
    async def check() -> None:
        load = Load(seed, calls_per_second)
        assert await load.run(10) == 1.0
        await load.run(seconds, outage)
        load.peer.outage = None
        open_for = load.client.stats()["instances"][0]["breaker_retry_in_seconds"]
        await load.run(open_for + 10)  # the breaker looks, and its window passes
        assert await load.run(10) >= 0.95

    asyncio.run(check())


async def test_a_peer_that_says_overloaded_is_asked_less_and_less_while_its_breaker_stays_closed():
    load = Load(seed=1, calls_per_second=20)
    await load.run(5)
    await load.run(30, "429")
    before = load.client.stats()["attempts"]
    await load.run(30, "429")
    assert load.client.stats()["attempts"] - before < 20 * 30 * 0.5
    assert load.client.stats()["instances"][0]["breaker"] == "closed"
