"""The second level of the response cache: answers that every process finds in one Redis.

An answer remembers the generation of each of its tags as it was before the answer was asked for. A generation is a
random value under ``(partition, tag)``; to invalidate is to delete it, and whoever asks next makes a new one. So an
invalidation costs one command however many answers it ends, an answer on its way during the invalidation is not
stored, and what Redis loses or evicts only ends more answers, never brings one back.

Redis' own clock dates the answers, so the clocks of the processes need not agree.
"""

import secrets
import time
from collections import OrderedDict
from typing import Literal, NamedTuple, cast

from redis.asyncio import Redis

from shelfwise.http.messages import HeaderPairs
from shelfwise.http.policy import MEBIBYTE
from shelfwise.http.redis import codec
from shelfwise.http.redis.connection import TIMEOUT_SECONDS, Guard
from shelfwise.http.redis.scripts import GIVE, TAKE
from shelfwise.http.strategies.cache import CacheEntry, CacheKey, vary_values
from shelfwise.http.strategies.deadline import Clock

Need = Literal["usable", "fresh", "none"]
"""What will do instead of a fetch: a fresh answer or one due for revalidation, only a fresh one, or none."""

PREFIX = "shelfwise:http:1:"
_GENERATION_MS = 3600 * 1000
_MAX_VARY_HINTS = 4096
_MAX_OWED = 4096
_NO_TAGS: frozenset[str] = frozenset()


class Ticket(NamedTuple):
    """What Redis said when an answer was looked up: needed to store the one that is fetched instead.

    ``leads``: this process holds the lease on fetching it.
    """

    key: CacheKey
    lease_key: str
    token: str
    leads: bool
    generations: bytes
    redis_ms: int
    clock: float


class Taken(NamedTuple):
    """``entry``: an answer in any state of freshness. ``ticket`` None: Redis did not answer."""

    entry: CacheEntry | None
    ticket: Ticket | None

    def found(self, need: Need, now: float) -> CacheEntry | None:
        """The entry, if it will do."""
        if self.entry is None or need == "none":
            return None
        freshness = self.entry.freshness(now)
        will_do = freshness == "fresh" or (need == "usable" and freshness == "revalidate")
        return self.entry if will_do else None

    def another_leads(self, need: Need, now: float) -> bool:
        """Nothing that will do is there yet, and another process has the lease on fetching it."""
        return self.ticket is not None and not self.ticket.leads and self.found(need, now) is None


class _Told(NamedTuple):
    raw: bytes | None
    ticket: Ticket


_UNANSWERED = Taken(None, None)


class RedisStore:
    """Answers by key, the request's Vary values and the tags' generations. Never raises for what Redis does.

    A Redis that is down, slow or full, and a value that is damaged or of another version, is a miss. ``redis`` is one
    server or a primary (the scripts touch keys of several hash slots) and stays the caller's to close.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        guard: Guard | None = None,
        prefix: str = PREFIX,
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_entry_bytes: int = MEBIBYTE,
        clock: Clock = time.monotonic,
    ) -> None:
        self.guard = guard if guard is not None else Guard(timeout_seconds=timeout_seconds, clock=clock)
        self.clock = clock
        self._redis = redis
        self._prefix = prefix
        self._max_entry_bytes = max_entry_bytes
        self._take = redis.register_script(TAKE)
        self._give = redis.register_script(GIVE)
        self._vary_hints: OrderedDict[bytes, tuple[str, ...]] = OrderedDict()
        self._invalidations = 0
        self._owed: OrderedDict[str, int] = OrderedDict()

    async def get(
        self, key: CacheKey, request_headers: HeaderPairs, tags: frozenset[str] = _NO_TAGS
    ) -> CacheEntry | None:
        """The answer stored for ``key`` under just these ``tags``, in any state of freshness."""
        return (await self.take(key, request_headers, tags)).entry

    async def take(
        self,
        key: CacheKey,
        request_headers: HeaderPairs,
        tags: frozenset[str] = _NO_TAGS,
        *,
        need: Need = "none",
        lease_seconds: float = 0.0,
        seconds: float | None = None,
    ) -> Taken:
        """The answer stored for ``key``, if any, and a ticket to store a newer one.

        With ``lease_seconds``, and nothing stored that meets ``need``, it also tries for the lease. One round trip;
        two the first time that this process meets an answer with a Vary header. ``seconds`` bounds each.
        """
        if self._owed and not await self._pay(seconds):
            return _UNANSWERED
        base = codec.digest_of(key)
        names = self._vary_hints.get(base, ())
        lease_ms = max(int(lease_seconds * 1000), 0)
        for _ in range(2):
            digest = codec.digest_of(key, names, vary_values(names, request_headers)) if names else base
            before = self.clock()
            told = await self._ask(key, digest, tags, need, lease_ms, seconds)
            if told is None:
                break
            value = None if told.raw is None else codec.decode(told.raw, digest)
            if value is None:
                return Taken(None, told.ticket)
            if value.answer is not None:
                return Taken(codec.to_entry(value.label, value.answer, told.ticket.redis_ms, before, tags), told.ticket)
            names = self._remember(base, value.label.vary)
        return _UNANSWERED

    async def _ask(
        self, key: CacheKey, digest: bytes, tags: frozenset[str], need: Need, lease_ms: int, seconds: float | None
    ) -> _Told | None:
        lease_key, token = self._name("lease", digest), secrets.token_hex(16)
        keys = [self._name("answer", digest), lease_key, *self._generation_keys(key.partition, tags)]
        arguments = (codec.VERSION, self._max_entry_bytes, need, token, lease_ms, token, _GENERATION_MS)
        told = await self.guard.run(lambda: self._take(keys, arguments), seconds)
        if told is None:
            return None
        raw, redis_ms, leads, generations = cast("tuple[bytes | None, int, int, bytes]", told)
        return _Told(raw, Ticket(key, lease_key, token, bool(leads), generations, redis_ms, self.clock()))

    async def put(
        self, ticket: Ticket, request_headers: HeaderPairs, entry: CacheEntry, *, seconds: float | None = None
    ) -> bool:
        """Store ``entry`` for the request of ``ticket`` and give back its lease; says whether it was stored.

        It is not when it is too large or cannot be put into bytes, nor when one of its tags was invalidated after the
        ticket was taken.
        """
        if self._owed and not await self._pay(seconds):
            return False
        base = codec.digest_of(ticket.key)
        digest = base
        if entry.vary:
            digest = codec.digest_of(ticket.key, entry.vary, vary_values(entry.vary, request_headers))
            self._remember(base, entry.vary)
        else:
            self._vary_hints.pop(base, None)
        stored_at_ms = ticket.redis_ms + int((entry.stored_at - ticket.clock) * 1000)
        value = codec.encode_answer(entry, digest, stored_at_ms, ticket.generations)
        life_ms = codec.life_ms(entry)
        if value is None or len(value) > self._max_entry_bytes or life_ms <= 0:
            await self.release(ticket, seconds=seconds)
            return False
        keys = [
            self._name("answer", digest),
            ticket.lease_key,
            self._name("answer", base),
            *self._generation_keys(ticket.key.partition, entry.tags),
        ]
        vary = codec.encode_vary(entry.vary, base) if entry.vary else b""
        arguments = (value, life_ms, ticket.token, ticket.generations, vary)
        return bool(await self.guard.run(lambda: self._give(keys, arguments), seconds))

    async def release(self, ticket: Ticket, *, seconds: float | None = None) -> None:
        """Give back the lease of ``ticket`` without an answer, so that another process may try."""
        if ticket.leads:
            keys = ["", ticket.lease_key, ""]
            await self.guard.run(lambda: self._give(keys, ("", 0, ticket.token, "", "")), seconds)

    async def invalidate(self, tag: str, partition: str | None = None) -> bool:
        """End every answer stored under ``tag`` (in ``partition`` only, if given), for all processes.

        False: Redis did not answer. This store then reads and writes nothing until it has told Redis; another process
        may find the old answers until they end by themselves.
        """
        self._invalidations += 1
        self._owed[self._name("tag", codec.tag_digest(partition, tag))] = self._invalidations
        if len(self._owed) > _MAX_OWED:
            self._owed.popitem(last=False)
        return await self._pay(None)

    async def _pay(self, seconds: float | None) -> bool:
        """Tell Redis of the invalidations that it has not heard of."""
        owed = dict(self._owed)
        if await self.guard.run(lambda: self._redis.delete(*owed), seconds) is None:
            return False
        for name, number in owed.items():
            if self._owed.get(name) == number:  # else it was invalidated again meanwhile
                del self._owed[name]
        return True

    def _generation_keys(self, partition: str, tags: frozenset[str]) -> list[str]:
        return [self._name("tag", codec.tag_digest(whose, tag)) for tag in sorted(tags) for whose in (partition, None)]

    def _name(self, kind: str, digest: bytes) -> str:
        return f"{self._prefix}{kind}:{digest.hex()}"

    def _remember(self, base: bytes, names: tuple[str, ...]) -> tuple[str, ...]:
        self._vary_hints[base] = names
        self._vary_hints.move_to_end(base)
        if len(self._vary_hints) > _MAX_VARY_HINTS:
            self._vary_hints.popitem(last=False)
        return names
