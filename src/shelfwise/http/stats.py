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
        "in_flight",
        "refused",
        "retries",
    )

    def __init__(self) -> None:
        self.calls = 0
        self.attempts = 0
        self.retries = 0
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


class InstanceStats(TypedDict):
    """Latencies are of answers in the last ten seconds, None without any; ``ejected``: left out by the balancer."""

    address: str
    breaker: BreakerState
    latency_p50_seconds: float | None
    latency_p95_seconds: float | None
    pending: int
    ejected: bool


class ClientStats(TypedDict):
    """``failures`` counts failed attempts by kind; ``refused`` attempts that the breaker did not let through."""

    target: str
    calls: int
    attempts: int
    retries: int
    refused: int
    in_flight: int
    failures: dict[str, int]
    retry_budget_left: float
    cache: CacheStats
    instances: list[InstanceStats]
    discovery_error: str | None
