"""Counters of one target, for a health page."""

from typing import TypedDict

from shelfwise.http.exceptions import HTTPClientError, failure_kind
from shelfwise.http.strategies.breaker import BreakerState


class Counters:
    """What happened since the client was made."""

    __slots__ = (
        "attempts",
        "cache_hits",
        "cache_misses",
        "cache_stale",
        "calls",
        "failures",
        "hedges",
        "in_flight",
        "refused",
        "retries",
    )

    def __init__(self) -> None:
        self.calls = 0
        self.attempts = 0
        self.retries = 0
        self.hedges = 0
        self.refused = 0
        self.in_flight = 0
        self.cache_hits = 0
        self.cache_misses = 0
        self.cache_stale = 0
        self.failures: dict[str, int] = {}

    def failed(self, error: HTTPClientError) -> None:
        kind = failure_kind(error)
        self.failures[kind] = self.failures.get(kind, 0) + 1


class CacheStats(TypedDict):
    entries: int
    bytes: int
    hits: int
    stale: int
    misses: int


class SharedStats(TypedDict):
    """``waits`` counts who waited for another process; ``asked``, ``failed`` and ``skipped`` count commands.

    ``state`` is that of the breaker in front of Redis.
    """

    state: BreakerState
    hits: int
    misses: int
    waits: int
    asked: int
    failed: int
    skipped: int


class InstanceStats(TypedDict):
    """Latencies are of answers in the last ten seconds, None without any.

    ``pending`` attempts are under way or ``waiting`` for the ``concurrency_limit``. ``ejected``: left out by the
    balancer; ``breaker_retry_in_seconds``: 0 unless the breaker is open.
    """

    address: str
    breaker: BreakerState
    breaker_retry_in_seconds: float
    latency_p50_seconds: float | None
    latency_p95_seconds: float | None
    latency_p99_seconds: float | None
    pending: int
    waiting: int
    concurrency_limit: int
    ejected: bool


class ClientStats(TypedDict):
    """``failures`` counts failed attempts by kind, ``refused`` what breaker, throttle or limiter did not let through.

    ``throttle_rejection_probability``: the share of calls that the throttle refuses at the moment. ``shared``: what
    came of asking Redis, None without one.
    """

    target: str
    calls: int
    attempts: int
    retries: int
    hedges: int
    refused: int
    in_flight: int
    failures: dict[str, int]
    retry_budget_left: float
    throttle_rejection_probability: float
    cache: CacheStats
    shared: SharedStats | None
    instances: list[InstanceStats]
    discovery_error: str | None
