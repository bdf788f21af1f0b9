"""The document's metrics on prometheus-client: request count, response times, error rates, calls in flight."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from shelfwise.http.exceptions import HTTPClientError, failure_kind
from shelfwise.http.instrumentation.hooks import CacheStatus, CallInfo
from shelfwise.http.strategies.breaker import BreakerState
from shelfwise.http.strategies.retry import Retry

_STATE_VALUES: dict[BreakerState, int] = {"closed": 0, "half_open": 1, "open": 2}
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class PrometheusHooks:
    """Counts calls by target. Make one per registry; labels never hold a URL, a tenant or a token."""

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
        self._duration = Histogram(
            "http_client_request_duration_seconds",
            "Time of a logical call with all its attempts",
            ["target", "method"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._in_flight = Gauge("http_client_in_flight", "Logical calls under way", ["target"], registry=registry)
        self._breaker = Gauge(
            "http_client_breaker_state",
            "0 closed, 1 half open, 2 open",
            ["target", "instance"],
            registry=registry,
        )

    def started(self, call: CallInfo) -> None:
        self._in_flight.labels(call.target).inc()

    def finished(
        self,
        call: CallInfo,
        status: int,
        seconds: float,
        attempts: int,  # noqa: ARG002 - retries are counted as they happen
        cache: CacheStatus,
    ) -> None:
        self._in_flight.labels(call.target).dec()
        self._requests.labels(call.target, call.method, str(status), cache).inc()
        self._duration.labels(call.target, call.method).observe(seconds)

    def failed(self, call: CallInfo, error: HTTPClientError, seconds: float) -> None:
        self._in_flight.labels(call.target).dec()
        self._errors.labels(call.target, call.method, failure_kind(error), error.reason).inc()
        self._duration.labels(call.target, call.method).observe(seconds)

    def cancelled(self, call: CallInfo, seconds: float) -> None:  # noqa: ARG002 - a cancelled call has no duration
        self._in_flight.labels(call.target).dec()

    def retrying(self, call: CallInfo, retry: Retry) -> None:
        self._retries.labels(call.target, retry.retry_class).inc()

    def breaker_changed(self, target: str, instance: str, state: BreakerState) -> None:
        self._breaker.labels(target, instance).set(_STATE_VALUES[state])
