import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fixtures.redis_server import PrivateRedis
from fixtures.shared_cache import USUAL, Processes, a_key, an_entry
from shelfwise.http.redis.connection import Guard, connect
from shelfwise.http.redis.lease import Loaded, SharedFlight
from shelfwise.http.redis.store import RedisStore
from shelfwise.http.strategies.cache import CacheEntry, Lifetime
from shelfwise.http.testing import FakeClock

PROGRAM = Path(__file__).parents[2] / "fixtures" / "fetching_process.py"
NO_TAGS: frozenset[str] = frozenset()


class Peer:
    """Counts what is asked of it, and answers, fails, or makes wait."""

    def __init__(self, *, error: Exception | None = None, lifetime: Lifetime = USUAL) -> None:
        self.asked = 0
        self.handed: list[CacheEntry | None] = []
        self.error = error
        self.lifetime = lifetime
        self.gate = asyncio.Event()
        self.gate.set()
        self.shared = True

    async def load(self, stale: CacheEntry | None) -> Loaded[str]:
        self.asked += 1
        self.handed.append(stale)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        entry = an_entry(f"answer {self.asked}".encode(), lifetime=self.lifetime)
        return Loaded(f"answer {self.asked}", entry if self.shared else None)


def flight(several: Processes, **options: object) -> SharedFlight:
    """As one process has it; its clock moves only while it waits for another process."""
    store = several.store(**options)
    assert isinstance(store.clock, FakeClock)
    return SharedFlight(store, sleep=store.clock.sleep)


async def once(flight: SharedFlight, peer: Peer, seconds: float = 2.0) -> str:
    got = await flight.fetch_once(a_key(), (), tags=NO_TAGS, seconds=seconds, load=peer.load)
    return got if isinstance(got, str) else f"found {got.response.body.decode()}"


async def test_the_first_fetches_in_two_round_trips_and_the_next_process_finds_it_in_one(several: Processes):
    peer, first, second = Peer(), flight(several), flight(several)
    assert await once(first, peer) == "answer 1"
    assert await once(second, peer) == "found answer 1"
    assert peer.asked == 1
    assert [one.store.guard.asked for one in (first, second)] == [2, 1]
    assert (first.stats()["misses"], second.stats()["hits"]) == (1, 1)


async def test_who_comes_while_another_process_fetches_waits_for_its_answer(several: Processes):
    peer, first, second = Peer(), flight(several), flight(several)
    peer.gate.clear()
    leading = asyncio.ensure_future(once(first, peer))
    await until(lambda: peer.asked == 1)
    following = asyncio.ensure_future(once(second, peer, seconds=1e6))
    await until(lambda: second.store.guard.asked > 2)
    peer.gate.set()
    assert await leading == "answer 1"
    assert await following == "found answer 1"
    assert peer.asked == 1
    assert second.stats()["waits"] == 1


async def test_a_follower_waits_half_of_its_time_and_then_fetches_by_itself(several: Processes):
    stuck, peer, first, second = Peer(), Peer(), flight(several), flight(several)
    stuck.gate.clear()
    leading = asyncio.ensure_future(once(first, stuck))
    await until(lambda: stuck.asked == 1)
    began = second.store.clock()
    assert await once(second, peer, seconds=2.0) == "answer 1"
    assert 1.0 <= second.store.clock() - began < 1.2
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)


async def test_a_leaders_failure_is_its_own_and_the_next_one_tries(several: Processes):
    bad, good = Peer(error=ConnectionError("reset")), Peer()
    first, second = flight(several), flight(several)
    bad.gate.clear()
    leading = asyncio.ensure_future(once(first, bad))
    await until(lambda: bad.asked == 1)
    following = asyncio.ensure_future(once(second, good, seconds=1e6))
    await until(lambda: second.store.guard.asked > 2)
    bad.gate.set()
    with pytest.raises(ConnectionError):
        await leading
    assert await following == "answer 1"


async def test_an_answer_that_is_not_for_others_gives_the_lease_back(several: Processes):
    private, peer = Peer(), Peer()
    private.shared = False
    assert await once(flight(several), private) == "answer 1"
    assert await once(flight(several), peer) == "answer 1"
    assert [name for name in await several.keys() if ":lease:" in name] == []


async def test_a_cancelled_leader_gives_the_lease_back(several: Processes):
    peer = Peer()
    peer.gate.clear()
    leading = asyncio.ensure_future(once(flight(several), peer))
    await until(lambda: peer.asked == 1)
    assert any(":lease:" in name for name in await several.keys())
    leading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leading
    assert not any(":lease:" in name for name in await several.keys())


async def test_a_lease_that_another_process_took_over_is_not_given_back_for_it(several: Processes):
    first, second = several.store(), several.store()
    old = (await first.take(a_key(), (), need="usable", lease_seconds=9)).ticket
    assert old is not None
    [lease] = await several.keys()
    await several.redis.delete(lease)  # it expired
    new = (await second.take(a_key(), (), need="usable", lease_seconds=9)).ticket
    assert new is not None
    assert new.leads
    await first.release(old)
    assert await several.keys() == [lease]
    await second.release(new)
    assert await several.keys() == []


async def test_an_answer_due_for_revalidation_is_found_and_refreshed_by_one_process(several: Processes):
    peer = Peer(lifetime=Lifetime(0.0, 3000.0, 3000.0, 0.0))
    first, second, third = flight(several), flight(several), flight(several)
    assert await once(first, peer) == "answer 1"
    assert await once(second, peer) == "found answer 1"
    peer.gate.clear()
    refreshing = asyncio.ensure_future(second.refresh_once(a_key(), (), tags=NO_TAGS, seconds=2.0, load=peer.load))
    await until(lambda: peer.asked == 2)
    assert await third.refresh_once(a_key(), (), tags=NO_TAGS, seconds=2.0, load=peer.load) is None
    peer.gate.set()
    assert await refreshing == "answer 2"
    assert peer.asked == 2


async def test_a_refresh_takes_the_fresh_answer_that_another_process_fetched(several: Processes):
    peer = Peer()
    await once(flight(several), peer)
    found = await flight(several).refresh_once(a_key(), (), tags=NO_TAGS, seconds=2.0, load=peer.load)
    assert isinstance(found, CacheEntry)
    assert peer.asked == 1


async def test_who_wants_no_cached_answer_fetches_anew_and_shares_it(several: Processes):
    peer = Peer()
    await once(flight(several), peer)
    assert await flight(several).fetch_anew(a_key(), (), tags=NO_TAGS, seconds=2.0, load=peer.load) == "answer 2"
    assert await once(flight(several), peer) == "found answer 2"


async def test_an_answer_too_old_to_use_is_handed_over_for_when_the_peer_fails(several: Processes):
    peer = Peer(lifetime=Lifetime(0.0, 0.0, 3000.0, 0.0))
    await once(flight(several), peer)
    await once(flight(several), peer)
    assert [entry and entry.response.body for entry in peer.handed] == [None, b"answer 1"]


async def test_without_redis_every_process_fetches_for_itself_and_asks_redis_nothing_more(redis_server: PrivateRedis):
    redis = connect("redis://127.0.0.1:1/0")
    guard = Guard()
    peer = Peer()
    lonely = SharedFlight(RedisStore(redis, guard=guard))
    for number in range(1, 6):
        assert await once(lonely, peer) == f"answer {number}"
    assert guard.asked == 3
    await redis.aclose()


async def test_redis_dying_between_the_lookup_and_the_store_costs_nobody_the_answer(
    several: Processes, redis_server: PrivateRedis
):
    peer, first, second = Peer(), flight(several), flight(several)
    peer.gate.clear()
    leading = asyncio.ensure_future(once(first, peer))
    await until(lambda: peer.asked == 1)
    following = asyncio.ensure_future(once(second, peer, seconds=1e6))
    await until(lambda: second.store.guard.asked > 1)
    with redis_server.down():
        peer.gate.set()
        assert await leading in {"answer 1", "answer 2"}
        assert await following in {"answer 1", "answer 2"}
    assert peer.asked == 2


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


class Fetching:
    """The other process."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self.child = child

    def begin(self) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(b"\n")

    async def says(self) -> str:
        assert self.child.stdout is not None
        async with asyncio.timeout(60):
            return (await self.child.stdout.readline()).decode().strip()

    async def ends_with(self) -> str:
        said = await self.says()
        return await self.says() if said == "fetching" else said


@asynccontextmanager
async def begun(several: Processes, url: str, *modes: tuple[str, float]) -> AsyncIterator[list[Fetching]]:
    """A process for each mode and time, all ready to begin."""
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, str(PROGRAM), url, several.prefix, mode, str(seconds),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        for mode, seconds in modes
    ]  # fmt: skip
    try:
        found = [Fetching(child) for child in children]
        assert [await each.says() for each in found] == ["ready"] * len(found)
        yield found
    finally:
        for child in children:
            if child.returncode is None:
                child.kill()
            await child.wait()


async def fetches(several: Processes) -> int:
    return int(await several.redis.get(several.prefix + "fetches") or 0)


async def test_of_several_processes_that_race_one_fetches(several: Processes, redis_server: PrivateRedis):
    async with begun(several, redis_server.url, *[("", 60.0)] * 3) as racing:
        for each in racing:
            each.begin()
        ended = sorted([await each.ends_with() for each in racing])
    assert ended == ["fetched", "found", "found"]
    assert await fetches(several) == 1


async def test_when_the_leader_is_killed_another_takes_over_as_its_lease_ends(
    several: Processes, redis_server: PrivateRedis
):
    async with begun(several, redis_server.url, ("hang", 1.0), ("", 60.0)) as (leader, other):
        leader.begin()
        assert await leader.says() == "fetching"
        other.begin()
        leader.child.kill()
        assert await other.ends_with() == "fetched"
    assert await fetches(several) == 2
