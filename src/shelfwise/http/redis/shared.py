"""What one client shares with other processes through Redis, put together."""

import logging
from random import Random

from shelfwise.http.policy import Policy
from shelfwise.http.redis.connection import Guard, connect
from shelfwise.http.redis.lease import SharedFlight, Sleep
from shelfwise.http.redis.limiter import RedisRateLimiter
from shelfwise.http.redis.store import RedisStore
from shelfwise.http.strategies.breaker import BreakerState
from shelfwise.http.strategies.deadline import Clock
from shelfwise.http.strategies.limiter import RateLimiter

_LOG = logging.getLogger("shelfwise.http.redis")


class Shared:
    """Cached answers, the lease on fetching one, and the rate limit, on one connection pool and behind one guard."""

    def __init__(self, url: str, policy: Policy, target: str, clock: Clock, random: Random, sleep: Sleep) -> None:
        self._target = target
        self._redis = connect(url)
        guard = Guard(clock=clock, random=random, on_change=self._changed)
        store = RedisStore(self._redis, guard=guard, max_entry_bytes=policy.cache_or_off.max_entry_bytes, clock=clock)
        self.flight = SharedFlight(store, random=random, sleep=sleep)
        local = RateLimiter(policy.limiter)
        self.limiter = RedisRateLimiter(self._redis, guard, policy.limiter, target, local, clock)

    async def aclose(self) -> None:
        await self._redis.aclose()

    def _changed(self, state: BreakerState) -> None:
        if state == "open":
            _LOG.warning("Redis does not answer: what is cached and limited for %s is per process", self._target)
        elif state == "closed":
            _LOG.info("Redis answers again for %s", self._target)
