import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.http import CachePolicy
from shelfwise.http.strategies.cache import CacheKey, ResponseCache, lifetime_of, make_key
from shelfwise.http.testing import respond

MIDDLE = 0.5  # of the jitter: none


def key(**changes: object) -> CacheKey:
    base = {
        "partition": "t", "subject": "s", "target": "http://a", "method": "GET",
        "path": "/p", "query": "", "body": b"",
    }  # fmt: skip
    return make_key(**(base | changes))  # type: ignore[arg-type]


def cache(**policy: object) -> ResponseCache:
    return ResponseCache(CachePolicy(**policy), lambda: MIDDLE)  # type: ignore[arg-type]


def fresh_seconds(*, status: int = 200, **headers: str) -> float | None:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    lifetime = lifetime_of(respond(status, headers=pairs), CachePolicy(), lambda: MIDDLE)
    return None if lifetime is None else lifetime.fresh_seconds


def test_an_answer_is_fresh_for_ten_seconds_a_missing_one_for_five_and_no_other_is_kept():
    assert fresh_seconds() == 10
    assert fresh_seconds(status=404) == 5
    assert [fresh_seconds(status=status) for status in (201, 204, 301, 400, 401, 403, 429, 500, 503)] == [None] * 9


def test_the_lifetime_is_jittered_by_a_tenth():
    low = lifetime_of(respond(), CachePolicy(), lambda: 0.0)
    high = lifetime_of(respond(), CachePolicy(), lambda: 1.0)
    assert low is not None
    assert high is not None
    assert (low.fresh_seconds, high.fresh_seconds) == (pytest.approx(9), pytest.approx(11))


def test_cache_control_is_honoured():
    assert fresh_seconds(cache_control="no-store") is None
    assert fresh_seconds(cache_control="no-cache") is None
    assert fresh_seconds(cache_control="max-age=60") == 60
    assert fresh_seconds(cache_control="private, max-age=60", age="20") == 40
    assert fresh_seconds(cache_control="max-age=0, must-revalidate") is None


def test_an_entry_is_fresh_then_revalidated_then_for_errors_only_then_gone():
    store = cache()
    store.put(key(), (), respond(body=b"x"), 0)
    states = {}
    for now in (9.9, 10, 39.9, 40, 309.9, 310):
        entry = store.get(key(), (), now)
        states[now] = entry.freshness(now) if entry is not None else None
    assert states == {
        9.9: "fresh", 10: "revalidate", 39.9: "revalidate", 40: "error_only", 309.9: "error_only", 310: None,
    }  # fmt: skip
    assert len(store) == store.bytes == 0


def test_age_counts_from_the_origin():
    store = cache()
    store.put(key(), (), respond(headers=[("age", "5"), ("cache-control", "max-age=60")]), 0)
    entry = store.get(key(), (), 3)
    assert entry is not None
    assert entry.age_seconds(3) == 8


def test_a_peer_that_varies_now_on_this_and_now_on_that_costs_no_other_answer_its_place():
    store, vary = cache(), [("vary", "accept-language")]
    store.put(key(), [("accept-language", "fr")], respond(body=b"fr", headers=vary), 0)
    store.put(key(), [("accept-language", "de")], respond(body=b"any"), 0)
    found = [store.get(key(), [("accept-language", language)], 1) for language in ("de", "fr")]
    assert [entry and entry.response.body for entry in found] == [b"any", b"any"]
    store.put(key(), [("accept-language", "de")], respond(body=b"de", headers=vary), 0)
    found = [store.get(key(), [("accept-language", language)], 1) for language in ("de", "fr")]
    assert [entry and entry.response.body for entry in found] == [b"de", b"fr"]


def test_without_max_age_an_answer_is_fresh_until_it_expires():
    date = "Thu, 01 Jan 2026 12:00:00 GMT"
    assert fresh_seconds(date=date, expires="Thu, 01 Jan 2026 12:01:00 GMT") == 60
    assert fresh_seconds(date=date, expires="Thu, 01 Jan 2026 12:01:00 GMT", age="20") == 40
    assert fresh_seconds(date=date, expires="Thu, 01 Jan 2026 12:01:00 GMT", cache_control="max-age=5") == 5
    for expires in ("0", "-1", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 99999999999 00:00:00 GMT", ""):
        assert fresh_seconds(date=date, expires=expires) == 0
    assert fresh_seconds(expires="Thu, 01 Jan 2026 12:01:00 GMT") == 0


@pytest.mark.parametrize(
    "headers", [[("cache-control", "max-age=0")], [("expires", "0")], [("cache-control", "max-age=x")]]
)
def test_what_is_never_fresh_is_not_used_before_the_peer_is_asked(headers: list[tuple[str, str]]):
    store = cache()
    store.put(key(), (), respond(headers=headers), 0)
    entry = store.get(key(), (), 0)
    assert entry is not None
    assert entry.freshness(0) == "error_only"


def test_vary_keeps_answers_apart_and_a_star_keeps_none():
    store = cache()
    vary = [("vary", "Accept-Language")]
    store.put(key(), [("accept-language", "de")], respond(body=b"de", headers=vary), 0)
    store.put(key(), [("Accept-Language", "fr")], respond(body=b"fr", headers=vary), 0)
    found = [store.get(key(), [("accept-language", language)], 1) for language in ("de", "fr", "it")]
    assert [entry and entry.response.body for entry in found] == [b"de", b"fr", None]
    assert not store.put(key(path="/q"), (), respond(headers=[("vary", "*")]), 0)


def test_the_bytes_are_bounded_and_the_least_recently_used_goes_first():
    store = cache(max_bytes=5000)
    for number in range(20):
        store.put(key(path=f"/{number}"), (), respond(body=b"x" * 600), 0)
        store.get(key(path="/0"), (), 0)
    assert store.bytes <= 5000
    assert store.get(key(path="/0"), (), 1) is not None
    assert store.get(key(path="/1"), (), 1) is None
    assert not store.put(key(path="/big"), (), respond(body=b"x" * 6000), 0)


def test_a_tag_forgets_its_answers_in_one_partition_or_in_all():
    store = cache()
    for partition in ("a", "b"):
        store.put(key(partition=partition), (), respond(), 0, ["product:1"])
    assert store.invalidate("product:1", "a") == 1
    assert store.get(key(partition="a"), (), 0) is None
    assert store.get(key(partition="b"), (), 0) is not None
    assert store.invalidate("product:1") == 1
    assert store.invalidate("product:1") == 0


def test_an_answer_that_was_on_its_way_during_an_invalidation_of_its_tag_is_not_stored():
    store = cache()
    since = store.epoch
    store.invalidate("product:1", "a")
    kept = {
        (partition, tag): store.put(key(partition=partition), (), respond(), 0, [tag], since=since) is not None
        for partition in ("a", "b")
        for tag in ("product:1", "product:2")
    }
    assert kept == {
        ("a", "product:1"): False,
        ("a", "product:2"): True,
        ("b", "product:1"): True,
        ("b", "product:2"): True,
    }
    assert store.put(key(partition="a"), (), respond(), 0, ["product:1"], since=store.epoch)
    since = store.epoch
    store.invalidate("product:1")
    assert not store.put(key(partition="b"), (), respond(), 0, ["product:1"], since=since)


def test_when_too_many_invalidations_passed_to_know_an_old_answer_with_a_tag_is_not_stored():
    store = cache()
    since = store.epoch
    for number in range(5000):
        store.invalidate(f"product:{number}", "a")
    assert not store.put(key(), (), respond(), 0, ["never invalidated"], since=since)
    assert store.put(key(), (), respond(), 0, since=since)
    recent = store.epoch
    store.invalidate("product:1", "a")
    assert store.put(key(), (), respond(), 0, ["never invalidated"], since=recent)


def test_an_entry_made_elsewhere_is_looked_up_like_one_of_its_own():
    store, other = cache(), cache()
    german = [("accept-language", "de")]
    entry = other.put(key(), german, respond(body=b"de", headers=[("vary", "accept-language")]), 0)
    assert entry is not None
    assert store.insert(key(), german, entry)
    assert store.get(key(), german, 5) is entry
    assert store.get(key(), [("accept-language", "fr")], 5) is None
    assert not cache(max_entry_bytes=10).insert(key(), german, entry)


def test_a_lifetime_beyond_all_bounds_is_cut_to_a_number_that_clocks_can_hold():
    assert fresh_seconds(cache_control="max-age=" + "9" * 400) == 2**31
    assert fresh_seconds(cache_control="max-age=" + "9" * 400, age="9" * 400) is not None


def test_no_key_contains_the_subject_itself():
    assert "secret-token" not in repr(key(subject="secret-token"))


PARTS = {
    "partition": st.sampled_from(["t1", "t2", ""]),
    "subject": st.sampled_from(["u1", "u2", "u1\nread", "u1\nread write", b"u1"]),
    "target": st.sampled_from(["http://a", "http://b"]),
    "method": st.sampled_from(["GET", "POST"]),
    "path": st.sampled_from(["/p", "/p/", "/q"]),
    "query": st.sampled_from(["", "a=1", "a=1&b=2"]),
    "body": st.sampled_from([b"", b"{}"]),
}
STEP = st.tuples(st.integers(0, 3), st.sampled_from(["de", "fr"]), st.sampled_from(["put", "put varying", "get"]))


@st.composite
def neighbours(draw: st.DrawFn) -> list[dict[str, object]]:
    """A request and three that differ from it in one part at most: the ones most easily taken for it."""
    base = draw(st.fixed_dictionaries(PARTS))
    changed = [draw(st.sampled_from(sorted(PARTS))) for _ in range(3)]
    return [base] + [{**base, part: draw(PARTS[part])} for part in changed]


@settings(max_examples=300)
@given(neighbours(), st.lists(STEP, min_size=2, max_size=40))
def test_no_request_is_ever_answered_with_what_was_stored_for_another(requests, steps):
    """Hypothesis stores and looks up; the body names the request it was stored for and the language it depends on."""
    store = cache(max_bytes=8000)

    def identity(request) -> bytes:
        subject = request["subject"]
        named = {**request, "subject": subject.encode() if isinstance(subject, str) else subject}
        return repr(sorted(named.items())).encode()

    for number, language, action in steps:
        request, headers = requests[number], [("accept-language", language)]
        own = {identity(request) + b"*", identity(request) + language.encode()}
        if action != "get":
            varies = action == "put varying"
            body = identity(request) + (language.encode() if varies else b"*")
            vary = [("vary", "accept-language")] if varies else []
            store.put(make_key(**request), headers, respond(body=body, headers=vary), 0)
        entry = store.get(make_key(**request), headers, 1)
        assert entry is None or entry.response.body in own
        assert 0 <= store.bytes <= 8000
