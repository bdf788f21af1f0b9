import asyncio
from collections import Counter

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError, ResponseError

from fixtures.redis_server import PrivateRedis
from fixtures.shared_cache import Processes, a_key, an_entry
from shelfwise.http.policy import BreakerPolicy
from shelfwise.http.redis.connection import Guard, connect
from shelfwise.http.redis.store import RedisStore
from shelfwise.http.testing import FakeClock, FaultProxy

LONG = 30.0


def guard_of(*states: str, clock: FakeClock | None = None, **options: object) -> tuple[Guard, list[str]]:
    heard: list[str] = []
    return Guard(clock=clock or FakeClock(), on_change=heard.append, **options), heard  # type: ignore[arg-type]


async def fails(error: Exception) -> None:
    raise error


async def answers() -> int:
    return 7


async def test_after_three_failures_in_a_row_redis_is_left_alone_and_then_tried_again():
    clock = FakeClock()
    guard, heard = guard_of(clock=clock)
    for _ in range(5):
        assert await guard.run(lambda: fails(ConnectionRefusedError())) is None
    assert (guard.asked, guard.failed, guard.skipped, guard.state) == (3, 3, 2, "open")
    clock.advance(2)
    assert await guard.run(answers) == 7
    assert await guard.run(answers) == 7
    assert (guard.asked, guard.state, heard) == (5, "closed", ["open", "closed"])


async def test_one_command_at_a_time_finds_out_whether_redis_is_back():
    clock = FakeClock()
    guard, _ = guard_of(clock=clock, timeout_seconds=LONG)
    for _ in range(3):
        await guard.run(lambda: fails(ConnectionRefusedError()))
    clock.advance(2)
    gate = asyncio.Event()
    probe = asyncio.ensure_future(guard.run(gate.wait))
    await asyncio.sleep(0)
    assert await guard.run(answers) is None
    gate.set()
    assert await probe is True
    assert await guard.run(answers) == 7


async def test_a_time_that_the_caller_shortened_says_nothing_of_redis():
    guard, _ = guard_of(timeout_seconds=LONG)
    for _ in range(10):
        assert await guard.run(asyncio.Event().wait, 0.001) is None
    assert (guard.failed, guard.state) == (10, "closed")
    assert await guard.run(answers, 0.0) is None
    assert guard.skipped == 1


async def test_a_full_redis_is_still_read_and_one_that_refuses_commands_is_left_alone():
    guard, _ = guard_of()
    for _ in range(10):
        await guard.run(lambda: fails(OutOfMemoryError()))
    assert guard.state == "closed"
    for _ in range(3):
        await guard.run(lambda: fails(ResponseError("NOPERM")))
    assert guard.state == "open"


async def test_a_callers_cancellation_is_passed_on_and_counts_for_nothing():
    guard, _ = guard_of(timeout_seconds=LONG, policy=BreakerPolicy(consecutive_failures=1))
    task = asyncio.ensure_future(guard.run(asyncio.Event().wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert guard.state == "closed"
    assert await guard.run(answers) == 7


async def test_a_mistake_of_ours_is_not_hidden():
    guard, _ = guard_of()
    with pytest.raises(KeyError):
        await guard.run(lambda: fails(KeyError("a")))


async def run_calls(store: RedisStore, calls: int) -> Counter[bool]:
    """Concurrent lookups that nobody waits for in vain: whether each found the answer."""
    async with asyncio.timeout(60):
        found = await asyncio.gather(*[store.get(a_key(), ()) for _ in range(calls)])
    return Counter(entry is not None for entry in found)


async def stored(redis: Redis, several: Processes, clock: FakeClock) -> RedisStore:
    store = RedisStore(redis, prefix=several.prefix, clock=clock)
    writer = several.store()
    ticket = (await writer.take(a_key(), ())).ticket
    assert ticket is not None
    assert await writer.put(ticket, (), an_entry())
    return store


async def finds_again(store: RedisStore, clock: FakeClock) -> bool:
    for _ in range(200):
        clock.advance(60)
        if await store.get(a_key(), ()) is not None:
            return True
    return False


async def test_a_frozen_redis_is_a_miss_is_soon_left_alone_and_is_used_again_when_it_thaws(
    several: Processes, redis_server: PrivateRedis
):
    clock = FakeClock()
    redis = connect(redis_server.url)
    store = await stored(redis, several, clock)
    assert await finds_again(store, clock)
    with redis_server.paused():
        assert await run_calls(store, 300) == {False: 300}
        asked = store.guard.asked
        assert store.guard.state == "open"
        assert await run_calls(store, 300) == {False: 300}
        assert store.guard.asked == asked
    assert await finds_again(store, clock)
    await redis.aclose()


async def test_a_dead_redis_is_a_miss_and_is_used_again_when_it_is_back(several: Processes, redis_server: PrivateRedis):
    clock = FakeClock()
    redis = connect(redis_server.url)
    store = await stored(redis, several, clock)
    assert await finds_again(store, clock)
    with redis_server.down():
        assert await run_calls(store, 100) == {False: 100}
        asked = store.guard.asked
        assert await run_calls(store, 100) == {False: 100}
        assert store.guard.asked == asked
    assert await store.get(a_key(), ()) is None
    store = await stored(redis, several, clock)
    assert await finds_again(store, clock)
    await redis.aclose()


async def test_a_slow_redis_is_a_miss(several: Processes, redis_server: PrivateRedis):
    clock = FakeClock()
    async with FaultProxy("127.0.0.1", redis_server.port) as proxy:
        redis = connect(f"redis://127.0.0.1:{proxy.port}/0")
        store = await stored(redis, several, clock)
        assert await finds_again(store, clock)
        proxy.latency_seconds = 30.0
        assert await run_calls(store, 10) == {False: 10}
        assert store.guard.state == "open"
        proxy.latency_seconds = 0.0
        assert await finds_again(store, clock)
        await redis.aclose()


async def test_an_address_where_nobody_is_a_miss():
    redis = connect("redis://127.0.0.1:1/0")
    store = RedisStore(redis)
    assert await store.get(a_key(), ()) is None
    assert not await store.invalidate("tag")
    await redis.aclose()


async def test_cancelled_lookups_leave_no_answer_for_the_next_caller(several: Processes, redis_server: PrivateRedis):
    """After hundreds of lookups cut off in the middle, each caller still gets its own answer."""
    redis = connect(redis_server.url, max_connections=4, timeout_seconds=LONG)
    store = RedisStore(redis, guard=Guard(timeout_seconds=LONG), prefix=several.prefix)
    for number in range(4):
        ticket = (await store.take(a_key(path=f"/{number}"), ())).ticket
        assert ticket is not None
        await store.put(ticket, (), an_entry(str(number).encode(), now=store.clock()))
    for number in range(300):
        task = asyncio.ensure_future(store.get(a_key(path=f"/{number % 4}"), ()))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(60):
        found = await asyncio.gather(*[store.get(a_key(path=f"/{number % 4}"), ()) for number in range(40)])
    assert [entry and entry.response.body for entry in found] == [str(number % 4).encode() for number in range(40)]
    await redis.aclose()
