import asyncio

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.redis_server import PrivateRedis
from fixtures.shared_cache import PATIENT_SECONDS, Processes, a_key, an_entry, processes
from shelfwise.http import CachePolicy
from shelfwise.http.redis import codec
from shelfwise.http.redis.connection import connect
from shelfwise.http.redis.store import RedisStore
from shelfwise.http.strategies.cache import CacheEntry, CacheKey, Lifetime, ResponseCache
from shelfwise.http.testing import FakeClock, FaultProxy, respond

TAGS = frozenset({"product:1"})


def opened(raw: bytes) -> tuple[list[object], list[object]]:
    end = 2 + int.from_bytes(raw[:2])
    return msgspec.msgpack.decode(raw[2:end]), msgspec.msgpack.decode(raw[end:])


def closed(label: list[object], answer: list[object] | None) -> bytes:
    encoded = msgspec.msgpack.encode(label)
    return len(encoded).to_bytes(2) + encoded + (b"" if answer is None else msgspec.msgpack.encode(answer))


async def put(store: RedisStore, key: CacheKey, entry: CacheEntry, headers=(), tags=frozenset()) -> bool:
    ticket = (await store.take(key, headers, tags)).ticket
    assert ticket is not None
    return await store.put(ticket, headers, entry)


async def now_ms(several: Processes) -> int:
    seconds, microseconds = await several.redis.time()
    return seconds * 1000 + microseconds // 1000


def advance(store: RedisStore, seconds: float) -> None:
    assert isinstance(store.clock, FakeClock)
    store.clock.advance(seconds)


async def test_what_one_process_stores_another_finds_with_all_of_the_answer(several: Processes):
    entry = CacheEntry(
        respond(404, b"\x00\xff", headers=[("x-a", "1"), ("x-a", "é")], http_version="HTTP/1.1"),
        1000.0,
        Lifetime(5.0, 30.0, 300.0, 2.0),
    )
    assert await put(several.store(), a_key(), entry)
    found = await several.store(now=77.0).get(a_key(), ())
    assert found is not None
    assert found.response == respond(404, b"\x00\xff", headers=[("x-a", "1"), ("x-a", "é")], http_version="HTTP/1.1")
    assert found.lifetime() == pytest.approx((5.0, 30.0, 300.0, 2.0), abs=1e-6)
    assert found.freshness(77.0) == "fresh"


async def test_an_entry_grows_old_on_redis_clock_whatever_the_clocks_of_the_processes_say(several: Processes):
    """Stored as 25 s old: a process whose clock shows another age of the world finds it just as old."""
    writer = several.store(now=1_000_000.0)
    assert await put(writer, a_key(), an_entry(now=1_000_000.0 - 25))
    found = await several.store(now=5.0).get(a_key(), ())
    assert found is not None
    assert 25 <= found.age_seconds(5.0) < 25 + 60
    assert found.freshness(5.0) == "revalidate"


async def test_redis_forgets_an_entry_after_its_last_use(several: Processes):
    await put(several.store(), a_key(), an_entry(lifetime=Lifetime(10.0, 30.0, 300.0, 0.0)))
    await put(several.store(), a_key(path="/q"), an_entry(lifetime=Lifetime(10.0, 700.0, 300.0, 0.0)))
    lives = sorted([await several.redis.pttl(key) for key in await several.keys()])
    assert 250_000 < lives[0] <= 310_000
    assert 650_000 < lives[1] <= 710_000


async def test_an_entry_that_outlived_its_use_is_a_miss_even_while_redis_still_holds_it(several: Processes):
    store = several.store()
    await put(store, a_key(), an_entry(now=1000.0 - 9, lifetime=Lifetime(10.0, 0.0, 0.0, 0.0)))
    [name] = await several.keys()
    raw = await several.redis.get(name)
    assert raw is not None
    label, answer = opened(raw)
    label[3] -= 2000
    await several.redis.set(name, closed(label, answer))
    assert await several.store().get(a_key(), ()) is None


async def test_vary_keeps_answers_apart_and_a_process_that_knows_it_asks_once(several: Processes):
    writer, reader = several.store(), several.store()
    for language in ("de", "fr"):
        headers = [("Accept-Language", language)]
        await put(writer, a_key(), an_entry(language.encode(), vary=("accept-language",)), headers)
    found = []
    for language in ("de", "fr", "it"):
        before = reader.guard.asked
        entry = await reader.get(a_key(), [("accept-language", language)])
        found.append((entry and entry.response.body, reader.guard.asked - before))
    assert found == [(b"de", 2), (b"fr", 1), (None, 1)]


async def test_an_answer_that_no_longer_varies_takes_the_place_of_those_that_did(several: Processes):
    store, other = several.store(), several.store()
    await put(store, a_key(), an_entry(b"de", vary=("accept-language",)), [("accept-language", "de")])
    await put(store, a_key(), an_entry(b"all"))
    for reader in (store, other):
        entry = await reader.get(a_key(), [("accept-language", "it")])
        assert entry is not None
        assert entry.response.body == b"all"


async def test_an_entry_above_the_limit_is_not_stored(several: Processes):
    store = several.store(max_entry_bytes=2000)
    assert not await put(store, a_key(), an_entry(b"x" * 2000))
    assert await put(store, a_key(), an_entry(b"x" * 1000))


async def test_an_answer_that_has_no_bytes_is_not_stored_and_its_lease_is_given_back(several: Processes):
    store = several.store()
    names = tuple(f"{number}-{'x' * 240}" for number in range(400))
    unreadable = CacheEntry(respond(headers=[("x", "\udcff")]), 1000.0, Lifetime(9.0, 0.0, 0.0, 0.0))
    for entry in (unreadable, an_entry(vary=names)):
        ticket = (await store.take(a_key(), (), need="usable", lease_seconds=9)).ticket
        assert ticket is not None
        assert ticket.leads
        assert not await store.put(ticket, (), entry)


async def test_a_longer_value_than_the_readers_limit_is_not_even_sent(several: Processes):
    await put(several.store(), a_key(), an_entry(b"x" * 5000))
    assert await several.store(max_entry_bytes=2000).get(a_key(), ()) is None


async def test_nothing_of_a_request_or_of_a_token_can_be_read_from_a_key(several: Processes):
    key = a_key(partition="tenant-42", subject="secret-token", path="/customers/jane")
    headers = [("authorization", "Bearer secret-token")]
    store = several.store()
    await put(store, key, an_entry(tags=TAGS, vary=("authorization",)), headers, tags=TAGS)
    names = " ".join(await several.keys())
    for word in ("tenant-42", "secret-token", "jane", "product:1"):
        assert word not in names
    values = b" ".join([await several.redis.get(name) or b"" for name in await several.keys()])
    assert b"secret-token" not in values
    assert b"tenant-42" not in values


async def test_an_invalidation_reaches_every_process_and_only_its_tag_and_partition(several: Processes):
    writer, reader = several.store(), several.store()
    keys = {name: a_key(partition=name) for name in ("a", "b")}
    other = a_key(partition="a", path="/other")
    for key in keys.values():
        await put(writer, key, an_entry(tags=TAGS), tags=TAGS)
    await put(writer, other, an_entry(tags=frozenset({"product:2"})), tags=frozenset({"product:2"}))
    assert await reader.invalidate("product:1", "a")
    assert await writer.get(keys["a"], (), TAGS) is None
    assert await writer.get(keys["b"], (), TAGS) is not None
    assert await writer.get(other, (), frozenset({"product:2"})) is not None


async def test_an_invalidation_without_a_partition_reaches_all_of_them(several: Processes):
    store = several.store()
    for partition in ("a", "b"):
        await put(store, a_key(partition=partition), an_entry(tags=TAGS), tags=TAGS)
    await several.store().invalidate("product:1")
    assert [await store.get(a_key(partition=name), (), TAGS) for name in ("a", "b")] == [None, None]


async def test_an_answer_on_its_way_during_an_invalidation_is_not_stored(several: Processes):
    asking, telling, reader = several.store(), several.store(), several.store()
    ticket = (await asking.take(a_key(), (), TAGS)).ticket
    assert ticket is not None
    await telling.invalidate("product:1", "t")
    assert not await asking.put(ticket, (), an_entry(b"old", tags=TAGS))
    assert await reader.get(a_key(), (), TAGS) is None
    late = (await asking.take(a_key(), (), TAGS)).ticket
    assert late is not None
    assert not await asking.put(ticket, (), an_entry(b"old", tags=TAGS)), "another generation has begun since"
    assert await asking.put(late, (), an_entry(b"new", tags=TAGS))


async def test_a_generation_that_redis_lost_ends_its_answers(several: Processes):
    store = several.store()
    await put(store, a_key(), an_entry(tags=TAGS), tags=TAGS)
    for name in await several.keys():
        if ":tag:" in name:
            await several.redis.delete(name)
    assert await store.get(a_key(), (), TAGS) is None


async def test_a_generation_outlives_the_answers_that_remember_it(several: Processes):
    store = several.store()
    await put(store, a_key(), an_entry(tags=TAGS, lifetime=Lifetime(7200.0, 0.0, 0.0, 0.0)), tags=TAGS)
    lives = {name.split(":")[2]: await several.redis.pexpiretime(name) for name in await several.keys()}
    assert lives["tag"] >= lives["answer"] > await now_ms(several) + 7_000_000


async def test_an_invalidation_that_redis_missed_is_made_up_for_before_anything_is_read_or_written(
    several: Processes, redis_server: PrivateRedis
):
    writer = several.store()
    await put(writer, a_key(), an_entry(tags=TAGS), tags=TAGS)
    async with FaultProxy("127.0.0.1", redis_server.port) as proxy:
        redis = connect(f"redis://127.0.0.1:{proxy.port}/0", timeout_seconds=PATIENT_SECONDS)
        store = several.store(redis=redis)
        ticket = (await store.take(a_key(), (), TAGS)).ticket
        assert ticket is not None
        proxy.mode = "reset"
        assert not await store.invalidate("product:1", "t")
        assert await store.get(a_key(), (), TAGS) is None
        assert await writer.get(a_key(), (), TAGS) is not None, "Redis has not heard of it yet"
        proxy.mode = "pass"
        advance(store, 60)  # the breaker tries again
        assert not await store.put(ticket, (), an_entry(b"old", tags=TAGS))
        assert await writer.get(a_key(), (), TAGS) is None
        await redis.aclose()


async def test_an_invalidation_is_owed_still_when_an_earlier_one_of_the_same_tag_was_heard(
    several: Processes, redis_server: PrivateRedis
):
    other = several.store()
    await put(other, a_key(), an_entry(b"first", tags=TAGS), tags=TAGS)
    async with FaultProxy("127.0.0.1", redis_server.port) as proxy:
        redis = connect(f"redis://127.0.0.1:{proxy.port}/0", timeout_seconds=PATIENT_SECONDS)
        store = several.store(redis=redis)
        proxy.latency_seconds = 0.3
        earlier = asyncio.ensure_future(store.invalidate("product:1", "t"))
        while await other.get(a_key(), (), TAGS) is not None:  # until Redis has done it, and not yet said so
            await asyncio.sleep(0.001)
        await put(other, a_key(), an_entry(b"second", tags=TAGS), tags=TAGS)
        proxy.mode = "reset"
        assert not await store.invalidate("product:1", "t")
        assert await earlier
        proxy.mode, proxy.latency_seconds = "pass", 0.0
        assert await store.get(a_key(), (), TAGS) is None
        assert await other.get(a_key(), (), TAGS) is None
        await redis.aclose()


async def test_damaged_foreign_and_other_versions_values_are_misses(several: Processes):
    store = several.store()
    await put(store, a_key(), an_entry())
    [name] = await several.keys()
    whole = await several.redis.get(name)
    assert whole is not None
    label, answer = opened(whole)

    def labelled(index: int, value: object) -> bytes:
        return closed([*label[:index], value, *label[index + 1 :]], answer)

    def answered(index: int, value: object) -> bytes:
        return closed(label, [*answer[:index], value, *answer[index + 1 :]])

    values = {
        "empty": b"",
        "text": b"hello, world",
        "cut short": whole[:-1],
        "label only": closed(label, None),
        "followed by more": whole + b"\x00",
        "older version": labelled(0, 0),
        "newer version": labelled(0, codec.VERSION + 1),
        "another kind": labelled(1, "pickle"),
        "another request's": labelled(2, "00" * 20),
        "time as text": labelled(3, "yesterday"),
        "no number": labelled(4, float("nan")),
        "endless": labelled(4, 10**15),
        "negative": labelled(6, -1),
        "vary on nothing": labelled(1, "vary"),
        "vary on numbers": closed([*label[:1], "vary", *label[2:8], [1]], None),
        "vary on too much": closed([*label[:1], "vary", *label[2:8], ["x"] * 1000], None),
        "one element more": closed([*label, 1], answer),
        "no such status": answered(0, 9999),
        "header without a value": answered(3, [["a"]]),
        "body as a number": answered(4, 7),
        "deeply nested label": b"\x13\x89" + b"\x91" * 5000 + b"\x00",
        "deeply nested answer": closed(label, None) + b"\x91" * 5000 + b"\x00",
        "giant length": b"\x00\x05\xdd\xff\xff\xff\xff",
    }
    found = {}
    for what, value in values.items():
        await several.redis.set(name, value)
        found[what] = await several.store().get(a_key(), ())
    assert found == dict.fromkeys(values)
    await several.redis.set(name, whole)
    assert await several.store().get(a_key(), ()) is not None


async def test_a_key_of_another_type_is_a_miss_and_is_written_over(several: Processes):
    store = several.store()
    await put(store, a_key(), an_entry())
    [name] = await several.keys()
    await several.redis.delete(name)
    await several.redis.rpush(name, "a list")
    assert await store.get(a_key(), ()) is None
    assert await put(store, a_key(), an_entry(b"again"))
    assert await store.get(a_key(), ()) is not None


VALUES: dict[str, list[object]] = {
    "partition": ["t1", "t2", ""],
    "subject": ["u1", "u2", "u1\nsales:read", "u1\nsales:read sales:write"],
    "target": ["http://a", "http://b"],
    "method": ["GET", "POST"],
    "path": ["/p", "/p/", "/q"],
    "query": ["", "a=1", "a=1&b=2", "b=2&a=1"],
    "body": [b"", b"{}"],
}
PARTS = {part: st.sampled_from(values) for part, values in VALUES.items()}
BASE = {part: values[0] for part, values in VALUES.items()}


@pytest.mark.parametrize("part", VALUES)
async def test_requests_that_differ_in_one_part_are_different_requests(several: Processes, part: str):
    store, first = several.store(), ResponseCache(CachePolicy(), lambda: 0.5)
    for value in VALUES[part]:
        key = a_key(**{**BASE, part: value})
        assert await store.get(key, ()) is None
        assert first.get(key, (), 1000.0) is None
        assert await put(store, key, an_entry())
        assert first.insert(key, (), an_entry())


@st.composite
def neighbours(draw: st.DrawFn) -> list[dict[str, object]]:
    """A request and others that differ from it in one part only: the ones most easily taken for it."""
    base = draw(st.fixed_dictionaries(PARTS))
    changed = draw(st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=3))
    return [base] + [{**base, part: draw(PARTS[part])} for part in changed]


ACTIONS = st.sampled_from(["put", "put varying", "get", "invalidate"])


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[dict[str, object], str, str]]:
    request = st.sampled_from(draw(neighbours()))
    return draw(st.lists(st.tuples(request, st.sampled_from(["de", "fr", ""]), ACTIONS), min_size=2, max_size=12))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=histories())
async def test_no_request_is_ever_answered_with_what_was_stored_for_another(redis_server: PrivateRedis, steps):
    """Both levels, driven alike; the body names the request it was stored for and the language it depends on."""
    async with processes(redis_server) as several:
        stores = [several.store(), several.store()]
        first = ResponseCache(CachePolicy(), lambda: 0.5)
        valid: set[tuple[str, bytes]] = set()
        for number, (request, language, action) in enumerate(steps):
            key, headers = a_key(**request), [("accept-language", language)]
            identity = repr(sorted(request.items())).encode()
            if action == "invalidate":
                await stores[number % 2].invalidate("product:1", request["partition"])
                first.invalidate("product:1", request["partition"])
                valid = {one for one in valid if one[0] != request["partition"]}
            elif action != "get":
                vary = ("accept-language",) if action == "put varying" else ()
                body = identity + (language.encode() if vary else b"*")
                await put(stores[number % 2], key, an_entry(body, tags=TAGS, vary=vary), headers, TAGS)
                first.insert(key, headers, an_entry(body, tags=TAGS, vary=vary))
                valid.add((request["partition"], body))
            for reader in stores:
                found = await reader.get(key, headers, TAGS)
                if found is not None:
                    assert found.response.body in {identity + language.encode(), identity + b"*"}
                    assert (request["partition"], found.response.body) in valid
            entry = first.get(key, headers, 1000.0)
            if entry is not None:
                assert entry.response.body in {identity + language.encode(), identity + b"*"}
                assert (request["partition"], entry.response.body) in valid
