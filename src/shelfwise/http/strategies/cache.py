"""A private response cache: what may be stored, how long it is fresh, and when a stale answer may be served."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Literal, NamedTuple

from shelfwise.http.messages import HeaderPairs, WireResponse, header_value
from shelfwise.http.policy import CachePolicy

KEY_VERSION = 1
Freshness = Literal["fresh", "revalidate", "error_only"]
_STORABLE_FOR_TTL = frozenset({200, 203})
_STORABLE_BRIEFLY = frozenset({404, 410})
_ENTRY_OVERHEAD_BYTES = 512


class CacheKey(NamedTuple):
    """What makes two requests the same, but for the headers that the answer's Vary names.

    ``subject`` is the digest of whom the answer is for; a token itself is never part of a key.
    """

    version: int
    partition: str
    subject: bytes
    target: str
    method: str
    path: str
    query: str
    body: bytes


def make_key(
    *, partition: str, subject: str | bytes, target: str, method: str, path: str, query: str, body: bytes
) -> CacheKey:
    raw = subject.encode() if isinstance(subject, str) else subject
    digest = blake2b(raw, digest_size=16).digest()
    body_digest = blake2b(body, digest_size=16).digest() if body else b""
    return CacheKey(KEY_VERSION, partition, digest, target, method, path, query, body_digest)


class CacheEntry:
    """A stored answer and the times (on the cache's clock) until which it may be used, and how."""

    __slots__ = (
        "age_at_store",
        "error_until",
        "fresh_until",
        "response",
        "revalidate_until",
        "size",
        "stored_at",
        "tags",
    )

    def __init__(self, response: WireResponse, now: float, lifetime: "Lifetime", tags: frozenset[str]) -> None:
        self.response = response
        self.stored_at = now
        self.age_at_store = lifetime.age_seconds
        self.fresh_until = now + lifetime.fresh_seconds
        self.revalidate_until = self.fresh_until + lifetime.revalidate_seconds
        self.error_until = self.fresh_until + lifetime.error_seconds
        self.tags = tags
        headers = sum(len(name) + len(value) for name, value in response.headers)
        self.size = len(response.body) + headers + _ENTRY_OVERHEAD_BYTES

    def age_seconds(self, now: float) -> float:
        return self.age_at_store + now - self.stored_at

    def freshness(self, now: float) -> Freshness | None:
        if now < self.fresh_until:
            return "fresh"
        if now < self.revalidate_until:
            return "revalidate"
        return "error_only" if now < self.error_until else None


class Lifetime(NamedTuple):
    """How long an answer may be used: fresh, then while it is being fetched anew, then when that fails."""

    fresh_seconds: float
    revalidate_seconds: float
    error_seconds: float
    age_seconds: float


def directives(headers: HeaderPairs) -> Mapping[str, str]:
    """Cache-Control as a mapping of lower-case directive to its argument (empty without one)."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name == "cache-control":
            for part in value.split(","):
                directive, _, argument = part.strip().partition("=")
                found[directive.lower()] = argument.strip('"')
    return found


def lifetime_of(response: WireResponse, policy: CachePolicy, uniform: Callable[[], float]) -> Lifetime | None:
    """How long ``response`` may be used, or None when it may not be stored (RFC 9111, sections 3 and 4.2)."""
    control = directives(response.headers)
    if "no-store" in control or "no-cache" in control:
        return None
    if response.status in _STORABLE_FOR_TTL:
        default = policy.ttl_seconds
    elif response.status in _STORABLE_BRIEFLY:
        default = policy.not_found_ttl_seconds
    else:
        return None
    age = _seconds(header_value(response.headers, "age"), 0.0)
    if "max-age" in control:
        fresh = _seconds(control["max-age"], 0.0) - age
    else:
        fresh = default * (1.0 + policy.ttl_jitter * (2.0 * uniform() - 1.0))
    revalidate = _seconds(control.get("stale-while-revalidate"), policy.stale_while_revalidate_seconds)
    error = _seconds(control.get("stale-if-error"), policy.stale_if_error_seconds)
    if "must-revalidate" in control:
        revalidate = error = 0.0
    if fresh <= 0 and error <= 0:
        return None
    return Lifetime(max(fresh, 0.0), revalidate, error, age)


class ResponseCache:
    """Least recently used entries within ``policy.max_bytes``; looked up by key and the request's Vary values."""

    def __init__(self, policy: CachePolicy, uniform: Callable[[], float]) -> None:
        self._policy = policy
        self._uniform = uniform
        self._entries: OrderedDict[tuple[CacheKey, tuple[str, ...]], CacheEntry] = OrderedDict()
        self._vary: dict[CacheKey, tuple[tuple[str, ...], int]] = {}
        self._by_tag: dict[str, set[tuple[CacheKey, tuple[str, ...]]]] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: CacheKey, request_headers: HeaderPairs, now: float) -> CacheEntry | None:
        vary = self._vary.get(key)
        if vary is None:
            return None
        full_key = (key, _vary_values(vary[0], request_headers))
        entry = self._entries.get(full_key)
        if entry is None:
            return None
        if entry.freshness(now) is None:
            self._drop(full_key)
            return None
        self._entries.move_to_end(full_key)
        return entry

    def put(
        self,
        key: CacheKey,
        request_headers: HeaderPairs,
        response: WireResponse,
        now: float,
        tags: Iterable[str] = (),
    ) -> bool:
        """Store ``response`` if it may be; says whether it was."""
        lifetime = lifetime_of(response, self._policy, self._uniform)
        names = _vary_names(response.headers)
        if lifetime is None or "*" in names:
            return False
        entry = CacheEntry(response, now, lifetime, frozenset(tags))
        if entry.size > min(self._policy.max_entry_bytes, self._policy.max_bytes):
            return False
        known = self._vary.get(key)
        if known is not None and known[0] != names:
            self._drop_key(key)
        full_key = (key, _vary_values(names, request_headers))
        self._drop(full_key)
        self._entries[full_key] = entry
        self._vary[key] = (names, self._vary.get(key, (names, 0))[1] + 1)
        for tag in entry.tags:
            self._by_tag.setdefault(tag, set()).add(full_key)
        self.bytes += entry.size
        while self.bytes > self._policy.max_bytes:
            self._drop(next(iter(self._entries)))
        return True

    def invalidate(self, tag: str, partition: str | None = None) -> int:
        """Forget what was stored under ``tag`` (in ``partition`` only, if given); says how many answers that was."""
        doomed = [k for k in self._by_tag.get(tag, ()) if partition is None or k[0].partition == partition]
        for full_key in doomed:
            self._drop(full_key)
        return len(doomed)

    def clear(self) -> None:
        self._entries.clear()
        self._vary.clear()
        self._by_tag.clear()
        self.bytes = 0

    def _drop_key(self, key: CacheKey) -> None:
        for full_key in [k for k in self._entries if k[0] == key]:
            self._drop(full_key)

    def _drop(self, full_key: tuple[CacheKey, tuple[str, ...]]) -> None:
        entry = self._entries.pop(full_key, None)
        if entry is None:
            return
        self.bytes -= entry.size
        names, variants = self._vary[full_key[0]]
        if variants > 1:
            self._vary[full_key[0]] = (names, variants - 1)
        else:
            del self._vary[full_key[0]]
        for tag in entry.tags:
            tagged = self._by_tag[tag]
            tagged.discard(full_key)
            if not tagged:
                del self._by_tag[tag]


def _vary_names(headers: HeaderPairs) -> tuple[str, ...]:
    names = {part.strip().lower() for name, value in headers if name == "vary" for part in value.split(",")}
    # The wire decides the encoding and decodes it: the stored body is the same for all of them.
    return tuple(sorted(names - {"", "accept-encoding"}))


def _vary_values(names: tuple[str, ...], request_headers: HeaderPairs) -> tuple[str, ...]:
    if not names:
        return ()
    return tuple(
        # A digest, because a peer may vary on Authorization, and a token is never part of a key.
        blake2b(
            "\n".join(value for name, value in request_headers if name.lower() == wanted).encode(), digest_size=16
        ).hexdigest()
        for wanted in names
    )


def _seconds(value: str | None, default: float) -> float:
    """Delta-seconds; the default when absent or malformed."""
    if value is None or not (value.isascii() and value.isdigit()):
        return default
    return float(value)
