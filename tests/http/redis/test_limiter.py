import asyncio
import math
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from fixtures.redis_server import PrivateRedis
from shelfwise.http import LimiterPolicy
from shelfwise.http.redis.connection import Guard
from shelfwise.http.redis.limiter import RedisRateLimiter
from shelfwise.http.strategies.limiter import RateLimiter
from shelfwise.http.testing import FakeClock

SLOW = LimiterPolicy(rate_per_second=1 / 600, burst=5)  # too slow for a second call to fall due within a test


@pytest.fixture
async def redis(redis_server: PrivateRedis) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_server.url) as client:
        await client.flushall()
        yield client


def limiter(
    redis: Redis,
    policy: LimiterPolicy = SLOW,
    target: str = "sales",
    *,
    clock: FakeClock | None = None,
    timeout_seconds: float = 10.0,  # generous, so that a busy machine is not taken for a Redis that is down
) -> RedisRateLimiter:
    clock = clock or FakeClock()
    guard = Guard(timeout_seconds=timeout_seconds, clock=clock)
    return RedisRateLimiter(redis, guard, policy, target, RateLimiter(policy), clock)


async def admitted(machine: RedisRateLimiter, partition: str = "a", tries: int = 20) -> int:
    return sum([await machine.reserve(partition, 0) is not None for _ in range(tries)])


async def test_two_processes_share_one_burst(redis: Redis):
    first, second = limiter(redis), limiter(redis)
    assert await admitted(first, tries=3) == 3
    assert await admitted(second) == 2
    assert await admitted(first) == 0


async def test_calls_at_once_share_one_burst(redis: Redis):
    machines = [limiter(redis) for _ in range(4)]
    waits = await asyncio.gather(*(machine.reserve("a", 0) for machine in machines for _ in range(10)))
    assert sum(wait is not None for wait in waits) == 5


async def test_partitions_and_targets_have_allowances_of_their_own(redis: Redis):
    names = [("sales", "a"), ("sales", "b"), ("other", "a"), ("sales:a", ""), ("sales", "a:"), ("{sales}", "a")]
    assert [await admitted(limiter(redis, target=target), partition) for target, partition in names] == [5] * 6
    assert len(await redis.keys("*")) == 6


async def test_keys_are_versioned_carry_no_hash_tag_and_expire_with_the_debt(redis: Redis):
    machine = limiter(redis, LimiterPolicy(rate_per_second=0.1, burst=5), "http://[::1]:80/{x}")
    await admitted(machine, "tenant {1}", tries=2)
    (key,) = await redis.keys("*")
    assert key == b"shelfwise:limiter:v1:http%3A%2F%2F%5B%3A%3A1%5D%3A80%2F%7Bx%7D:tenant%20%7B1%7D"
    assert 10_000 < await redis.pttl(key) <= 20_001


async def test_waits_are_those_of_the_algorithm(redis: Redis):
    machine = limiter(redis)
    waits = [await machine.reserve("a", math.inf) for _ in range(8)]
    assert waits[:5] == [0.0] * 5
    # Less what passed of Redis' own time since the first call.
    assert all(1 / 2 < (wait or 0) / (600 * (number + 1)) <= 1 for number, wait in enumerate(waits[5:]))
    assert [wait for wait in waits if wait is not None] == sorted(waits)


async def test_a_call_that_would_wait_too_long_is_refused_and_costs_nothing(redis: Redis):
    machine = limiter(redis, LimiterPolicy(rate_per_second=1 / 600, burst=1))
    assert await machine.reserve("a", 0) == 0
    assert [await machine.reserve("a", 1) for _ in range(10)] == [None] * 10
    assert 500 < (await machine.reserve("a", 600) or 0) <= 600


async def test_without_a_rate_redis_is_not_asked(redis_server: PrivateRedis):
    async with Redis.from_url(redis_server.url) as redis:
        machine = limiter(redis, LimiterPolicy())
        with redis_server.down():
            assert await machine.reserve("a", 0) == 0


@pytest.mark.parametrize("how", ["down", "paused"])
async def test_while_redis_is_down_or_slow_the_process_limits_alone(redis_server: PrivateRedis, redis: Redis, how: str):
    machine = limiter(redis, timeout_seconds=0.05)
    with getattr(redis_server, how)():
        assert await admitted(machine) == 5


async def test_after_failures_redis_is_left_alone_for_a_second_and_then_shared_again(
    redis_server: PrivateRedis, redis: Redis
):
    clock = FakeClock()
    machine = limiter(redis, clock=clock)
    with redis_server.down():
        assert await admitted(machine, tries=3) == 3
    assert await admitted(machine) == 2
    assert await redis.keys("*") == []
    clock.advance(1.2)  # with jitter
    assert await admitted(machine) == 5
    assert len(await redis.keys("*")) == 1


async def test_a_restarted_redis_that_has_forgotten_the_script_is_given_it_again(
    redis_server: PrivateRedis, redis: Redis, caplog: pytest.LogCaptureFixture
):
    machine = limiter(redis)
    assert await admitted(machine) == 5
    await redis.script_flush()
    assert await admitted(machine) == 0
    assert caplog.records == []


async def test_a_cancelled_caller_leaves_no_answer_behind_for_the_next(redis_server: PrivateRedis, redis: Redis):
    machine = limiter(redis)
    await machine.reserve("a", 0)
    with redis_server.paused():
        task = asyncio.create_task(machine.reserve("a", 0))
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await redis.echo("mine") == b"mine"
    assert await admitted(machine, "b") == 5
