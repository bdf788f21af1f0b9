"""Every default of the client, as frozen values.

Names and numbers are the integration document's; what the document leaves open is said beside the field.
Nothing here reads the environment: services pass their settings in.
"""

from dataclasses import dataclass, field, replace
from typing import Literal, Self

HTTP2Mode = Literal["auto", "on", "off"]
WireKind = Literal["rust", "asyncio", "httpx2"]
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retries after the first attempt, by what failed, and at most ``max_retries`` across classes.

    The pause before retry n is uniform in [0, min(max_delay_seconds, base_delay_seconds * 2^(n-1))].
    """

    connect_timeout_retries: int = 3
    network_error_retries: int = 3
    server_error_retries: int = 2
    max_retries: int = 3
    base_delay_seconds: float = 0.05
    max_delay_seconds: float = 1.0
    max_cooldown_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """Retries are at most ``ratio`` of the calls of a window plus ``reserve_per_second``.

    Once two partitions called within the window, neither may spend more than ``partition_share`` of it.
    """

    ratio: float = 0.2
    reserve_per_second: float = 3.0
    window_seconds: float = 10.0
    partition_share: float = 0.5


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When an instance's breaker opens, and how it closes again.

    A call is slow when it takes more than ``slow_fraction`` of its attempt timeout.
    """

    failure_ratio: float = 0.5
    slow_ratio: float = 0.8
    slow_fraction: float = 0.8
    minimum_calls: int = 20
    window_seconds: float = 10.0
    consecutive_failures: int = 5
    open_seconds: float = 5.0
    max_open_seconds: float = 60.0
    open_jitter: float = 0.1
    half_open_probes: int = 3


@dataclass(frozen=True, slots=True)
class BalancerPolicy:
    """How calls spread over several instances; with one instance nothing of this acts.

    An instance is left out for ``eject_seconds``, doubling, after ``bad_in_a_row`` attempts that failed or took over
    ``slow_factor`` times its siblings' median latency (and over ``slow_floor_seconds``).
    """

    decay_seconds: float = 10.0
    bad_in_a_row: int = 3
    slow_factor: float = 4.0
    slow_floor_seconds: float = 0.005
    eject_seconds: float = 5.0
    max_eject_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class LimiterPolicy:
    """How many calls a second each partition makes to a target, and how many of them at once (``burst``).

    ``rate_per_second`` None: as many as it likes. Beyond ``max_partitions`` that called of late, newcomers share one
    allowance.
    """

    rate_per_second: float | None = None
    burst: int = 10
    max_partitions: int = 10_000


@dataclass(frozen=True, slots=True)
class ThrottlePolicy:
    """How calls are refused before they burden a peer that answers "too much" (429, 503, REFUSED_STREAM).

    429 is about who calls: only calls of the same partition are refused for it.
    Refused are at most ``max_rejection`` of the calls (0: none ever), and none while the window holds less than
    ``minimum_answers``.
    """

    multiplier: float = 2.0
    window_seconds: float = 120.0
    max_rejection: float = 0.9
    minimum_answers: int = 10


@dataclass(frozen=True, slots=True)
class HedgePolicy:
    """When a second attempt is sent beside a slow first one, the quicker answer winning.

    It takes two instances, ``minimum_samples`` fresh latencies, and hedges at the latency ``quantile``; hedges are at
    most ``max_share`` of the calls of a window that could be hedged (0: none ever).
    """

    quantile: float = 0.95
    minimum_samples: int = 20
    max_share: float = 0.05
    window_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class ConcurrencyPolicy:
    """How many calls are under way at once; the others wait, at most ``max_waiters`` of them.

    ``gradient2`` lets latencies decide between ``min_limit`` and the client's ``max_connections``; ``fixed`` stays at
    ``initial_limit``. ``initial_limit`` None is ``max_connections``: a client that has measured nothing yet has no
    reason to hold a call back, and comes down within seconds once latencies rise.
    """

    kind: Literal["gradient2", "fixed"] = "gradient2"
    min_limit: int = 4
    initial_limit: int | None = None
    max_waiters: int = 1000
    tolerance: float = 1.5
    queue_size: int = 4
    smoothing: float = 0.2
    sample_seconds: float = 0.1
    minimum_samples: int = 10
    long_average_samples: int = 600


@dataclass(frozen=True, slots=True)
class DiscoveryPolicy:
    """How often and how long addresses are looked up.

    ``dns_server`` None means those of the system; else ``host`` or ``host:port`` (IPv6 in brackets). A record's TTL is
    taken between the two bounds; ``file_poll_seconds`` is how often a watched file is looked at.
    """

    dns_server: str | None = None
    lookup_timeout_seconds: float = 2.0
    min_ttl_seconds: float = 1.0
    max_ttl_seconds: float = 60.0
    retry_seconds: float = 1.0
    max_retry_seconds: float = 30.0
    file_poll_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """The in-process response cache; Cache-Control of an answer goes before these defaults."""

    enabled: bool = True
    max_bytes: int = 16 * MEBIBYTE
    max_entry_bytes: int = MEBIBYTE
    ttl_seconds: float = 10.0
    not_found_ttl_seconds: float = 5.0
    ttl_jitter: float = 0.1
    stale_while_revalidate_seconds: float = 30.0
    stale_if_error_seconds: float = 300.0


_NO_CACHE = CachePolicy(enabled=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """How a client behaves; the defaults are the document's for :class:`HTTPClient`.

    ``attempt_timeout_seconds`` None means that one attempt may take all the time that is left. ``cache`` None
    means none for a general client, which does not know whose answers it holds, and the defaults for a service.
    ``redis_url`` names what several processes share: cached answers, fetching them once, and the rate limit.
    ``connections_per_instance`` counts HTTP/2 connections: all calls of one connection land on one worker of the peer.
    What may hold a password or a key is not in its ``repr``.
    """

    total_timeout_seconds: float = 30.0
    attempt_timeout_seconds: float | None = None
    connect_timeout_seconds: float = 10.0
    max_connections: int = 100
    max_keepalive: int = 20
    http2: HTTP2Mode = "auto"
    wire: WireKind = "asyncio"
    follow_redirects: bool = True
    max_redirects: int = 5
    max_body_bytes: int = 10 * MEBIBYTE
    proxy: str | None = field(default=None, repr=False)
    tls_ca_cert: bytes | None = None
    tls_client_cert: bytes | None = None
    tls_client_key: bytes | None = field(default=None, repr=False)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    budget: BudgetPolicy = field(default_factory=BudgetPolicy)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    balancer: BalancerPolicy = field(default_factory=BalancerPolicy)
    limiter: LimiterPolicy = field(default_factory=LimiterPolicy)
    throttle: ThrottlePolicy = field(default_factory=ThrottlePolicy)
    hedge: HedgePolicy = field(default_factory=HedgePolicy)
    concurrency: ConcurrencyPolicy = field(default_factory=ConcurrencyPolicy)
    discovery: DiscoveryPolicy = field(default_factory=DiscoveryPolicy)
    connections_per_instance: int = 1
    cache: CachePolicy | None = None
    redis_url: str | None = field(default=None, repr=False)

    @property
    def cache_or_off(self) -> CachePolicy:
        return self.cache if self.cache is not None else _NO_CACHE

    def for_service(
        self,
        *,
        call_timeout_seconds: float = 2.0,
        attempt_timeout_seconds: float = 0.5,
        connect_timeout_seconds: float = 0.25,
    ) -> Self:
        """This policy narrowed to calls of one service on the same network; follows no redirect."""
        total = min(self.total_timeout_seconds, call_timeout_seconds)
        return replace(
            self,
            total_timeout_seconds=total,
            attempt_timeout_seconds=min(total, attempt_timeout_seconds),
            connect_timeout_seconds=min(self.connect_timeout_seconds, connect_timeout_seconds),
            follow_redirects=False,
            cache=self.cache if self.cache is not None else CachePolicy(),
        )
