"""The state of clients, read when Prometheus asks for it and at no other time."""

from collections.abc import Callable, Iterable, Iterator
from operator import add
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from shelfwise.http.instrumentation.observed import ObservedClient
from shelfwise.http.stats import ClientStats, InstanceStats
from shelfwise.http.strategies.breaker import BreakerState
from shelfwise.http.wire.base import Wire

Family = CounterMetricFamily | GaugeMetricFamily
_STATE_VALUES: dict[BreakerState, float] = {"closed": 0.0, "half_open": 1.0, "open": 2.0}
#: The pool of clients that were given one wire together, as those of HTTPClient.
_SHARED = "shared"


class _Kind(NamedTuple):
    """A family of series; ``merge`` makes one value of two that have the same labels."""

    documentation: str
    labels: tuple[str, ...] = ("target",)
    merge: Callable[[float, float], float] = add
    is_counter: bool = False


# Not "instance": that label is Prometheus's own name for whom it scrapes.
_PEER = ("target", "peer")
_KINDS = {
    "in_flight": _Kind("Logical calls under way"),
    "attempts": _Kind("Attempts that were sent", is_counter=True),
    "attempt_failures": _Kind("Attempts without an answer, by what failed", ("target", "kind"), is_counter=True),
    "refused": _Kind("Attempts that a breaker, a limit or the throttle did not let out", is_counter=True),
    "retry_budget_left": _Kind("Retries and hedges that may be made at once", merge=min),
    "throttle_rejection_ratio": _Kind("Share of calls refused here since the peer says it is overloaded", merge=max),
    "discovery_failing": _Kind("1 while the last lookup of instances failed", merge=max),
    "cache_entries": _Kind("Answers in the cache"),
    "cache_bytes": _Kind("Size of the answers in the cache"),
    "cache_lookups": _Kind("Lookups in the cache, by result", ("target", "result"), is_counter=True),
    "shared_cache_lookups": _Kind("Lookups in Redis, by result", ("target", "result"), is_counter=True),
    "shared_cache_state": _Kind("Breaker in front of Redis: 0 closed, 1 half open, 2 open", merge=max),
    "shared_cache_errors": _Kind("Commands that Redis did not answer in time or at all", is_counter=True),
    "breaker_state": _Kind("0 closed, 1 half open, 2 open", _PEER, max),
    "ejected": _Kind("1 while the balancer leaves the instance out", _PEER, max),
    "attempts_in_flight": _Kind("Attempts under way", _PEER),
    "attempts_waiting": _Kind("Attempts that wait for the concurrency limit", _PEER),
    "concurrency_limit": _Kind("Attempts that may be under way at once", _PEER),
    "pool_connections": _Kind("Open TCP connections of the process to the peers of this pool"),
    "pool_streams": _Kind("Exchanges under way on the connections of this pool"),
    "pool_waiting": _Kind("Exchanges that wait for a free connection"),
    "pool_max_connections": _Kind("Connections that this pool may open", merge=max),
}
Reading = tuple[str, tuple[str, ...], float]


class ClientCollector(Collector):
    """A collector of what ``clients`` are at the moment; clients of one name are shown as one."""

    def __init__(self, clients: Iterable[ObservedClient]) -> None:
        self._clients = clients

    def collect(self) -> Iterator[Family]:
        values: dict[str, dict[tuple[str, ...], float]] = {name: {} for name in _KINDS}
        for name, labels, value in self._read():
            family = values[name]
            family[labels] = value if labels not in family else _KINDS[name].merge(family[labels], value)
        for name, kind in _KINDS.items():
            make = CounterMetricFamily if kind.is_counter else GaugeMetricFamily
            metric: Family = make(f"http_client_{name}", kind.documentation, labels=kind.labels)
            for labels, value in values[name].items():
                metric.add_metric(labels, value)
            yield metric

    def _read(self) -> Iterator[Reading]:
        pools: dict[Wire, tuple[str, int]] = {}
        for client in tuple(self._clients):
            yield from _of_client(client.stats())
            pools[client.wire] = (client.name if client.owns_wire else _SHARED, client.policy.max_connections)
        for wire, (target, max_connections) in pools.items():
            yield from _of_pool((target,), wire, max_connections)


def _of_client(stats: ClientStats) -> Iterator[Reading]:
    target = stats["target"]
    labels = (target,)
    yield "in_flight", labels, stats["in_flight"]
    yield "attempts", labels, stats["attempts"]
    yield "refused", labels, stats["refused"]
    yield "retry_budget_left", labels, stats["retry_budget_left"]
    yield "throttle_rejection_ratio", labels, stats["throttle_rejection_probability"]
    yield "discovery_failing", labels, stats["discovery_error"] is not None
    for kind, count in stats["failures"].items():
        yield "attempt_failures", (target, kind), count
    cache = stats["cache"]
    yield "cache_entries", labels, cache["entries"]
    yield "cache_bytes", labels, cache["bytes"]
    yield "cache_lookups", (target, "hit"), cache["hits"]
    yield "cache_lookups", (target, "stale"), cache["stale"]
    yield "cache_lookups", (target, "miss"), cache["misses"]
    shared = stats["shared"]
    if shared is not None:
        yield "shared_cache_state", labels, _STATE_VALUES[shared["state"]]
        yield "shared_cache_errors", labels, shared["failed"]
        yield "shared_cache_lookups", (target, "hit"), shared["hits"]
        yield "shared_cache_lookups", (target, "miss"), shared["misses"]
    for instance in stats["instances"]:
        yield from _of_instance(target, instance)


def _of_instance(target: str, instance: InstanceStats) -> Iterator[Reading]:
    labels = (target, instance["address"].partition("://")[2])
    yield "breaker_state", labels, _STATE_VALUES[instance["breaker"]]
    yield "ejected", labels, instance["ejected"]
    yield "attempts_in_flight", labels, instance["pending"]
    yield "attempts_waiting", labels, instance["waiting"]
    yield "concurrency_limit", labels, instance["concurrency_limit"]


def _of_pool(labels: tuple[str, ...], wire: Wire, max_connections: int) -> Iterator[Reading]:
    usage = wire.usage()
    if usage.connections is not None:
        yield "pool_connections", labels, usage.connections
    yield "pool_streams", labels, usage.streams
    yield "pool_waiting", labels, usage.waiting
    yield "pool_max_connections", labels, max_connections
