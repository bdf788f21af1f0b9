"""The one place that says in which order the strategies act on a call.

From outside in::

    deadline -> stale-if-error -> cache -> single flight -> retry + budget -> instance (P2C) -> its breaker
        -> attempt timeout -> wire

(Redirects stand before the cache, in ``client.py``: a hop to another origin is another target with a pipeline
of its own.)
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple, Never

from shelfwise.http.exceptions import (
    BreakerOpen,
    BudgetExhausted,
    ConnectTimeout,
    DeadlineExceeded,
    DecodingError,
    HTTPClientError,
    LocalProtocolError,
    PoolTimeout,
    ReadError,
    ReadTimeout,
    Reason,
    RemoteProtocolError,
    ResponseTooLarge,
    UnsupportedProtocol,
    WriteError,
    WriteTimeout,
)
from shelfwise.http.instances import Instance, InstanceSet
from shelfwise.http.instrumentation.hooks import CallInfo, Hooks
from shelfwise.http.messages import HeaderPairs, WireRequest, WireResponse, header_value
from shelfwise.http.policy import Policy
from shelfwise.http.reply import FROM_NETWORK, CacheInfo, Reply
from shelfwise.http.stats import Counters
from shelfwise.http.strategies.breaker import Outcome, outcome_of
from shelfwise.http.strategies.budget import RetryBudget
from shelfwise.http.strategies.cache import CacheEntry, CacheKey, ResponseCache
from shelfwise.http.strategies.coalesce import SingleFlight
from shelfwise.http.strategies.deadline import Clock, Deadline, grpc_timeout
from shelfwise.http.strategies.retry import Cooldown, Retry, RetryState, parse_retry_after
from shelfwise.http.wire.base import Wire

Sleep = Callable[[float], Awaitable[None]]
_BLAMELESS = (LocalProtocolError, UnsupportedProtocol, PoolTimeout, DecodingError, ResponseTooLarge)
_BREAKS = (ReadError, WriteError, RemoteProtocolError)
_TIMEOUTS = (ConnectTimeout, ReadTimeout, WriteTimeout, PoolTimeout)
# Headers that differ between equal requests and change nothing about the answer: the subject is in the cache key.
_VOLATILE_HEADERS = frozenset({"authorization", "traceparent", "tracestate", "x-request-id", "grpc-timeout"})


class Call(NamedTuple):
    """One logical call, ready to be sent; ``key`` None: neither cached nor coalesced."""

    info: CallInfo
    request: WireRequest
    deadline: Deadline
    attempt_timeout_seconds: float | None
    repeatable: bool
    partition: str
    key: CacheKey | None
    tags: frozenset[str]
    fresh_only: bool


class Answer(NamedTuple):
    """What the attempts of a call came to."""

    response: WireResponse
    attempts: int
    reason: Reason | None


class Pipeline:
    """All strategies of one target. Create per event loop; shares its wire with other targets."""

    def __init__(
        self,
        origin: str,
        addresses: Iterable[str],
        policy: Policy,
        wire: Wire,
        hooks: Hooks,
        *,
        target: str,
        clock: Clock = time.monotonic,
        random: Random | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.policy = policy
        self.target = target
        self.clock = clock
        self._wire = wire
        self._hooks = hooks
        self._sleep = sleep
        self._uniform = (random or Random()).random  # noqa: S311 - jitter, not a secret
        self._origin = origin
        self.instances = InstanceSet(addresses, policy, self._uniform)
        self.budget = RetryBudget(policy.budget)
        self.cache = ResponseCache(policy.cache_or_off, self._uniform)
        self.flights: SingleFlight[Answer] = SingleFlight()
        self.counters = Counters()
        self._cooldown = Cooldown(policy.retry.max_cooldown_seconds)

    async def run(self, call: Call) -> Reply:
        """The answer to ``call`` within its deadline.

        Raises:
            HTTPClientError: there is none, and no stale one either.
        """
        if call.key is None:
            return _reply(call, await self._attempts(call), FROM_NETWORK)
        now = self.clock()
        entry = self.cache.get(call.key, call.request.headers, now)
        if entry is not None and not call.fresh_only:
            freshness = entry.freshness(now)
            if freshness == "fresh":
                self.counters.cache_hits += 1
                return _cached(call, entry, now, stale=None)
            if freshness == "revalidate":
                self.counters.cache_stale += 1
                self._refresh(call)
                return _cached(call, entry, now, stale="revalidate")
        self.counters.cache_misses += 1
        return await self._fetch_or_stale(call, entry)

    async def _fetch_or_stale(self, call: Call, entry: CacheEntry | None) -> Reply:
        try:
            answer = await self._single_flight(call)
        except HTTPClientError as error:
            now = self.clock()
            if entry is None or entry.error_until <= now:
                raise
            self.counters.cache_stale += 1
            return _cached(call, entry, now, stale="error", error=error)
        if entry is not None and outcome_of(answer.response.status) == "failure":
            now = self.clock()
            if now < entry.error_until:
                self.counters.cache_stale += 1
                return _cached(call, entry, now, stale="error")
        return _reply(call, answer, FROM_NETWORK)

    async def _single_flight(self, call: Call) -> Answer:
        key = _flight_key(call)
        while True:
            task = self.flights.joined(key)
            joined = task is not None
            if task is None:
                task = self.flights.lead(key, lambda: self._fetch(call))
            if task is None:
                return await self._fetch(call)
            # wait() neither cancels the flight with the waiter nor raises what it ended with.
            await asyncio.wait((task,), timeout=call.deadline.remaining(self.clock) if joined else None)
            if not task.done():
                raise DeadlineExceeded("The deadline passed while waiting", sent="maybe", reason="deadline")
            if task.cancelled():
                raise ReadError("The client was closed", sent="maybe")
            error = task.exception()
            if isinstance(error, DeadlineExceeded) and joined and call.deadline.remaining(self.clock) > 0:
                continue  # the leader had less time than this call has
            return task.result()

    def _refresh(self, call: Call) -> None:
        """Fetch anew in the background, unless that is already under way; the failure of it is nobody's."""
        key = _flight_key(call)
        if self.flights.joined(key) is None:
            self.flights.lead(key, lambda: self._fetch(call))

    async def _fetch(self, call: Call) -> Answer:
        answer = await self._attempts(call)
        if call.key is not None and self.policy.cache_or_off.enabled:
            self.cache.put(call.key, call.request.headers, answer.response, self.clock(), call.tags)
        return answer

    async def _attempts(self, call: Call) -> Answer:
        """The first attempt and its retries."""
        retries = RetryState(self.policy.retry, self._uniform, repeatable=call.repeatable)
        self.counters.calls += 1
        self.budget.call(self.clock(), call.partition)
        error: HTTPClientError | None = None
        response: WireResponse | None = None
        tried: Instance | None = None
        while True:
            acquired = self._acquire(call, tried)
            if acquired is None:
                if error is None and response is None:
                    self._raise_breaker_open()
                return _end(response, error, retries.retries + 1, "breaker")
            tried, permit = acquired
            error, response = await self._attempt(call, tried, permit)
            if response is not None and response.status < 500 and response.status != 429:
                return Answer(response, retries.retries + 1, None)
            decision = self._decide(call, retries, error, response)
            if not isinstance(decision, Retry):
                return _end(response, error, retries.retries + 1, decision)
            retries.started(decision)
            self.counters.retries += 1
            self._hooks.retrying(call.info, decision)
            await self._sleep(decision.delay_seconds)

    def _decide(
        self, call: Call, retries: RetryState, error: HTTPClientError | None, response: WireResponse | None
    ) -> Retry | Reason:
        now = self.clock()
        remaining = call.deadline.at - now
        retry_after = None if response is None else _retry_after(response.headers)
        decision = retries.next(
            error,
            0 if response is None else response.status,
            remaining_seconds=remaining,
            expected_seconds=self.instances.latency(now, 0.5),
            retry_after_seconds=retry_after,
        )
        if decision == "deadline" and retry_after is not None:
            self._cooldown.asked(now, retry_after)
        if isinstance(decision, Retry):
            if self._cooldown.active(now):
                return "limiter"
            if self.instances.retry_in(now) > decision.delay_seconds:
                return "breaker"
            if not self.budget.spend(now, call.partition):
                return "budget"
        return decision

    async def _attempt(
        self, call: Call, instance: Instance, permit: int
    ) -> tuple[HTTPClientError | None, WireResponse | None]:
        """One exchange, and what it says of the instance."""
        started = self.clock()
        remaining = call.deadline.at - started
        timeout = remaining
        if call.attempt_timeout_seconds is not None and call.attempt_timeout_seconds < remaining:
            timeout = call.attempt_timeout_seconds
        if timeout <= 0:
            self._release(instance, permit, "ignored", started, 0.0)
            raise DeadlineExceeded("The deadline passed before the attempt began", reason="deadline")
        request = call.request
        headers = [*request.headers, ("grpc-timeout", grpc_timeout(timeout))]
        url = request.url
        if instance.address != self._origin:
            url = instance.address + url[len(self._origin) :]
        self.counters.attempts += 1
        try:
            response = await self._wire.send(request._replace(url=url, headers=headers), timeout)
        except HTTPClientError as error:
            now = self.clock()
            outcome = _outcome_of_error(error, call, timeout)
            if isinstance(error, _BREAKS) and not instance.broke(started, now):
                outcome = "ignored"
            # A failure weighs as much as waiting in vain, however quickly it came.
            self._release(instance, permit, outcome, now, timeout)
            self.counters.failed(error)
            if isinstance(error, _TIMEOUTS) and now >= call.deadline.at:
                error = _deadline_exceeded(error)
            return error, None
        except BaseException:
            now = self.clock()
            self._release(instance, permit, "ignored", now, now - started)
            raise
        now = self.clock()
        elapsed = now - started
        self.instances.answered(instance, now, elapsed)
        slow = elapsed > self.policy.breaker.slow_fraction * timeout
        self._release(instance, permit, outcome_of(response.status), now, elapsed, slow=slow)
        return None, response

    def _acquire(self, call: Call, tried: Instance | None) -> tuple[Instance, int] | None:
        now = self.clock()
        acquired = self.instances.acquire(now, tried)
        if acquired is None:
            self.counters.refused += 1
        elif acquired[0].breaker.state(now) == "half_open":
            self._hooks.breaker_changed(call.info.target, acquired[0].address, "half_open")
        return acquired

    def _release(
        self, instance: Instance, permit: int, outcome: Outcome, now: float, seconds: float, *, slow: bool = False
    ) -> None:
        if self.instances.release(instance, permit, outcome, now, seconds, slow=slow):
            self._hooks.breaker_changed(self.target, instance.address, instance.breaker.state(now))

    def _raise_breaker_open(self) -> Never:
        whose = self._origin if len(self.instances) == 1 else f"every instance of {self.target}"
        wait = self.instances.retry_in(self.clock())
        raise BreakerOpen(f"The breaker of {whose} is open for {wait:.1f} s more", reason="breaker")


def _reply(call: Call, answer: Answer, cache: CacheInfo) -> Reply:
    response = answer.response
    return Reply(
        response.status,
        response.headers,
        response.body,
        response.http_version,
        call.info.url,
        cache,
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


def _end(response: WireResponse | None, error: HTTPClientError | None, attempts: int, reason: Reason) -> Answer:
    """The last answer or the last failure, marked with why it was the last."""
    if error is None:
        assert response is not None
        return Answer(response, attempts, reason)
    if reason == "budget":
        exhausted = BudgetExhausted(
            f"No retry: the budget is spent ({error})", sent=error.sent, last_error=error, reason="budget"
        )
        exhausted.attempts = attempts
        raise exhausted from error
    if not isinstance(error, DeadlineExceeded):
        error.reason = reason
    error.attempts = attempts
    raise error


def _deadline_exceeded(error: HTTPClientError) -> DeadlineExceeded:
    exceeded = DeadlineExceeded(f"The deadline passed: {error}", sent=error.sent, reason="deadline", last_error=error)
    exceeded.__cause__ = error
    return exceeded


def _outcome_of_error(error: HTTPClientError, call: Call, timeout: float) -> Outcome:
    if isinstance(error, _BLAMELESS):
        return "ignored"
    usual = call.attempt_timeout_seconds
    if isinstance(error, _TIMEOUTS) and usual is not None and timeout < usual / 2:
        return "ignored"  # the caller left too little time: that says nothing of the instance
    return "failure"


def _retry_after(headers: HeaderPairs) -> float | None:
    value = header_value(headers, "retry-after")
    return None if value is None else parse_retry_after(value, datetime.now(UTC))
