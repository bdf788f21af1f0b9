"""A private response cache: what may be stored, how long it is fresh, and when a stale answer may be served."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Generic, Literal, NamedTuple, TypeVar

from shelfwise.http.messages import HeaderPairs, WireResponse, header_value
from shelfwise.http.policy import CachePolicy

T = TypeVar("T")
KEY_VERSION = 1
Freshness = Literal["fresh", "revalidate", "error_only"]
_STORABLE_FOR_TTL = frozenset({200, 203})
_STORABLE_BRIEFLY = frozenset({404, 410})
_ENTRY_OVERHEAD_BYTES = 512
_MAX_INVALIDATIONS = 4096
_SAME_FOR_ALL = frozenset({"cache-control", "grpc-timeout", "pragma", "traceparent", "tracestate", "x-request-id"})


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


# What the answer varies on is part of it: an answer that varies otherwise stands beside the ones before it.
_FullKey = tuple[CacheKey, tuple[str, ...], tuple[str, ...]]


def make_key(
    *, partition: str, subject: str | bytes, target: str, method: str, path: str, query: str, body: bytes
) -> CacheKey:
    raw = subject.encode() if isinstance(subject, str) else subject
    body_digest = blake2b(body, digest_size=16).digest() if body else b""
    return CacheKey(KEY_VERSION, partition, _subject_digest(raw), target, method, path, query, body_digest)


def subject_of(headers: HeaderPairs) -> str:
    """Who asks, as far as the headers tell: all of them but those that differ between equal requests.

    Which header names the caller is known to the peer alone: it may be X-Api-Key as well as Authorization.
    """
    return repr([pair for pair in headers if pair[0].lower() not in _SAME_FOR_ALL])


@lru_cache(maxsize=1024)
def _subject_digest(subject: bytes) -> bytes:
    """The same few people ask all day: a digest costs more than all the rest of a key."""
    return blake2b(subject, digest_size=16).digest()


class Lifetime(NamedTuple):
    """How long an answer may be used: fresh, then while it is being fetched anew, then when that fails."""

    fresh_seconds: float
    revalidate_seconds: float
    error_seconds: float
    age_seconds: float


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
        "vary",
    )

    def __init__(
        self,
        response: WireResponse,
        stored_at: float,
        lifetime: Lifetime,
        tags: frozenset[str] = frozenset(),
        vary: tuple[str, ...] = (),
    ) -> None:
        self.response = response
        self.stored_at = stored_at
        self.age_at_store = lifetime.age_seconds
        self.fresh_until = stored_at + lifetime.fresh_seconds
        self.revalidate_until = self.fresh_until + lifetime.revalidate_seconds
        self.error_until = self.fresh_until + lifetime.error_seconds
        self.tags = tags
        self.vary = vary
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

    def lifetime(self) -> Lifetime:
        return Lifetime(
            self.fresh_until - self.stored_at,
            self.revalidate_until - self.fresh_until,
            self.error_until - self.fresh_until,
            self.age_at_store,
        )


class Loaded(NamedTuple, Generic[T]):
    """What a fetch came to. ``entry`` None: not for others to see (a failure, or an answer that may not be kept)."""

    answer: T
    entry: CacheEntry | None


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
    elif (expires := header_value(response.headers, "expires")) is not None:
        fresh = _seconds_between(header_value(response.headers, "date"), expires) - age
    else:
        fresh = default * (1.0 + policy.ttl_jitter * (2.0 * uniform() - 1.0))
    # What the peer gives no time at all is not to be used before it is asked, unless it says so.
    usual = policy.stale_while_revalidate_seconds if fresh > 0 else 0.0
    revalidate = _seconds(control.get("stale-while-revalidate"), usual)
    error = _seconds(control.get("stale-if-error"), policy.stale_if_error_seconds)
    if "must-revalidate" in control:
        revalidate = error = 0.0
    if fresh <= 0 and error <= 0:
        return None
    return Lifetime(max(fresh, 0.0), revalidate, error, age)


def make_entry(
    response: WireResponse, policy: CachePolicy, uniform: Callable[[], float], now: float, tags: Iterable[str] = ()
) -> CacheEntry | None:
    """``response`` as it may be kept from ``now`` on, or None when it may not be."""
    lifetime = lifetime_of(response, policy, uniform)
    vary = vary_names(response.headers)
    if lifetime is None or "*" in vary:
        return None
    entry = CacheEntry(response, now, lifetime, frozenset(tags), vary)
    return entry if entry.size <= policy.max_entry_bytes else None


class ResponseCache:
    """Least recently used entries within ``policy.max_bytes``; looked up by key and the request's Vary values."""

    def __init__(self, policy: CachePolicy, uniform: Callable[[], float]) -> None:
        self._policy = policy
        self._uniform = uniform
        self._entries: OrderedDict[_FullKey, CacheEntry] = OrderedDict()
        self._vary: dict[CacheKey, tuple[tuple[str, ...], int]] = {}
        self._by_tag: dict[str, set[_FullKey]] = {}
        self._invalidations = _Invalidations()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def epoch(self) -> int:
        """Taken before an answer is asked for and given to :meth:`put` as ``since``."""
        return self._invalidations.count

    def lifetime(self, response: WireResponse) -> Lifetime | None:
        """How long ``response`` may be used under this cache's policy, or None when it may not be stored."""
        return lifetime_of(response, self._policy, self._uniform)

    def get(self, key: CacheKey, request_headers: HeaderPairs, now: float) -> CacheEntry | None:
        vary = self._vary.get(key)
        if vary is None:
            return None
        full_key = (key, vary[0], vary_values(vary[0], request_headers))
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
        *,
        since: int | None = None,
    ) -> CacheEntry | None:
        """Store ``response`` if it may be: the entry, or None.

        ``since`` (the :attr:`epoch` at which it was asked for) keeps out an answer older than an invalidation of its
        tags.
        """
        entry = make_entry(response, self._policy, self._uniform, now, tags)
        return entry if entry is not None and self.insert(key, request_headers, entry, since=since) else None

    def insert(
        self, key: CacheKey, request_headers: HeaderPairs, entry: CacheEntry, *, since: int | None = None
    ) -> bool:
        """Store an entry made elsewhere; says whether it was."""
        if not self._policy.enabled or entry.size > min(self._policy.max_entry_bytes, self._policy.max_bytes):
            return False
        if since is not None and self._invalidations.any_since(since, key.partition, entry.tags):
            return False
        full_key = (key, entry.vary, vary_values(entry.vary, request_headers))
        self._drop(full_key)
        self._entries[full_key] = entry
        self._vary[key] = (entry.vary, self._vary.get(key, ((), 0))[1] + 1)
        for tag in entry.tags:
            self._by_tag.setdefault(tag, set()).add(full_key)
        self.bytes += entry.size
        while self.bytes > self._policy.max_bytes:
            self._drop(next(iter(self._entries)))
        return True

    def invalidate(self, tag: str, partition: str | None = None) -> int:
        """Forget what was stored under ``tag`` (in ``partition`` only, if given); says how many answers that was."""
        self._invalidations.add(tag, partition)
        doomed = [k for k in self._by_tag.get(tag, ()) if partition is None or k[0].partition == partition]
        for full_key in doomed:
            self._drop(full_key)
        return len(doomed)

    def clear(self) -> None:
        self._entries.clear()
        self._vary.clear()
        self._by_tag.clear()
        self.bytes = 0

    def _drop(self, full_key: _FullKey) -> None:
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


class _Invalidations:
    """When, in their own order, tags were invalidated: the latest of each, and of so many tags."""

    def __init__(self) -> None:
        self.count = 0
        self._forgotten_up_to = 0
        self._latest: OrderedDict[tuple[str | None, str], int] = OrderedDict()

    def add(self, tag: str, partition: str | None) -> None:
        self.count += 1
        self._latest[partition, tag] = self.count
        self._latest.move_to_end((partition, tag))
        if len(self._latest) > _MAX_INVALIDATIONS:
            _, self._forgotten_up_to = self._latest.popitem(last=False)

    def any_since(self, epoch: int, partition: str, tags: Iterable[str]) -> bool:
        """Whether one of ``tags`` was invalidated after ``epoch``, or may have been."""
        return any(
            epoch < max(self._forgotten_up_to, self._latest.get((partition, tag), 0), self._latest.get((None, tag), 0))
            for tag in tags
        )


def vary_names(headers: HeaderPairs) -> tuple[str, ...]:
    """The request headers that an answer with ``headers`` depends on, sorted; ``*`` among them: on anything."""
    names = {part.strip().lower() for name, value in headers if name == "vary" for part in value.split(",")}
    # The wire decides the encoding and decodes it: the stored body is the same for all of them.
    return tuple(sorted(names - {"", "accept-encoding"}))


def vary_values(names: tuple[str, ...], request_headers: HeaderPairs) -> tuple[str, ...]:
    """A digest of each of those headers of a request."""
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
    """Delta-seconds, 2^31 at most (RFC 9111, section 1.2.2); the default when absent or malformed."""
    if value is None or not (value.isascii() and value.isdigit()):
        return default
    return min(float(value), 2.0**31)


def _seconds_between(date: str | None, expires: str) -> float:
    """How long after ``date`` an answer expires; 0 where one of them is no date, as in ``Expires: 0``."""
    try:
        return (parsedate_to_datetime(expires) - parsedate_to_datetime(date or "")).total_seconds()
    except (ValueError, OverflowError, TypeError):  # the last for one date with and one without a zone
        return 0.0
