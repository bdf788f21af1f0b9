import json
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.contracts.analytics import AnalyticsAnswer, AnalyticsQuery, SalesData
from shelfwise.http import CachePolicy, NoHooks, Reply, ServiceClient, exceptions
from shelfwise.http.batches import BatchCaller, BatchReply, BatchRoute, split_json
from shelfwise.http.messages import HeaderPairs, WireRequest, WireResponse
from shelfwise.http.strategies.cache import ResponseCache, make_key
from shelfwise.http.testing import FakeClock, ScriptedWire, Step, respond

SPLIT = split_json(items="items", item_id="product_id", unknown="unknown")


def encode(ids) -> bytes:
    return json.dumps({"product_ids": list(ids)}).encode()


BATCH = BatchRoute("/query", encode, SPLIT, tags=lambda one: [f"product:{one}"])


class Peer:
    """Answers for ids, knows none that begins with ``x``, and keeps who asked for which ids."""

    def __init__(self, headers: HeaderPairs = ()) -> None:
        self.clock = FakeClock()
        self.wire = ScriptedWire(then=self.answer, clock=self.clock)
        self.cache = ResponseCache(CachePolicy(), lambda: 0.5)
        self.client = ServiceClient(
            "http://sales", None, self.wire, NoHooks(), clock=self.clock, random=Random(7), sleep=self.clock.sleep
        )
        self.caller = BatchCaller(self.client, self.cache, clock=self.clock)
        self.headers = headers
        self.failing: Step | None = None
        self.version = 1
        self.meanwhile = lambda: None

    def answer(self, request: WireRequest) -> Step:
        if self.failing is not None:
            return self.failing
        ids = json.loads(request.body)["product_ids"]
        who = dict(request.headers).get("who", "")
        items = [
            {"product_id": one, "version": self.version, "who": who}
            for one in ids if not one.startswith("x")
        ]  # fmt: skip
        self.meanwhile()
        body = {"items": items, "unknown": [one for one in ids if one.startswith("x")]}
        return respond(200, json.dumps(body).encode(), self.headers)

    @property
    def asked(self) -> list[list[str]]:
        return [json.loads(request.body)["product_ids"] for request in self.wire.requests]

    async def call(self, *ids: str, batch: BatchRoute = BATCH, **options: object) -> BatchReply:
        whose = {"partition": "t", "subject": "s", **options}
        return await self.caller.call(batch, ids, **whose)  # type: ignore[arg-type]


def versions(reply: BatchReply) -> dict[str, int | None]:
    return {one: None if raw is None else json.loads(raw)["version"] for one, raw in reply.fragments.items()}


async def test_batches_that_overlap_ask_only_for_the_rest():
    peer = Peer()
    await peer.call("a", "b")
    reply = await peer.call("c", "b", "a", "b")
    assert peer.asked == [["a", "b"], ["c"]]
    assert list(reply.fragments) == ["c", "b", "a"]
    assert reply.asked == 1
    await peer.call("a", "c")
    assert len(peer.asked) == 2


async def test_a_fragment_is_the_items_own_bytes_and_an_unknown_id_has_none():
    peer = Peer()
    for _ in range(2):
        reply = await peer.call("a", "x1")
        assert reply.fragments == {"a": b'{"product_id": "a", "version": 1, "who": ""}', "x1": None}
    assert len(peer.asked) == 1
    peer.clock.advance(6)  # what is unknown may become known soon
    await peer.call("a", "x1")
    assert peer.asked[1:] == [["x1"]]


async def test_many_ids_are_asked_for_in_requests_of_at_most_so_many():
    peer = Peer()
    batch = BatchRoute("/query", encode, SPLIT, max_ids=10)
    ids = [str(number) for number in range(25)]
    reply = await peer.call(*ids, batch=batch)
    assert list(reply.fragments) == ids
    assert sorted(len(asked) for asked in peer.asked) == [5, 10, 10]


async def test_fragments_of_one_answer_grow_old_together():
    peer = Peer()
    uniform = Random(7).random
    peer.cache = ResponseCache(CachePolicy(), uniform)
    peer.caller = BatchCaller(peer.client, peer.cache, clock=peer.clock)
    ids = [str(number) for number in range(50)]
    await peer.call(*ids)
    for _ in range(30):
        peer.clock.advance(0.1 + 8.9 / 30)
        await peer.call(*ids)
    assert {len(asked) for asked in peer.asked} == {50}


async def test_an_old_fragment_is_asked_for_anew_and_stands_in_when_that_fails():
    peer = Peer()
    await peer.call("a")
    peer.clock.advance(15)
    peer.version = 2
    assert versions(await peer.call("a")) == {"a": 2}
    peer.clock.advance(15)
    peer.failing = exceptions.ConnectError("refused")
    reply = await peer.call("a", "b")
    assert versions(reply) == {"a": 2}
    assert reply.stale_seconds == {"a": pytest.approx(15, abs=2)}
    assert reply.unanswered == ("b",)
    assert isinstance(reply.failure, exceptions.HTTPClientError)


async def test_a_fragment_stands_in_no_longer_than_stale_if_error():
    peer = Peer()
    await peer.call("a")
    peer.clock.advance(400)
    peer.failing = exceptions.ConnectError("refused")
    assert (await peer.call("a")).unanswered == ("a",)


async def test_an_answer_that_is_no_success_is_told_and_not_kept():
    peer = Peer()
    peer.failing = respond(403, b"no")
    reply = await peer.call("a")
    assert isinstance(reply.failure, Reply)
    assert (reply.failure.status, reply.unanswered) == (403, ("a",))
    peer.failing = None
    assert versions(await peer.call("a")) == {"a": 1}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"items": [{}]}', b'{"items": [{"product_id": 7}]}', b"\xff", b'{"items"']
)
async def test_an_answer_that_cannot_be_read_is_a_bad_answer(body):
    peer = Peer()
    peer.failing = respond(200, body)
    reply = await peer.call("a")
    assert exceptions.failure_kind(reply.failure) == "bad_answer"  # type: ignore[arg-type]
    assert reply.unanswered == ("a",)


async def test_ids_that_the_peer_leaves_out_are_unanswered_without_a_failure():
    peer = Peer()
    peer.failing = respond(200, b'{"items": [], "unknown": []}')
    reply = await peer.call("a")
    assert (reply.unanswered, reply.failure) == (("a",), None)


async def test_cache_control_is_honoured():
    for control, requests in (("no-store", 2), ("max-age=0, must-revalidate", 2), ("max-age=60", 1)):
        peer = Peer([("cache-control", control)])
        await peer.call("a")
        peer.clock.advance(30)
        await peer.call("a")
        assert len(peer.asked) == requests, control


async def test_an_invalidation_forgets_the_fragment_and_keeps_out_the_one_on_its_way():
    peer = Peer()
    await peer.call("a", "b")
    peer.cache.invalidate("product:a", "t")
    await peer.call("a", "b")
    assert peer.asked[1:] == [["a"]]
    peer.meanwhile = lambda: peer.cache.invalidate("product:c", "t")
    await peer.call("c", "d")
    await peer.call("c", "d")
    assert peer.asked[2:] == [["c", "d"], ["c"]]


async def test_a_call_of_the_same_route_is_not_answered_with_a_fragment():
    peer = Peer()
    await peer.call("a")
    whole = make_key(
        partition="t", subject="s", target="http://sales", method="POST", path="/query", query="", body=encode(["a"])
    )
    assert len(peer.cache) == 1
    assert peer.cache.get(whole, (), peer.clock()) is None


async def test_real_answers_fit():
    items: list[SalesData] = [
        {
            "product_id": name, "total_quantity_sold": 3, "total_revenue": 1.5, "average_daily_sales": 0.1,
            "sales_trend": "stable", "last_sale_date": None,
        }
        for name in ("P-1", 'P"2', "é")
    ]  # fmt: skip
    answer: AnalyticsAnswer = {"items": items, "unknown": ["P-9"]}
    peer = Peer()
    peer.failing = WireResponse(200, (), msgspec.json.encode(answer), "HTTP/2")
    batch = BatchRoute(
        "/api/sales/analytics/query",
        lambda ids: msgspec.json.encode(AnalyticsQuery(product_ids=list(ids), days=30)),
        SPLIT,
    )
    reply = await peer.call("P-1", 'P"2', "é", "P-9", batch=batch)
    decoder = msgspec.json.Decoder(SalesData)
    assert [None if raw is None else decoder.decode(raw) for raw in reply.fragments.values()] == [*items, None]


people = st.tuples(st.sampled_from(["t1", "t2"]), st.sampled_from(["u1", "u2"]), st.sampled_from(["de", "fr"]))
batches = st.tuples(people, st.lists(st.sampled_from(["a", "b", "c", "x"]), min_size=1), st.floats(0, 20))


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(batches, max_size=12), varies=st.booleans())
async def test_nobody_is_ever_given_what_another_was_told(steps, varies):
    peer = Peer([("vary", "who")] if varies else [])
    for (partition, subject, language), ids, seconds in steps:
        who = f"{partition}/{subject}/{language}" if varies else f"{partition}/{subject}"
        reply = await peer.call(*ids, partition=partition, subject=subject, headers={"who": who})
        assert list(reply.fragments) == list(dict.fromkeys(ids))
        for one, raw in reply.fragments.items():
            assert (raw is None) == one.startswith("x")
            assert raw is None or json.loads(raw)["who"] == who
        peer.clock.advance(seconds)
