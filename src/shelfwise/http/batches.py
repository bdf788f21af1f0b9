"""Calls for many ids at once, whose answers are cached by single id: batches that overlap ask only for the rest."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec

from shelfwise.http.exceptions import DecodingError, HTTPClientError
from shelfwise.http.messages import HeaderPairs, WireResponse
from shelfwise.http.reply import Reply
from shelfwise.http.service import ServiceClient
from shelfwise.http.strategies.cache import CacheEntry, CacheKey, Lifetime, make_key, vary_names
from shelfwise.http.strategies.deadline import Clock, Deadline

Split = Callable[[bytes], Mapping[str, bytes | None]]
"""An answer's body as one fragment per id; None for an id that the peer does not know. Raises ValueError."""

_SUCCESS = range(200, 300)
_KNOWN, _UNKNOWN = 200, 404


@dataclass(frozen=True, slots=True)
class BatchRoute:
    """A POST that changes nothing and answers for many ids; ``encode`` makes the body that asks for some of them.

    ``tags`` names what to invalidate the fragment of an id by.
    """

    route: str
    encode: Callable[[Sequence[str]], bytes]
    split: Split
    max_ids: int = 1000
    content_type: str = "application/json"
    tags: Callable[[str], Iterable[str]] = lambda _id: ()


class BatchReply(NamedTuple):
    """What is known of the ids: a fragment each, in the order they were asked for.

    ``stale_seconds`` is the age of each fragment that stands in because the peer could not be asked. ``unanswered`` ids
    have nothing; ``failure`` is the exception, or the answer that was no success, and None when the peer left them out.
    """

    fragments: Mapping[str, bytes | None]
    stale_seconds: Mapping[str, float]
    unanswered: tuple[str, ...]
    failure: HTTPClientError | Reply | None
    asked: int


class FragmentCache(Protocol):
    """What a batch needs of a response cache (``strategies.cache.ResponseCache`` is one)."""

    @property
    def epoch(self) -> int: ...

    def get(self, key: CacheKey, request_headers: HeaderPairs, now: float) -> CacheEntry | None: ...

    def insert(
        self, key: CacheKey, request_headers: HeaderPairs, entry: CacheEntry, *, since: int | None = None
    ) -> bool: ...

    def lifetime(self, response: WireResponse) -> Lifetime | None: ...


class _Whose(NamedTuple):
    """For whom a batch is, and what its requests carry."""

    partition: str
    subject: str | bytes
    headers: HeaderPairs
    deadline: Deadline | None
    timeout: float | None


class BatchCaller:
    """Calls batch routes of one service and keeps the fragments in ``cache``, by default the client's own.

    Use one per event loop.

    A fragment is used while it is fresh; one due for revalidation is asked for anew, and stands in for up to
    stale-if-error when that fails. The answer as a whole is not cached.
    """

    def __init__(
        self, client: ServiceClient, cache: FragmentCache | None = None, *, clock: Clock | None = None
    ) -> None:
        self._client = client
        self._cache = cache if cache is not None else client.fragments
        self._clock = clock if clock is not None else client.clock

    async def call(
        self,
        batch: BatchRoute,
        ids: Iterable[str],
        *,
        partition: str,
        subject: str | bytes,
        headers: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in ServiceClient.call
    ) -> BatchReply:
        """The fragments of ``ids``: those in the cache, and the rest asked for, at most ``max_ids`` at a time.

        ``partition`` and ``subject`` are as in :meth:`ServiceClient.call`. A failure is returned, not raised.
        """
        pairs = (*(headers or {}).items(), ("Content-Type", batch.content_type), ("Cache-Control", "no-store"))
        whose = _Whose(partition, subject, pairs, deadline, timeout)
        wanted = list(dict.fromkeys(ids))
        keys = {one: self._key(batch, one, whose) for one in wanted}
        now = self._clock()
        known = {one: entry for one in wanted if (entry := self._cache.get(keys[one], pairs, now)) is not None}
        fragments = {one: _fragment(entry) for one, entry in known.items() if entry.freshness(now) == "fresh"}
        missing = [one for one in wanted if one not in fragments]
        chunks = [missing[start : start + batch.max_ids] for start in range(0, len(missing), batch.max_ids)]
        asked = await asyncio.gather(*[self._ask(batch, chunk, keys, whose) for chunk in chunks])
        failure: HTTPClientError | Reply | None = None
        stale: dict[str, float] = {}
        for chunk, answer in zip(chunks, asked, strict=True):
            if isinstance(answer, Mapping):
                fragments |= {one: answer[one] for one in chunk if one in answer}
                continue
            failure = answer
            now = self._clock()
            stand_ins = {one: known[one] for one in chunk if one in known and now < known[one].error_until}
            fragments |= {one: _fragment(entry) for one, entry in stand_ins.items()}
            stale |= {one: entry.age_seconds(now) for one, entry in stand_ins.items()}
        unanswered = tuple(one for one in wanted if one not in fragments)
        ordered = {one: fragments[one] for one in wanted if one in fragments}
        return BatchReply(ordered, stale, unanswered, failure, len(missing))

    async def _ask(
        self, batch: BatchRoute, ids: Sequence[str], keys: Mapping[str, CacheKey], whose: _Whose
    ) -> Mapping[str, bytes | None] | HTTPClientError | Reply:
        """The fragments of one request, kept for the next; or why there are none."""
        since = self._cache.epoch
        try:
            reply = await self._client.call(
                "POST",
                batch.route,
                headers=whose.headers,
                body=batch.encode(ids),
                partition=whose.partition,
                subject=whose.subject,
                safe=True,
                deadline=whose.deadline,
                timeout=whose.timeout,
            )
        except HTTPClientError as error:
            return error
        if reply.status not in _SUCCESS:
            return reply
        try:
            fragments = batch.split(reply.body)
        except ValueError as error:
            return DecodingError(f"The answer of {batch.route} cannot be read: {error}", sent="yes")
        self._keep(batch, {one: fragments[one] for one in ids if one in fragments}, keys, whose, reply, since)
        return fragments

    def _keep(
        self,
        batch: BatchRoute,
        fragments: Mapping[str, bytes | None],
        keys: Mapping[str, CacheKey],
        whose: _Whose,
        reply: Reply,
        since: int,
    ) -> None:
        vary = vary_names(reply.headers)
        if "*" in vary:
            return
        now = self._clock()
        # One lifetime for all that came together, or each would end at its own moment and be asked for alone.
        lifetimes = {
            status: self._cache.lifetime(WireResponse(status, reply.headers, b"", reply.http_version))
            for status in (_KNOWN, _UNKNOWN)
        }
        for one, fragment in fragments.items():
            status = _UNKNOWN if fragment is None else _KNOWN
            lifetime = lifetimes[status]
            if lifetime is not None:
                response = WireResponse(status, (), fragment or b"", reply.http_version)
                entry = CacheEntry(response, now, lifetime, frozenset(batch.tags(one)), vary)
                self._cache.insert(keys[one], whose.headers, entry, since=since)

    def _key(self, batch: BatchRoute, one: str, whose: _Whose) -> CacheKey:
        return make_key(
            partition=whose.partition,
            subject=whose.subject,
            target=self._client.origin,
            # No method of HTTP: the answer to a batch of one is not its fragment.
            method="POST fragment",
            path=batch.route,
            query="",
            body=batch.encode([one]),
        )


def split_json(*, items: str, item_id: str, unknown: str | None = None) -> Split:
    """Takes apart ``{items: [{item_id: ..., ...}, ...], unknown: [id, ...]}``, whose names are given.

    A fragment is the bytes of its item as they were; the items are not read but for their id.
    """
    item_type = msgspec.defstruct("Item", [("id", str, msgspec.field(name=item_id))])
    fields: list[tuple[str, type, object]] = [("items", list[msgspec.Raw], msgspec.field(name=items))]
    if unknown is not None:
        fields.append(("unknown", list[str], msgspec.field(name=unknown)))
    answers: msgspec.json.Decoder[Any] = msgspec.json.Decoder(msgspec.defstruct("Answer", fields))
    ids: msgspec.json.Decoder[Any] = msgspec.json.Decoder(item_type)

    def split(body: bytes) -> dict[str, bytes | None]:
        answer = answers.decode(body)
        # A copy of each: a view would keep the whole body in memory.
        fragments: dict[str, bytes | None] = {ids.decode(raw).id: bytes(raw) for raw in answer.items}
        if unknown is not None:
            fragments |= dict.fromkeys(answer.unknown)
        return fragments

    return split


def _fragment(entry: CacheEntry) -> bytes | None:
    return entry.response.body if entry.response.status == _KNOWN else None
