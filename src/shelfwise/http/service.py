"""The client of one target: what HTTPClient and every typed service client are made of."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from random import Random
from types import TracebackType
from typing import Self

from shelfwise.http.calls import Call
from shelfwise.http.discovery.lookups import lookup_of
from shelfwise.http.discovery.target import parse_target
from shelfwise.http.discovery.watcher import Watcher
from shelfwise.http.exceptions import ConnectError, HTTPClientError, InvalidRoute
from shelfwise.http.hedged import CallLater
from shelfwise.http.instrumentation.hooks import CallInfo, Hooks
from shelfwise.http.instrumentation.logs import LogHooks
from shelfwise.http.instrumentation.opentelemetry import OpenTelemetryTracing
from shelfwise.http.instrumentation.tracing import Tracing
from shelfwise.http.messages import HeaderPairs, WireRequest
from shelfwise.http.pipeline import Pipeline, Sleep
from shelfwise.http.policy import Policy
from shelfwise.http.reply import Reply
from shelfwise.http.routes import QueryParams, encode_query, expand_route, sorted_query
from shelfwise.http.stats import ClientStats
from shelfwise.http.strategies.cache import CacheKey, ResponseCache, directives, make_key, subject_of
from shelfwise.http.strategies.deadline import Clock, Deadline
from shelfwise.http.strategies.retry import is_repeatable
from shelfwise.http.wire import Wire, make_wire

Headers = Mapping[str, str] | Iterable[tuple[str, str]]
_CREDENTIAL_HEADERS = frozenset({"authorization", "cookie"})
_NO_TAGS: frozenset[str] = frozenset()
_NO_PARTS: Mapping[str, str] = {}
_READING = frozenset({"GET", "HEAD"})


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
        tracing: Tracing | None = None,
        clock: Clock = time.monotonic,
        random: Random | None = None,
        sleep: Sleep = asyncio.sleep,
        call_later: CallLater | None = None,
    ) -> None:
        where = parse_target(target)
        self.policy = policy if policy is not None else Policy().for_service()
        self.origin = where.origin
        self.name = name if name is not None else where.origin.partition("://")[2]
        self._base_path = where.base_path
        self.owns_wire = wire is None
        self.wire = wire if wire is not None else make_wire(self.policy)
        self._hooks = hooks if hooks is not None else LogHooks()
        self.clock = clock
        self._pipeline = Pipeline(
            self.origin,
            where.addresses,
            self.policy,
            self.wire,
            self._hooks,
            target=self.name,
            clock=clock,
            random=random,
            sleep=sleep,
            call_later=call_later,
        )
        self._tracing: Tracing = tracing if tracing is not None else OpenTelemetryTracing()
        self._total_seconds = self.policy.total_timeout_seconds
        self._attempt_seconds = self.policy.attempt_timeout_seconds
        self._caching = self.policy.cache_or_off.enabled
        self._watcher: Watcher | None = None
        if where.scheme != "static":
            discovery = self.policy.discovery
            lookup = lookup_of(where, discovery)
            self._watcher = Watcher(self.name, lookup, self._pipeline.instances.replace, discovery, clock=clock)
        self._hooks.opened(self)

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
        call = self._prepare(
            method,
            self._base_path + expand_route(route, parts or _NO_PARTS),
            encode_query(params),
            self._base_path + route,
            headers if type(headers) is tuple else _pairs(headers),
            body,
            partition,
            subject,
            tags,
            deadline,
            timeout,
            attempt_timeout,
            safe=safe,
        )
        return await self._observed(call)

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
        """As :meth:`call`, for a path and a query that are encoded already (from the origin's root).

        Raises InvalidRoute for a path that does not begin with a slash: it could name another host.
        """
        if not path.startswith("/"):
            raise InvalidRoute(f"A path begins with a slash: {path!r}")
        call = self._prepare(
            method,
            path,
            query,
            "",
            headers,
            body,
            partition,
            subject,
            tags,
            deadline,
            timeout,
            attempt_timeout,
            safe=safe,
        )
        return await self._observed(call)

    def _prepare(
        self,
        method: str,
        path: str,
        query: str,
        route: str,
        headers: HeaderPairs,
        body: bytes,
        partition: str,
        subject: str | bytes | None,
        tags: Iterable[str],
        deadline: Deadline | None,
        timeout: float | None,
        attempt_timeout: float | None,
        *,
        safe: bool,
    ) -> Call:
        started = self.clock()
        ends_at = started + self._total_seconds
        if timeout is not None:
            ends_at = min(ends_at, started + timeout)
        if deadline is not None:
            ends_at = min(ends_at, deadline.at)
        read_only = safe or method in _READING
        key, fresh_only = None, False
        if read_only and self._caching and method != "HEAD":
            key, fresh_only = self._cache_key(method, path, query, headers, body, partition, subject)
        url = f"{self.origin}{path}?{query}" if query else self.origin + path
        info = CallInfo(self.name, method, url, route)
        return Call(
            info,
            WireRequest(method, url, headers, body),
            started,
            ends_at,
            self._attempt_seconds if attempt_timeout is None else attempt_timeout,
            read_only or is_repeatable(method, headers),
            read_only,
            partition,
            key,
            frozenset(tags) if tags else _NO_TAGS,
            fresh_only,
            self._tracing.started(info),
        )

    async def _observed(self, call: Call) -> Reply:
        """The call with what instrumentation hears of it."""
        info, span, hooks, counters = call.info, call.span, self._hooks, self._pipeline.counters
        hooks.started(info)
        counters.in_flight += 1
        try:
            if self._watcher is not None and not self._watcher.running:
                await self._find_instances(self._watcher, call.ends_at)
            reply = await self._pipeline.run(call)
        except HTTPClientError as error:
            hooks.failed(info, error, self.clock() - call.started_at)
            if span is not None:
                span.failed(error)
            raise
        except BaseException:
            hooks.cancelled(info, self.clock() - call.started_at)
            if span is not None:
                span.cancelled()
            raise
        finally:
            counters.in_flight -= 1
        hooks.finished(info, reply.status, self.clock() - call.started_at, reply.attempts, reply.cache.status)
        if span is not None:
            span.answered(reply.status, reply.cache.status)
        return reply

    async def _find_instances(self, watcher: Watcher, ends_at: float) -> None:
        """Waits for the first lookup as long as a connection may take."""
        seconds = min(ends_at - self.clock(), self.policy.connect_timeout_seconds)
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
    ) -> tuple[CacheKey | None, bool]:
        """The key under which the call may be cached and coalesced, and whether only a fresh answer will do."""
        if subject is None:
            if any(name.lower() in _CREDENTIAL_HEADERS for name, _ in headers):
                return None, False
            subject = subject_of(headers)
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

    @property
    def fragments(self) -> ResponseCache:
        """Where batches keep their answers by single id (see :class:`shelfwise.http.batches.BatchCaller`)."""
        return self._pipeline.cache

    def invalidate(self, tag: str, partition: str | None = None) -> int:
        """Forget the cached answers under ``tag`` (of ``partition``, if given); says how many there were.

        Of this process only: see :meth:`invalidate_everywhere`.
        """
        return self._pipeline.cache.invalidate(tag, partition)

    async def invalidate_everywhere(self, tag: str, partition: str | None = None) -> bool:
        """As :meth:`invalidate`, for what is shared through Redis too; False: Redis did not answer.

        Then this process uses nothing of Redis until it has told it; others may find the old answers until they end.
        """
        self.invalidate(tag, partition)
        shared = self._pipeline.shared
        return shared is None or await shared.flight.store.invalidate(tag, partition)

    def stats(self) -> ClientStats:
        """Counters, cache, and per instance the breaker's state and the latency of late."""
        pipeline, now = self._pipeline, self.clock()
        counters = pipeline.counters
        return {
            "target": self.name,
            "calls": counters.calls,
            "attempts": counters.attempts,
            "retries": counters.retries,
            "hedges": counters.hedges,
            "refused": counters.refused,
            "in_flight": counters.in_flight,
            "failures": dict(counters.failures),
            "retry_budget_left": pipeline.budget.left(now),
            "throttle_rejection_probability": pipeline.throttle.rejection_probability(now),
            "cache": {
                "entries": len(pipeline.cache),
                "bytes": pipeline.cache.bytes,
                "hits": counters.cache_hits,
                "stale": counters.cache_stale,
                "misses": counters.cache_misses,
            },
            "shared": None if pipeline.shared is None else pipeline.shared.flight.stats(),
            "instances": [
                {
                    "address": instance.address,
                    "breaker": instance.breaker.state(now),
                    "breaker_retry_in_seconds": instance.breaker.retry_in(now),
                    "latency_p50_seconds": instance.latency.quantile(now, 0.5),
                    "latency_p95_seconds": instance.latency.quantile(now, 0.95),
                    "latency_p99_seconds": instance.latency.quantile(now, 0.99),
                    "pending": instance.load.pending,
                    "waiting": instance.permits.waiting,
                    "concurrency_limit": instance.permits.limit,
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
        await self._pipeline.aclose()
        if self.owns_wire:
            await self.wire.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def _pairs(headers: Headers) -> HeaderPairs:
    return tuple(headers.items() if isinstance(headers, Mapping) else headers)
