"""Clients that share one Redis, as the processes of a service do: through the whole pipeline."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from random import Random

import pytest
from redis.asyncio import Redis

from fixtures.redis_server import PrivateRedis
from shelfwise.http import CachePolicy, LimiterPolicy, NoHooks, Policy, RateLimited, ServiceClient, exceptions
from shelfwise.http.redis.connection import Guard
from shelfwise.http.testing import FakeClock, ScriptedWire, Step, respond

GONE = exceptions.ConnectError("Connection refused", sent="no")


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine's pauses are not a slow Redis."""
    original = Guard.__init__

    def patient(self: Guard, **options: object) -> None:
        original(self, **{"timeout_seconds": 5.0, **options})  # type: ignore[arg-type]

    monkeypatch.setattr(Guard, "__init__", patient)


class Fleet:
    """Processes of one service: clients with clocks of their own, and one peer that counts requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.peer = ScriptedWire(then=lambda _: self.answers())
        self.answers = self.numbered
        self._number = itertools.count(1)
        self._clients: list[ServiceClient] = []

    def numbered(self) -> Step:
        return respond(200, str(next(self._number)).encode())

    def process(self, **policy: object) -> "tuple[ServiceClient, FakeClock]":
        clock = FakeClock(1000.0 * (len(self._clients) + 1))
        wanted = Policy(redis_url=self.url, **({"cache": CachePolicy()} | policy)).for_service()  # type: ignore[arg-type]
        client = ServiceClient(
            "http://sales", wanted, self.peer, NoHooks(), name="sales", clock=clock, random=Random(1), sleep=clock.sleep
        )
        self._clients.append(client)
        return client, clock

    async def aclose(self) -> None:
        for client in self._clients:
            await client.aclose()


@pytest.fixture
async def fleet(redis_server: PrivateRedis) -> AsyncIterator[Fleet]:
    async with Redis.from_url(redis_server.url) as redis:
        await redis.flushall()
    made = Fleet(redis_server.url)
    yield made
    await made.aclose()


async def get(client: ServiceClient, subject: str = "u", partition: str = "t", **options: object) -> str:
    reply = await client.call("GET", "/p", subject=subject, partition=partition, **options)  # type: ignore[arg-type]
    return f"{reply.status} {reply.body.decode()} {reply.cache.stale_reason or reply.cache.status}"


async def test_what_one_process_has_fetched_another_finds(fleet: Fleet):
    (one, _), (two, _) = fleet.process(), fleet.process()
    assert [await get(one), await get(two), await get(two)] == ["200 1 miss", "200 1 hit", "200 1 hit"]
    assert len(fleet.peer.requests) == 1


async def test_neither_another_persons_nor_another_tenants_answer_is_found(fleet: Fleet):
    (one, _), (two, _) = fleet.process(), fleet.process()
    await get(one)
    assert await get(two, subject="v") == "200 2 miss"
    assert await get(two, partition="s") == "200 3 miss"


async def test_processes_that_ask_at_once_send_one_request(fleet: Fleet):
    clients = [fleet.process()[0] for _ in range(4)]
    answers = await asyncio.gather(*(get(client) for client in clients))
    assert len(fleet.peer.requests) == 1
    assert {answer.split()[1] for answer in answers} == {"1"}


async def test_an_old_answer_of_another_process_stands_in_when_the_peer_fails(fleet: Fleet):
    brief = CachePolicy(ttl_seconds=0.01, stale_while_revalidate_seconds=0.0)
    (one, _), (two, _) = fleet.process(cache=brief), fleet.process(cache=brief)
    await get(one)
    await asyncio.sleep(0.05)  # Redis' own clock dates the answer
    fleet.answers = lambda: GONE
    assert await get(two) == "200 1 error"


async def test_a_failure_is_shared_with_nobody(fleet: Fleet):
    (one, _), (two, _) = fleet.process(), fleet.process()
    fleet.answers = lambda: respond(400, b"no")
    assert await get(one) == "400 no miss"
    fleet.answers = fleet.numbered
    assert await get(two) == "200 1 miss"


async def test_an_invalidated_answer_is_gone_for_every_process(fleet: Fleet):
    (one, _), (two, _) = fleet.process(), fleet.process()
    await get(one, tags=["product"])
    assert await one.invalidate_everywhere("product", "t")
    assert await get(one, tags=["product"]) == "200 2 miss"
    assert await get(two, tags=["product"]) == "200 2 hit"


async def test_who_wants_no_answer_from_a_cache_asks_the_peer_and_the_others_find_that(fleet: Fleet):
    (one, _), (two, _), (three, _) = fleet.process(), fleet.process(), fleet.process()
    await get(one)
    assert await get(two, headers={"cache-control": "no-cache"}) == "200 2 miss"
    assert await get(three) == "200 2 hit"


async def test_the_rate_limit_is_one_for_all_processes(fleet: Fleet):
    slow = LimiterPolicy(rate_per_second=1 / 600, burst=5)
    clients = [fleet.process(limiter=slow)[0] for _ in range(3)]
    refused = 0
    for number in range(12):
        try:
            await clients[number % 3].call("PUT", "/p", partition="t")
        except RateLimited:
            refused += 1
    assert (len(fleet.peer.requests), refused) == (5, 7)


async def test_with_redis_gone_or_frozen_each_process_goes_on_alone_and_says_so_once(
    fleet: Fleet, redis_server: PrivateRedis, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "shelfwise.http.redis")
    (one, _), (two, clock) = fleet.process(), fleet.process()
    await get(one)
    with redis_server.down():
        for subject in "abcdef":
            assert (await get(two, subject=subject)).endswith("miss")
        assert two.stats()["shared"]["state"] == "open"
        assert [record.levelname for record in caplog.records] == ["WARNING"]
    clock.advance(1.2)
    await get(two, subject="g")
    assert two.stats()["shared"]["state"] == "closed"
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert (await get(one, subject="g")).endswith("hit")
