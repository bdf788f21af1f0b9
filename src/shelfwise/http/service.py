"""The client of one target: what HTTPClient and every typed service client are made of."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from random import Random
from types import TracebackType
from typing import Self

from shelfwise.http.discovery.lookups import lookup_of
from shelfwise.http.discovery.target import parse_target
from shelfwise.http.discovery.watcher import Watcher
from shelfwise.http.exceptions import ConnectError, HTTPClientError
from shelfwise.http.instrumentation.hooks import CallInfo, Hooks
from shelfwise.http.instrumentation.logs import LogHooks
from shelfwise.http.messages import HeaderPairs, WireRequest
from shelfwise.http.pipeline import Call, Pipeline, Sleep
from shelfwise.http.policy import Policy
from shelfwise.http.reply import Reply
from shelfwise.http.routes import QueryParams, encode_query, expand_route, sorted_query
from shelfwise.http.stats import ClientStats
from shelfwise.http.strategies.cache import CacheKey, directives, make_key
from shelfwise.http.strategies.deadline import Clock, Deadline
from shelfwise.http.strategies.retry import is_repeatable
from shelfwise.http.wire.base import Wire
from shelfwise.http.wire.rust import RustWire

Headers = Mapping[str, str] | Iterable[tuple[str, str]]
_CREDENTIAL_HEADERS = frozenset({"authorization", "cookie"})
_NO_TAGS: frozenset[str] = frozenset()


class ServiceClient:
    """Calls one service by route templates, with every protection of the policy on.

    ``target`` is the service's base URL, several with commas between them, ``dns://host:port``,
    ``dns+srv://_service._tcp.name`` or ``file:///path`` (a list of URLs, watched). A 5xx that outlasts its retries is
    a :class:`Reply`; what has no answer is raised. The client closes its wire only when it made it. Use one client per
    event loop.
    """

    def __init__(
        self,
        target: str,
        policy: Policy | None = None,
        wire: Wire | None = None,
        hooks: Hooks | None = None,
        *,
        name: str | None = None,
        clock: Clock = time.monotonic,
        random: Random | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        where = parse_target(target)
        self.policy = policy if policy is not None else Policy().for_service()
        self.origin = where.origin
        self.name = name if name is not None else where.origin.partition("://")[2]
        self._base_path = where.base_path
        self._owns_wire = wire is None
        self._wire = wire if wire is not None else RustWire(self.policy)
        self._hooks = hooks if hooks is not None else LogHooks()
        self._clock = clock
        self._pipeline = Pipeline(
            self.origin,
            where.addresses,
            self.policy,
            self._wire,
            self._hooks,
            target=self.name,
            clock=clock,
            random=random,
            sleep=sleep,
        )
        self._watcher: Watcher | None = None
        if where.scheme != "static":
            discovery = self.policy.discovery
            lookup = lookup_of(where, discovery)
            self._watcher = Watcher(self.name, lookup, self._pipeline.instances.replace, discovery, clock=clock)

    async def call(
        self,
        method: str,
        route: str,
        *,
        parts: Mapping[str, str] | None = None,
        params: QueryParams | None = None,
        headers: Headers = (),
        body: bytes = b"",
        partition: str = "",
        subject: str | bytes | None = None,
        safe: bool = False,
        tags: Iterable[str] = (),
        deadline: Deadline | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - becomes part of the deadline that is handed down
        attempt_timeout: float | None = None,
    ) -> Reply:
        """The answer to ``method`` on ``route``, whose ``{parts}`` become whole percent-encoded path segments.

        ``partition`` is an opaque key, such as the tenant, that keeps caches and retry budgets apart. ``subject``
        says for whom the answer is (never a raw token); without one, a call that carries Authorization or Cookie
        is neither cached nor coalesced. ``safe`` declares that a POST changes nothing: it is retried, coalesced
        and cached like a GET. The time is the least of the policy's total, ``timeout`` and ``deadline``.

        Raises HTTPClientError (see ``sent`` and ``reason``), and InvalidRoute for parts that make no safe path.
        """
        return await self.send(
            method,
            self._base_path + expand_route(route, parts or {}),
            encode_query(params),
            headers=tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers),
            body=body,
            partition=partition,
            subject=subject,
            safe=safe,
            tags=tags,
            deadline=deadline,
            timeout=timeout,
            attempt_timeout=attempt_timeout,
        )

    async def send(
        self,
        method: str,
        path: str,
        query: str = "",
        *,
        headers: HeaderPairs = (),
        body: bytes = b"",
        partition: str = "",
        subject: str | bytes | None = None,
        safe: bool = False,
        tags: Iterable[str] = (),
        deadline: Deadline | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in call()
        attempt_timeout: float | None = None,
    ) -> Reply:
        """As :meth:`call`, for a path and a query that are encoded already (from the origin's root)."""
        started = self._clock()
        ends_at = started + self.policy.total_timeout_seconds
        if timeout is not None:
            ends_at = min(ends_at, started + timeout)
        if deadline is not None:
            ends_at = min(ends_at, deadline.at)
        url = f"{self.origin}{path}?{query}" if query else self.origin + path
        safe = safe or method in {"GET", "HEAD"}
        key, fresh_only = self._cache_key(method, path, query, headers, body, partition, subject, safe=safe)
        call = Call(
            CallInfo(self.name, method, url),
            WireRequest(method, url, headers, body),
            Deadline(ends_at),
            attempt_timeout if attempt_timeout is not None else self.policy.attempt_timeout_seconds,
            is_repeatable(method, (name for name, _ in headers), safe=safe),
            partition,
            key,
            frozenset(tags) if tags else _NO_TAGS,
            fresh_only,
        )
        return await self._observed(call, started)

    async def _observed(self, call: Call, started: float) -> Reply:
        hooks, counters = self._hooks, self._pipeline.counters
        hooks.started(call.info)
        counters.in_flight += 1
        try:
            if self._watcher is not None and not self._watcher.running:
                await self._find_instances(self._watcher, call.deadline)
            reply = await self._pipeline.run(call)
        except HTTPClientError as error:
            hooks.failed(call.info, error, self._clock() - started)
            raise
        except BaseException:
            hooks.cancelled(call.info, self._clock() - started)
            raise
        finally:
            counters.in_flight -= 1
        hooks.finished(call.info, reply.status, self._clock() - started, reply.attempts, reply.cache.status)
        return reply

    async def _find_instances(self, watcher: Watcher, deadline: Deadline) -> None:
        """Waits for the first lookup as long as a connection may take."""
        seconds = min(deadline.remaining(self._clock), self.policy.connect_timeout_seconds)
        if not await watcher.ready(seconds):
            why = watcher.last_error or "no answer yet"
            raise ConnectError(f"No instance of {self.name} is known: {why}", sent="no", reason="not_retryable")

    def _cache_key(
        self,
        method: str,
        path: str,
        query: str,
        headers: HeaderPairs,
        body: bytes,
        partition: str,
        subject: str | bytes | None,
        *,
        safe: bool,
    ) -> tuple[CacheKey | None, bool]:
        """The key under which the call may be cached and coalesced, and whether only a fresh answer will do."""
        if not safe or not self.policy.cache_or_off.enabled or method == "HEAD":
            return None, False
        if subject is None:
            if any(name.lower() in _CREDENTIAL_HEADERS for name, _ in headers):
                return None, False
            subject = b""
        control = directives([(name.lower(), value) for name, value in headers])
        if "no-store" in control:
            return None, False
        key = make_key(
            partition=partition,
            subject=subject,
            target=self.origin,
            method=method,
            path=path,
            query=sorted_query(query),
            body=body,
        )
        return key, "no-cache" in control

    def invalidate(self, tag: str, partition: str | None = None) -> int:
        """Forget the cached answers under ``tag`` (of ``partition``, if given); says how many there were."""
        return self._pipeline.cache.invalidate(tag, partition)

    def stats(self) -> ClientStats:
        """Counters, cache, and per instance the breaker's state and the latency of late."""
        pipeline, now = self._pipeline, self._clock()
        counters = pipeline.counters
        return {
            "target": self.name,
            "calls": counters.calls,
            "attempts": counters.attempts,
            "retries": counters.retries,
            "refused": counters.refused,
            "in_flight": counters.in_flight,
            "failures": dict(counters.failures),
            "retry_budget_left": pipeline.budget.left(now),
            "cache": {
                "entries": len(pipeline.cache),
                "bytes": pipeline.cache.bytes,
                "hits": counters.cache_hits,
                "stale": counters.cache_stale,
                "misses": counters.cache_misses,
            },
            "instances": [
                {
                    "address": instance.address,
                    "breaker": instance.breaker.state(now),
                    "latency_p50_seconds": instance.latency.quantile(now, 0.5),
                    "latency_p95_seconds": instance.latency.quantile(now, 0.95),
                    "pending": instance.load.pending,
                    "ejected": pipeline.instances.ejected(instance, now),
                }
                for instance in pipeline.instances
            ],
            "discovery_error": None if self._watcher is None else self._watcher.last_error,
        }

    async def aclose(self) -> None:
        """Cancel what runs in the background and close the wire, if it is the client's own."""
        if self._watcher is not None:
            await self._watcher.aclose()
        await self._pipeline.flights.aclose()
        if self._owns_wire:
            await self._wire.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
