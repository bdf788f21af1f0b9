"""Names of keys and the bytes of values: digests and versioned msgpack. Nothing read is trusted before it is decoded.

A key is ``<prefix><kind>:<digest>`` where the digest is BLAKE2b over the msgpack array of all parts, so that no two
lists of parts have the same bytes, and neither a tenant nor a path can be read from a key.

A value is a label and, behind it, an answer: two bytes that say how long the label is, and two msgpack arrays. Scripts
read the label only.
"""

import struct
from hashlib import blake2b
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from shelfwise.http.messages import WireResponse
from shelfwise.http.strategies.cache import CacheEntry, CacheKey, Lifetime

VERSION: Final = 1
MAX_LIFE_MS: Final = 24 * 3600 * 1000
_DIGEST_BYTES = 20

Digest = Annotated[str, msgspec.Meta(min_length=2 * _DIGEST_BYTES, max_length=2 * _DIGEST_BYTES)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_LIFE_MS)]
HeaderName = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
HeaderText = Annotated[str, msgspec.Meta(max_length=65536)]


class Label(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """What a script has to know of a value; the order of the fields is part of the version.

    ``stored_at_ms`` is on Redis' clock, and the lifetimes follow it one after the other. Of kind "vary" it stands
    alone: answers to this request depend on the headers ``vary``, and lie elsewhere.
    """

    version: Literal[1]
    kind: Literal["answer", "vary"]
    digest: Digest
    stored_at_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    fresh_ms: Milliseconds
    revalidate_ms: Milliseconds
    error_ms: Milliseconds
    generations: Annotated[str, msgspec.Meta(max_length=16384)]
    vary: Annotated[tuple[HeaderName, ...], msgspec.Meta(max_length=32)]


class StoredAnswer(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """An answer as it lies in Redis; ``age_ms`` is how old it was when it was stored."""

    status: Annotated[int, msgspec.Meta(ge=100, le=599)]
    http_version: Annotated[str, msgspec.Meta(max_length=16)]
    age_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    headers: Annotated[tuple[tuple[HeaderName, HeaderText], ...], msgspec.Meta(max_length=256)]
    body: bytes


class Value(NamedTuple):
    """``answer`` None: a vary record."""

    label: Label
    answer: StoredAnswer | None


_ENCODER = msgspec.msgpack.Encoder()
_LABEL = msgspec.msgpack.Decoder(Label)
_ANSWER = msgspec.msgpack.Decoder(StoredAnswer)
_LENGTH = struct.Struct(">H")


def digest_of(key: CacheKey, names: tuple[str, ...] = (), values: tuple[str, ...] = ()) -> bytes:
    """What stands for a request: its key, and what it says in the headers that its answers vary on."""
    return blake2b(_ENCODER.encode((key, names, values)), digest_size=_DIGEST_BYTES).digest()


def tag_digest(partition: str | None, tag: str) -> bytes:
    """What stands for a tag of a partition; None: of every partition."""
    return blake2b(_ENCODER.encode(("tag", partition, tag)), digest_size=_DIGEST_BYTES).digest()


def life_ms(entry: CacheEntry) -> int:
    """How long an entry may be of any use."""
    lifetime = entry.lifetime()
    seconds = lifetime.fresh_seconds + max(lifetime.revalidate_seconds, lifetime.error_seconds)
    return min(int(seconds * 1000), MAX_LIFE_MS)


def encode_answer(entry: CacheEntry, digest: bytes, stored_at_ms: int, generations: bytes) -> bytes | None:
    """The value of ``entry``; None when there is none: a header that is no text, a label of over 64 KiB."""
    lifetime, response = entry.lifetime(), entry.response
    label = Label(
        VERSION,
        "answer",
        digest.hex(),
        stored_at_ms,
        _ms(lifetime.fresh_seconds),
        _ms(lifetime.revalidate_seconds),
        _ms(lifetime.error_seconds),
        generations.decode("latin-1"),
        entry.vary,
    )
    answer = StoredAnswer(
        response.status,
        response.http_version,
        int(lifetime.age_seconds * 1000),
        tuple(response.headers),
        response.body,
    )
    try:
        return _labelled(label) + _ENCODER.encode(answer)
    except (UnicodeEncodeError, struct.error):
        return None


def encode_vary(names: tuple[str, ...], digest: bytes) -> bytes:
    return _labelled(Label(VERSION, "vary", digest.hex(), 0, 0, 0, 0, "", names))


def decode(raw: bytes, digest: bytes) -> Value | None:
    """The value in ``raw``; None: it is damaged, of another version, or not about ``digest``."""
    if len(raw) < _LENGTH.size:
        return None
    end = _LENGTH.size + _LENGTH.unpack_from(raw)[0]
    try:
        label = _LABEL.decode(raw[_LENGTH.size : end])
        answer = _ANSWER.decode(memoryview(raw)[end:]) if label.kind == "answer" else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if label.digest != digest.hex() or (answer is None and not label.vary):
        return None
    return Value(label, answer)


def to_entry(label: Label, stored: StoredAnswer, now_ms: int, now: float, tags: frozenset[str]) -> CacheEntry | None:
    """The entry, its times moved from Redis' clock to ours; None when it has outlived its use.

    ``now_ms`` on Redis' clock is ``now`` or a little later on ours: an entry looks older than it is, never younger.
    """
    lifetime = Lifetime(label.fresh_ms / 1000, label.revalidate_ms / 1000, label.error_ms / 1000, stored.age_ms / 1000)
    response = WireResponse(stored.status, stored.headers, stored.body, stored.http_version)
    stored_at = now - max(now_ms - label.stored_at_ms, 0) / 1000
    entry = CacheEntry(response, stored_at, lifetime, tags, label.vary)
    return entry if entry.freshness(now) is not None else None


def _labelled(label: Label) -> bytes:
    encoded = _ENCODER.encode(label)
    return _LENGTH.pack(len(encoded)) + encoded


def _ms(seconds: float) -> int:
    return min(int(seconds * 1000), MAX_LIFE_MS)
