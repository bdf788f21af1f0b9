"""Answers from memory, and one request for many equal calls: the cache, stale answers, and single flight."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from shelfwise.http.calls import Answer, Call
from shelfwise.http.exceptions import DeadlineExceeded, HTTPClientError, RateLimited, ReadError
from shelfwise.http.policy import Policy
from shelfwise.http.reply import FROM_NETWORK, UNCACHED, CacheInfo, Reply
from shelfwise.http.stats import Counters
from shelfwise.http.strategies.breaker import outcome_of
from shelfwise.http.strategies.cache import CacheEntry, Loaded, ResponseCache
from shelfwise.http.strategies.coalesce import SingleFlight
from shelfwise.http.strategies.deadline import Clock

if TYPE_CHECKING:  # Redis' client takes longer to import than all else, and most have none
    from shelfwise.http.redis.lease import SharedFlight

Fetch = Callable[[Call], Awaitable[Answer]]
SharedFetch = Callable[..., Awaitable["CacheEntry | Answer | _Found | None"]]
# Headers that differ between equal requests and change nothing about the answer: the subject is in the cache key.
_VOLATILE_HEADERS = frozenset({"authorization", "traceparent", "tracestate", "x-request-id", "grpc-timeout"})


class _Found(NamedTuple):
    """An answer that another process had fetched; ``stale``: it stands in for one that failed (with ``error``)."""

    entry: CacheEntry
    stale: bool = False
    error: HTTPClientError | None = None


class CachedCalls:
    """Answers calls that have a cache key; ``fetch`` asks the network, ``shared`` other processes before that."""

    def __init__(
        self,
        policy: Policy,
        cache: ResponseCache,
        shared: "SharedFlight | None",
        counters: Counters,
        clock: Clock,
        fetch: Fetch,
    ) -> None:
        self._total_seconds = policy.total_timeout_seconds
        self._cache = cache
        self._shared = shared
        self._flights: SingleFlight[Answer | _Found | None] = SingleFlight()
        self._counters = counters
        self._clock = clock
        self._fetch = fetch

    async def answer(self, call: Call) -> Reply:
        """A fresh answer from the cache; else a stale one while it is fetched anew; else the network's."""
        assert call.key is not None
        now = self._clock()
        entry = self._cache.get(call.key, call.request.headers, now)
        if entry is not None and not call.fresh_only:
            freshness = entry.freshness(now)
            if freshness == "fresh":
                self._counters.cache_hits += 1
                return _cached(call, entry, now, stale=None)
            if freshness == "revalidate":
                self._counters.cache_stale += 1
                self._refresh(call, now)
                return _cached(call, entry, now, stale="revalidate")
        self._counters.cache_misses += 1
        return await self._fetch_or_stale(call, entry)

    async def aclose(self) -> None:
        """Cancel what runs in the background."""
        await self._flights.aclose()

    async def _fetch_or_stale(self, call: Call, entry: CacheEntry | None) -> Reply:
        try:
            answer = await self._single_flight(call)
        except HTTPClientError as error:
            now = self._clock()
            if entry is None or entry.error_until <= now:
                raise
            self._counters.cache_stale += 1
            return _cached(call, entry, now, stale="error", error=error)
        now = self._clock()
        if isinstance(answer, _Found):
            return self._reply_found(call, answer, now)
        if entry is not None and now < entry.error_until and outcome_of(answer.response.status) == "failure":
            self._counters.cache_stale += 1
            return _cached(call, entry, now, stale="error")
        return fetched(call, answer)

    def _reply_found(self, call: Call, found: _Found, now: float) -> Reply:
        if found.stale:
            self._counters.cache_stale += 1
            return _cached(call, found.entry, now, stale="error", error=found.error)
        if found.entry.freshness(now) == "fresh":
            return _cached(call, found.entry, now, stale=None)
        self._refresh(call, now)
        return _cached(call, found.entry, now, stale="revalidate")

    async def _single_flight(self, call: Call) -> Answer | _Found:
        key = _flight_key(call)
        while True:
            task = self._flights.joined(key)
            joined = task is not None
            if task is None:
                task = self._flights.lead(key, lambda: self._load(call))
            if task is None:  # too many flights for one more
                answer = await self._load(call)
                assert answer is not None, "only a refresh is left to another process"
                return answer
            if not await self._flights.wait(task, call.ends_at - self._clock() if joined else None):
                raise DeadlineExceeded("The deadline passed while waiting", sent="maybe", reason="deadline")
            if task.cancelled():
                raise ReadError("The client was closed", sent="maybe")
            error = task.exception()
            if isinstance(error, DeadlineExceeded | RateLimited) and joined and call.ends_at > self._clock():
                continue  # the leader had less time than this call has, or could not wait as long for its turn
            answer = task.result()
            if answer is not None:
                return answer

    def _refresh(self, call: Call, now: float) -> None:
        """Fetch anew in the background, unless that is already under way; the failure of it is nobody's.

        Nobody waits for it, so it has the time of a call of its own and not what the caller has left.
        """
        key = _flight_key(call)
        if self._flights.joined(key) is None:
            patient = msgspec.structs.replace(call, ends_at=now + self._total_seconds, span=None)
            self._flights.lead(key, lambda: self._reload(patient))

    async def _load(self, call: Call) -> Answer | _Found | None:
        """What another process has fetched or is fetching; else what this one fetches, kept for the others."""
        shared = self._shared
        if shared is None:
            return await self._ask(call, None)
        return await self._ask(call, shared.fetch_anew if call.fresh_only else shared.fetch_once)

    async def _reload(self, call: Call) -> Answer | _Found | None:
        """As :meth:`_load`, for nobody in particular; None: another process is at it."""
        return await self._ask(call, None if self._shared is None else self._shared.refresh_once)

    async def _ask(self, call: Call, shared: SharedFetch | None) -> Answer | _Found | None:
        if shared is None or call.key is None:
            return (await self._fetch_and_keep(call, None)).answer
        found = await shared(
            call.key,
            call.request.headers,
            tags=call.tags,
            seconds=call.ends_at - self._clock(),
            load=lambda stale: self._fetch_and_keep(call, stale),
        )
        return self._keep_found(call, found) if isinstance(found, CacheEntry) else found

    def _keep_found(self, call: Call, entry: CacheEntry) -> _Found:
        assert call.key is not None
        self._cache.insert(call.key, call.request.headers, entry)
        return _Found(entry)

    async def _fetch_and_keep(self, call: Call, stale: CacheEntry | None) -> Loaded[Answer | _Found]:
        """The network's answer, kept here and offered to the others; ``stale`` stands in for a failure."""
        assert call.key is not None
        since = self._cache.epoch
        try:
            answer = await self._fetch(call)
        except HTTPClientError as error:
            if stale is None or self._clock() >= stale.error_until:
                raise
            return Loaded(_Found(stale, stale=True, error=error), None)
        now = self._clock()
        if stale is not None and now < stale.error_until and outcome_of(answer.response.status) == "failure":
            return Loaded(_Found(stale, stale=True), None)
        entry = self._cache.put(call.key, call.request.headers, answer.response, now, call.tags, since=since)
        return Loaded(answer, entry)


def fetched(call: Call, answer: Answer) -> Reply:
    """The reply that came over the network."""
    response = answer.response
    return Reply(
        response.status,
        response.headers,
        response.body,
        response.http_version,
        call.info.url,
        UNCACHED if call.key is None else FROM_NETWORK,
        answer.attempts,
        answer.reason,
    )


def _cached(
    call: Call, entry: CacheEntry, now: float, *, stale: str | None, error: HTTPClientError | None = None
) -> Reply:
    response = entry.response
    info = CacheInfo(
        "hit" if stale is None else "stale",
        entry.age_seconds(now),
        "revalidate" if stale == "revalidate" else "error" if stale == "error" else None,
        entry.fresh_until - now,
        error,
    )
    return Reply(response.status, response.headers, response.body, response.http_version, call.info.url, info, 0, None)


def _flight_key(call: Call) -> tuple[object, ...]:
    headers = tuple(sorted(pair for pair in call.request.headers if pair[0].lower() not in _VOLATILE_HEADERS))
    return (call.key, headers)
