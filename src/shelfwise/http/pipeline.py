"""The one place that says in which order the strategies act on a call.

From outside in::

    span and deadline        service.py, which makes the Call
    redirects                client.py: a hop to another origin is another target with a pipeline of its own
    stale-if-error           cached.py
    cache                    cached.py, strategies/cache.py
    single flight            cached.py, strategies/coalesce.py
    rate limiter             here, strategies/limiter.py
    throttle                 here, strategies/throttle.py
    retry and its budget     here, strategies/retry.py, strategies/budget.py
    hedge                    hedged.py, strategies/hedge.py
    instance (P2C)           sender.py, instances.py, strategies/balancer.py
    breaker of the instance  sender.py, strategies/breaker.py
    concurrency permit       sender.py, permits.py, strategies/concurrency.py
    attempt timeout, span    sender.py
    wire                     wire/
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from shelfwise.http.cached import CachedCalls, fetched
from shelfwise.http.calls import Answer, Call, Outcome
from shelfwise.http.exceptions import (
    BreakerOpen,
    BudgetExhausted,
    DeadlineExceeded,
    HTTPClientError,
    RateLimited,
    Reason,
    Sent,
    furthest,
)
from shelfwise.http.hedged import CallLater, HedgedSender
from shelfwise.http.instances import InstanceSet
from shelfwise.http.instrumentation.hooks import Hooks
from shelfwise.http.messages import HeaderPairs, header_value
from shelfwise.http.policy import Policy
from shelfwise.http.reply import Reply
from shelfwise.http.sender import Sender
from shelfwise.http.stats import Counters
from shelfwise.http.strategies.budget import RetryBudget
from shelfwise.http.strategies.cache import ResponseCache
from shelfwise.http.strategies.deadline import Clock
from shelfwise.http.strategies.limiter import RateLimiter
from shelfwise.http.strategies.retry import Cooldown, Retry, RetryState, parse_retry_after
from shelfwise.http.strategies.throttle import TargetThrottle
from shelfwise.http.wire.base import Wire

if TYPE_CHECKING:
    from shelfwise.http.redis.shared import Shared

Sleep = Callable[[float], Awaitable[None]]


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
        call_later: CallLater | None = None,
    ) -> None:
        random = random or Random()  # noqa: S311 - jitter, not a secret
        uniform = random.random
        self._policy = policy
        self._target = target
        self._origin = origin
        self._clock = clock
        self._hooks = hooks
        self._sleep = sleep
        self.instances = InstanceSet(addresses, policy, uniform, clock)
        self.counters = Counters()
        self.cache = ResponseCache(policy.cache_or_off, uniform)
        self.throttle = TargetThrottle(policy.throttle, uniform)
        self.budget = RetryBudget(policy.budget)
        self._uniform = uniform
        self._cooldown = Cooldown(policy.retry.max_cooldown_seconds)
        self._limiter = RateLimiter(policy.limiter)
        self.shared = (
            None if policy.redis_url is None else _share(policy.redis_url, policy, target, clock, random, sleep)
        )
        flight = None if self.shared is None else self.shared.flight
        self._cached = CachedCalls(policy, self.cache, flight, self.counters, clock, self._attempts)
        self._sender = Sender(
            target,
            origin,
            policy,
            self.instances,
            wire,
            hooks,
            self.counters,
            self.throttle,
            clock,
        )
        self._hedged = HedgedSender(
            self._sender, policy.hedge, self.budget, self.instances, hooks, self.counters, clock, call_later
        )

    async def run(self, call: Call) -> Reply:
        """The answer to ``call`` within its deadline.

        Raises:
            HTTPClientError: there is none, and no stale one either.
        """
        if call.key is not None:
            return await self._cached.answer(call)
        return fetched(call, await self._attempts(call))

    async def aclose(self) -> None:
        """Cancel what runs in the background, and close the way to Redis."""
        await self._cached.aclose()
        if self.shared is not None:
            await self.shared.aclose()

    async def _attempts(self, call: Call) -> Answer:
        """Past the rate limiter and the throttle: the first attempt, hedged where that pays, and its retries."""
        if self._policy.limiter.rate_per_second is not None:
            await self._wait_for_turn(call)
        now = self._clock()
        if not self.throttle.admit(now, call.partition):
            self.counters.refused += 1
            raise RateLimited(f"{self._target} says that it is overloaded", reason="limiter")
        self.counters.calls += 1
        self.budget.call(now, call.partition)
        pick = self._sender.pick(now, None)
        if pick is None:
            raise self._breaker_open(now)
        if len(self.instances) > 1:
            outcome = await self._hedged.send(call, pick, now)
        else:
            outcome = await self._sender.send(call, pick)
        if outcome.is_good:
            assert outcome.response is not None
            return Answer(outcome.response, 1, None)
        return await self._retries(call, outcome)

    async def _wait_for_turn(self, call: Call) -> None:
        left = call.ends_at - self._clock()
        if self.shared is not None:
            seconds = await self.shared.limiter.reserve(call.partition, left)
        else:
            seconds = self._limiter.reserve(self._clock(), call.partition, left)
        if seconds is None:
            self.counters.refused += 1
            rate = self._policy.limiter.rate_per_second
            raise RateLimited(f"More than {rate:g} calls a second to {self._target}", reason="limiter")
        if seconds > 0:
            await self._sleep(seconds)

    async def _retries(self, call: Call, outcome: Outcome) -> Answer:
        retries = RetryState(self._policy.retry, self._uniform, repeatable=call.repeatable)
        sent: Sent = "no"
        while True:
            sent = furthest(sent, outcome.sent)
            decision = self._decide(call, retries, outcome)
            if not isinstance(decision, Retry):
                return _end(outcome, retries.retries + 1, decision, sent)
            retries.started(decision)
            self.counters.retries += 1
            self._hooks.retrying(call.info, decision)
            await self._sleep(decision.delay_seconds)
            pick = self._sender.pick(self._clock(), outcome.instance)
            if pick is None:
                return _end(outcome, retries.retries, "breaker", sent)
            try:
                outcome = await self._sender.send(call, pick)
            except HTTPClientError as error:  # this attempt was not sent: no time, or no permit
                error.last_error, error.attempts, error.sent = outcome.error, retries.retries, sent
                raise
            if outcome.is_good:
                assert outcome.response is not None
                return Answer(outcome.response, retries.retries + 1, None)

    def _decide(self, call: Call, retries: RetryState, outcome: Outcome) -> Retry | Reason:
        now = self._clock()
        retry_after = None if outcome.response is None else _retry_after(outcome.response.headers)
        decision = retries.next(
            outcome.error,
            0 if outcome.response is None else outcome.response.status,
            remaining_seconds=call.ends_at - now,
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

    def _breaker_open(self, now: float) -> BreakerOpen:
        whose = self._origin if len(self.instances) == 1 else f"every instance of {self._target}"
        wait = self.instances.retry_in(now)
        return BreakerOpen(f"The breaker of {whose} is open for {wait:.1f} s more", reason="breaker")


def _share(url: str, policy: Policy, target: str, clock: Clock, random: Random, sleep: Sleep) -> "Shared":
    # Redis' client takes longer to import than all else here, and most have none.
    from shelfwise.http.redis.shared import Shared  # noqa: PLC0415

    return Shared(url, policy, target, clock, random, sleep)


def _end(outcome: Outcome, attempts: int, reason: Reason, sent: Sent) -> Answer:
    """The last answer or the last failure, marked with why it was the last and what all attempts say of ``sent``."""
    error = outcome.error
    if error is None:
        assert outcome.response is not None
        return Answer(outcome.response, attempts, reason)
    if reason == "budget":
        exhausted = BudgetExhausted(
            f"No retry: the budget is spent ({error})", sent=sent, last_error=error, reason="budget"
        )
        exhausted.attempts = attempts
        raise exhausted from error
    if not isinstance(error, DeadlineExceeded):
        error.reason = reason
    error.attempts, error.sent = attempts, sent
    raise error


def _retry_after(headers: HeaderPairs) -> float | None:
    value = header_value(headers, "retry-after")
    return None if value is None else parse_retry_after(value, datetime.now(UTC))
