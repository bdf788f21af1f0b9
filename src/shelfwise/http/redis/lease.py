"""One fetch for equal requests of several processes: who takes the lease fetches, the others look for the answer."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from shelfwise.http.messages import HeaderPairs
from shelfwise.http.redis.store import Need, RedisStore, Taken
from shelfwise.http.stats import SharedStats
from shelfwise.http.strategies.cache import CacheEntry, CacheKey, Loaded

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.05
_MAX_LEASE_SECONDS = 10.0


Load = Callable[[CacheEntry | None], Awaitable[Loaded[T]]]
"""Fetches from the peer. It is handed what Redis holds for when the peer fails: an answer too old to use, or None."""


class SharedFlight:
    """Fetches once among all processes of one Redis. It joins nothing within a process: put SingleFlight before it.

    The one who leads makes two round trips to Redis, a hit one. A follower looks again after short pauses that grow to
    50 ms, for half of its time; then it fetches by itself, since the leader may have died. A leader's failure is not
    shared: it gives the lease back, and the next one tries.
    """

    def __init__(self, store: RedisStore, *, random: Random | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self.store = store
        self._clock = store.clock
        self._uniform = (random or Random()).random  # noqa: S311 - jitter, not a secret
        self._sleep = sleep
        self._hits = self._misses = self._waits = 0

    def stats(self) -> SharedStats:
        guard = self.store.guard
        return {
            "state": guard.state,
            "hits": self._hits,
            "misses": self._misses,
            "waits": self._waits,
            "asked": guard.asked,
            "failed": guard.failed,
            "skipped": guard.skipped,
        }

    async def fetch_once(
        self,
        key: CacheKey,
        request_headers: HeaderPairs,
        *,
        tags: frozenset[str],
        seconds: float,
        load: Load[T],
    ) -> CacheEntry | T:
        """An answer found in Redis (fresh, or due for revalidation), or what ``load`` returned.

        ``seconds`` is the time that is left for all of it. Raises what ``load`` raises.
        """
        ends_at = self._clock() + seconds
        taken = await self._take(key, request_headers, tags, "usable", ends_at)
        if taken.another_leads("usable", self._clock()):
            taken = await self._follow(key, request_headers, tags, ends_at)
        hit = self._hit(taken, "usable")
        if hit is not None:
            return hit
        return await self._load(taken, request_headers, ends_at, load)

    async def refresh_once(
        self,
        key: CacheKey,
        request_headers: HeaderPairs,
        *,
        tags: frozenset[str],
        seconds: float,
        load: Load[T],
    ) -> CacheEntry | T | None:
        """A fresh answer found in Redis, or what ``load`` returned; None when another process is refreshing it."""
        ends_at = self._clock() + seconds
        taken = await self._take(key, request_headers, tags, "fresh", ends_at)
        if taken.another_leads("fresh", self._clock()):
            return None
        hit = self._hit(taken, "fresh")
        if hit is not None:
            return hit
        return await self._load(taken, request_headers, ends_at, load)

    async def fetch_anew(
        self,
        key: CacheKey,
        request_headers: HeaderPairs,
        *,
        tags: frozenset[str],
        seconds: float,
        load: Load[T],
    ) -> T:
        """What ``load`` returned, whatever is stored: for a caller who wants no answer from a cache."""
        ends_at = self._clock() + seconds
        taken = await self.store.take(key, request_headers, tags, seconds=seconds)
        return await self._load(taken, request_headers, ends_at, load)

    async def _follow(self, key: CacheKey, request_headers: HeaderPairs, tags: frozenset[str], ends_at: float) -> Taken:
        """What is there at the end: the answer, the lease, no Redis any more, or nothing in half of the time."""
        self._waits += 1
        until = self._clock() + (ends_at - self._clock()) / 2
        pause = _FIRST_PAUSE_SECONDS
        while True:
            await self._sleep(pause * (0.5 + self._uniform()))
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
            taken = await self._take(key, request_headers, tags, "usable", ends_at)
            now = self._clock()
            if now >= until or not taken.another_leads("usable", now):
                return taken

    async def _take(
        self, key: CacheKey, request_headers: HeaderPairs, tags: frozenset[str], need: Need, ends_at: float
    ) -> Taken:
        left = ends_at - self._clock()
        lease_seconds = min(left, _MAX_LEASE_SECONDS)
        return await self.store.take(key, request_headers, tags, need=need, lease_seconds=lease_seconds, seconds=left)

    def _hit(self, taken: Taken, need: Need) -> CacheEntry | None:
        entry = taken.found(need, self._clock())
        self._hits += entry is not None
        return entry

    async def _load(self, taken: Taken, request_headers: HeaderPairs, ends_at: float, load: Load[T]) -> T:
        self._misses += 1
        ticket = taken.ticket
        if ticket is None:
            return (await load(taken.entry)).answer
        try:
            loaded = await load(taken.entry)
        except BaseException:
            await self.store.release(ticket)
            raise
        left = ends_at - self._clock()
        if loaded.entry is not None:
            await self.store.put(ticket, request_headers, loaded.entry, seconds=left)
        else:
            await self.store.release(ticket, seconds=left)
        return loaded.answer
