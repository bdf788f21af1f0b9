"""What a call comes back with."""

from typing import Literal, NamedTuple

import msgspec

from shelfwise.http.exceptions import HTTPClientError, Reason
from shelfwise.http.instrumentation.hooks import CacheStatus
from shelfwise.http.messages import HeaderPairs, header_value

StaleReason = Literal["revalidate", "error"]


class CacheInfo(NamedTuple):
    """Where an answer came from. ``stale_reason`` "error": the peer could not be asked (``error``, if it raised)."""

    status: CacheStatus
    age_seconds: float
    stale_reason: StaleReason | None
    fresh_seconds: float
    error: HTTPClientError | None

    @property
    def is_stale(self) -> bool:
        return self.stale_reason is not None

    def cache_status(self) -> str:
        """The value of a Cache-Status header (RFC 9211)."""
        if self.status in {"hit", "stale"}:
            return f"shelfwise; hit; ttl={int(self.fresh_seconds)}"
        return f"shelfwise; fwd={'uri-miss' if self.status == 'miss' else 'bypass'}"


FROM_NETWORK = CacheInfo("miss", 0.0, None, 0.0, None)
UNCACHED = CacheInfo("bypass", 0.0, None, 0.0, None)
"""Of a call that no cache was asked about."""


class Reply(msgspec.Struct, eq=False):
    """An answer as bytes: the caller decodes the body straight into its own type.

    ``attempts`` is 0 for an answer from the cache; ``reason`` says why a failed status was not retried further.
    """

    status: int
    headers: HeaderPairs
    body: bytes
    http_version: str
    url: str
    cache: CacheInfo
    attempts: int
    reason: Reason | None

    def __repr__(self) -> str:
        return f"<Reply {self.status} {self.url} {len(self.body)} bytes, cache {self.cache.status}>"

    def header(self, name: str) -> str | None:
        """The first value of the header ``name``, in any case."""
        return header_value(self.headers, name.lower())
