"""How Inventory's client behaves, from the service's settings."""

from shelfwise.http import (
    CachePolicy,
    ConcurrencyPolicy,
    DiscoveryPolicy,
    HedgePolicy,
    LimiterPolicy,
    Policy,
    ThrottlePolicy,
)
from shelfwise.inventory.config import Settings


def client_policy(settings: Settings) -> Policy:
    """The client's defaults with what the settings change of them."""
    return Policy(
        total_timeout_seconds=float(settings.HTTP_CLIENT_TIMEOUT),
        max_connections=settings.HTTP_CLIENT_MAX_CONNECTIONS,
        max_keepalive=settings.HTTP_CLIENT_MAX_KEEPALIVE,
        http2=settings.HTTP_CLIENT_HTTP2,
        wire=settings.HTTP_CLIENT_WIRE,
        max_body_bytes=settings.HTTP_CLIENT_MAX_BODY_BYTES,
        proxy=settings.HTTP_CLIENT_PROXY,
        connections_per_instance=settings.HTTP_CLIENT_CONNECTIONS_PER_INSTANCE,
        discovery=DiscoveryPolicy(dns_server=settings.HTTP_CLIENT_DNS_SERVER),
        cache=CachePolicy(enabled=settings.HTTP_CLIENT_CACHE_ENABLED),
        redis_url=settings.HTTP_CLIENT_REDIS_URL,
        limiter=LimiterPolicy(
            rate_per_second=settings.HTTP_CLIENT_RATE_PER_SECOND, burst=settings.HTTP_CLIENT_RATE_BURST
        ),
        concurrency=ConcurrencyPolicy(kind=settings.HTTP_CLIENT_CONCURRENCY),
        hedge=HedgePolicy() if settings.HTTP_CLIENT_HEDGING else HedgePolicy(max_share=0.0),
        throttle=ThrottlePolicy() if settings.HTTP_CLIENT_THROTTLE else ThrottlePolicy(max_rejection=0.0),
    )
