"""The document's metrics on prometheus-client: request count, response times, error rates, connection pool usage.

What happens is counted as it happens; what is (a breaker's state, the budget left) is read when somebody scrapes.
"""

from typing import NamedTuple
from weakref import WeakSet

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

from shelfwise.http.exceptions import HTTPClientError, failure_kind
from shelfwise.http.instrumentation.gauges import ClientCollector
from shelfwise.http.instrumentation.hooks import KNOWN_METHODS, CacheStatus, CallInfo, NoHooks
from shelfwise.http.instrumentation.observed import ObservedClient
from shelfwise.http.strategies.breaker import BreakerState
from shelfwise.http.strategies.retry import Retry

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
#: A program that calls whatever host it is told must not make a series for each of them.
_MAX_TARGETS = 100
_OTHER = "other"


class _Answered(NamedTuple):
    requests: Counter
    seconds: Histogram


class PrometheusHooks(NoHooks):
    """Counts calls by target, and shows the state of each client that has these hooks.

    Make one per registry. A target is a client's name; after a hundred of them, and for methods that HTTP does not
    know, the label is ``other``. No label holds a URL, a tenant or a token. Scrape in the thread of the event loop.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._requests = Counter(
            "http_client_requests",
            "Calls that were answered, by status and by what the cache did",
            ["target", "method", "status", "cache"],
            registry=registry,
        )
        self._errors = Counter(
            "http_client_errors",
            "Calls that ended in an exception, by what failed and why there was no further attempt",
            ["target", "method", "kind", "reason"],
            registry=registry,
        )
        self._retries = Counter(
            "http_client_retries", "Attempts after the first, by cause", ["target", "cause"], registry=registry
        )
        self._hedges = Counter(
            "http_client_hedges", "Second attempts while the first was slow", ["target"], registry=registry
        )
        self._breaker_changes = Counter(
            "http_client_breaker_changes", "Breakers that changed to a state", ["target", "state"], registry=registry
        )
        self._seconds = Histogram(
            "http_client_request_duration_seconds",
            "Time of a logical call with all its attempts",
            ["target", "method"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._clients: WeakSet[ObservedClient] = WeakSet()
        registry.register(ClientCollector(self._clients))
        self._targets: set[str] = set()
        # labels() costs more than all the rest of an event, and a program makes few kinds of calls.
        self._answered: dict[tuple[str, str, int, CacheStatus], _Answered] = {}

    def opened(self, client: ObservedClient) -> None:
        self._clients.add(client)

    def finished(
        self,
        call: CallInfo,
        status: int,
        seconds: float,
        attempts: int,  # noqa: ARG002 - retries are counted as they happen
        cache: CacheStatus,
    ) -> None:
        key = (call.target, call.method, status, cache)
        answered = self._answered.get(key)
        if answered is None:
            answered = self._series(*key)
        answered.requests.inc()
        answered.seconds.observe(seconds)

    def failed(self, call: CallInfo, error: HTTPClientError, seconds: float) -> None:
        target, method = self._target(call.target), _method(call.method)
        self._errors.labels(target, method, failure_kind(error), error.reason).inc()
        self._seconds.labels(target, method).observe(seconds)

    def retrying(self, call: CallInfo, retry: Retry) -> None:
        self._retries.labels(self._target(call.target), retry.retry_class).inc()

    def hedging(self, call: CallInfo) -> None:
        self._hedges.labels(self._target(call.target)).inc()

    def breaker_changed(self, target: str, instance: str, state: BreakerState) -> None:  # noqa: ARG002 - a gauge's
        self._breaker_changes.labels(self._target(target), state).inc()

    def _series(self, target: str, method: str, status: int, cache: CacheStatus) -> _Answered:
        target_label, method_label = self._target(target), _method(method)
        answered = _Answered(
            self._requests.labels(target_label, method_label, str(status), cache),
            self._seconds.labels(target_label, method_label),
        )
        if (target_label, method_label) == (target, method):
            self._answered[target, method, status, cache] = answered
        return answered

    def _target(self, name: str) -> str:
        if name in self._targets:
            return name
        if len(self._targets) >= _MAX_TARGETS:
            return _OTHER
        self._targets.add(name)
        return name


def _method(method: str) -> str:
    return method if method in KNOWN_METHODS else _OTHER
