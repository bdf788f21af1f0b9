"""The way to Redis: a client that never waits long, and a guard that leaves Redis alone while it does not answer."""

import time
from asyncio import timeout as time_limit
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, RedisError

from shelfwise.http.policy import BreakerPolicy
from shelfwise.http.strategies.breaker import Breaker, BreakerState, Outcome
from shelfwise.http.strategies.deadline import Clock

T = TypeVar("T")
TIMEOUT_SECONDS = 0.05
#: Redis is a shortcut: three failures in a row are enough to go without it for a second, then two, up to thirty.
REDIS_BREAKER = BreakerPolicy(consecutive_failures=3, open_seconds=1.0, max_open_seconds=30.0, half_open_probes=1)


def connect(url: str, *, max_connections: int = 32, timeout_seconds: float = TIMEOUT_SECONDS) -> Redis:
    """A client of the Redis at ``url`` (``redis://``, ``rediss://`` or ``unix://``) for one event loop; close it.

    It connects when it is first asked, tries nothing twice and returns bytes.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=timeout_seconds,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        # RESP3 would begin with a HELLO and with announcements of maintenance that stretch these timeouts.
        protocol=2,
    )
    return Redis.from_pool(pool)


class Guard:
    """Asks Redis within a time and without an error, and not at all while it is known not to answer.

    Everything that asks one Redis shares one guard. ``on_change`` hears each new state of its breaker.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        policy: BreakerPolicy = REDIS_BREAKER,
        clock: Clock = time.monotonic,
        random: Random | None = None,
        on_change: Callable[[BreakerState], None] | None = None,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._on_change = on_change
        self._breaker = Breaker(policy, (random or Random()).random)  # noqa: S311 - jitter, not a secret
        self.asked = 0
        self.failed = 0
        self.skipped = 0

    @property
    def state(self) -> BreakerState:
        return self._breaker.state(self._clock())

    async def run(self, ask: Callable[[], Awaitable[T]], seconds: float | None = None) -> T | None:
        """What ``ask`` returns, or None: it failed, took too long, or Redis is being left alone.

        ``seconds`` shortens the time; running out of a shortened time says nothing of Redis.
        """
        limit = self._timeout_seconds if seconds is None else min(seconds, self._timeout_seconds)
        permit = self._breaker.acquire(self._clock()) if limit > 0 else None
        if permit is None:
            self.skipped += 1
            return None
        self.asked += 1
        outcome: Outcome = "ignored"
        try:
            async with time_limit(limit):
                answer = await ask()
            outcome = "success"
        except TimeoutError:
            self.failed += 1
            outcome = "failure" if limit == self._timeout_seconds else "ignored"
            return None
        except OutOfMemoryError:
            self.failed += 1  # a full Redis still answers reads
            return None
        except (RedisError, OSError):
            self.failed += 1
            outcome = "failure"
            return None
        finally:
            now = self._clock()
            if self._breaker.release(permit, outcome, now) and self._on_change is not None:
                self._on_change(self._breaker.state(now))
        return answer
