"""The rate limit of ``strategies.limiter``, shared by every process that asks the same Redis."""

from urllib.parse import quote

from redis.asyncio import Redis

from shelfwise.http.policy import LimiterPolicy
from shelfwise.http.redis.connection import Guard
from shelfwise.http.strategies.deadline import Clock
from shelfwise.http.strategies.limiter import RateLimiter

_KEY_VERSION = 1
# Times in microseconds of Redis' own clock: those of the processes differ. %.17g keeps a double as it is.
_RESERVE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local interval, tolerance, max_wait = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = arrival - tolerance - now
if wait < 1 then
    wait = 0
end
if wait > max_wait then
    return -1
end
arrival = arrival + interval
redis.call('SET', KEYS[1], string.format('%.17g', arrival))
redis.call('PEXPIRE', KEYS[1], math.ceil((arrival - now) / 1000))
return math.ceil(wait)
"""


class RedisRateLimiter:
    """One allowance per target and partition for all processes. While Redis is down or slow, each process limits alone.

    ``redis`` may be of any ``decode_responses``; closing it is its owner's matter. ``local`` is the limiter that stands
    in: made of the same policy, it allows each process the whole rate.
    """

    def __init__(
        self,
        redis: Redis,
        guard: Guard,
        policy: LimiterPolicy,
        target: str,
        local: RateLimiter,
        clock: Clock,
        *,
        key_prefix: str = "shelfwise",
    ) -> None:
        self._script = redis.register_script(_RESERVE)
        self._guard = guard
        self._off = policy.rate_per_second is None
        interval = 0.0 if policy.rate_per_second is None else 1e6 / policy.rate_per_second
        self._interval_microseconds = interval
        self._tolerance_microseconds = (policy.burst - 1) * interval
        self._local = local
        self._clock = clock
        self._key = f"{key_prefix}:limiter:v{_KEY_VERSION}:{_key_part(target)}:"

    async def reserve(self, partition: str, max_wait_seconds: float) -> float | None:
        """As :meth:`RateLimiter.reserve`, with the time it took to ask within the caller's own time."""
        if self._off:
            return 0.0
        keys = [self._key + _key_part(partition)]
        arguments = [self._interval_microseconds, self._tolerance_microseconds, max_wait_seconds * 1e6]
        wait: int | None = await self._guard.run(lambda: self._script(keys=keys, args=arguments))
        if wait is None:
            return self._local.reserve(self._clock(), partition, max_wait_seconds)
        return None if wait < 0 else wait / 1e6


def _key_part(name: str) -> str:
    """``name`` without ``:``, which divides keys, and without braces, which would pick a cluster's slot."""
    return quote(name, safe="")
