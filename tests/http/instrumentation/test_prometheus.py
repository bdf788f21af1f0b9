import asyncio
import functools
import gc
import string
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from fixtures.http_peers import echo_app
from fixtures.redis_server import PrivateRedis
from fixtures.servers import running
from shelfwise.http import (
    BreakerOpen,
    CachePolicy,
    CallInfo,
    HTTPClient,
    Policy,
    PrometheusHooks,
    ServiceClient,
    ThrottlePolicy,
    Wire,
    WireRequest,
    WireResponse,
    exceptions,
)
from shelfwise.http.redis.connection import Guard
from shelfwise.http.strategies.retry import Retry
from shelfwise.http.testing import FakeClock, ScriptedWire, respond
from shelfwise.http.wire import WireUsage

NO_CACHE = CachePolicy(enabled=False)


class PooledWire(ScriptedWire, Wire):
    """A wire by script that holds three connections."""

    def usage(self) -> WireUsage:
        return WireUsage(connections=3, streams=2, waiting=1)


class Watched:
    """A client of a scripted wire and the registry that watches it."""

    def __init__(self, wire: ScriptedWire, policy: Policy | None = None, target: str = "http://sales:5001") -> None:
        self.registry = CollectorRegistry()
        self.clock = FakeClock()
        self.hooks = PrometheusHooks(self.registry)
        self.client = ServiceClient(
            target,
            policy or Policy().for_service(),
            wire,
            self.hooks,
            name="sales",
            clock=self.clock,
            sleep=self.clock.sleep,
            random=Random(7),
        )

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"http_client_{name}", {"target": "sales", **labels})


async def test_the_documents_four_metrics_and_the_breakers_state():
    up = True
    refused = exceptions.ConnectError("refused")
    watched = Watched(PooledWire(then=lambda _: respond(200) if up else refused))
    client, value = watched.client, watched.value

    await client.call("GET", "/a", subject="u")
    await client.call("GET", "/a", subject="u")
    assert value("requests_total", method="GET", status="200", cache="miss") == 1
    assert value("requests_total", method="GET", status="200", cache="hit") == 1
    assert value("request_duration_seconds_count", method="GET") == 2
    assert value("breaker_state", peer="sales:5001") == 0

    up = False
    for _ in range(2):
        with pytest.raises(exceptions.ConnectError):
            await client.call("GET", "/b", subject="u")
    with pytest.raises(BreakerOpen):
        await client.call("GET", "/b", subject="u")
    assert value("errors_total", method="GET", kind="connect", reason="attempts") == 1
    assert value("errors_total", method="GET", kind="breaker_open", reason="breaker") == 1
    assert value("retries_total", cause="network") == 3
    assert value("breaker_state", peer="sales:5001") == 2
    assert value("breaker_changes_total", state="open") == 1

    up = True
    watched.clock.advance(6)
    await client.call("GET", "/b", subject="u")
    assert value("breaker_state", peer="sales:5001") == 0
    assert value("breaker_changes_total", state="closed") == 1


async def test_attempts_and_what_kept_others_back_are_counted():
    refused = exceptions.ConnectError("refused")
    watched = Watched(PooledWire([refused, respond(503), respond(200), *[refused] * 5]))
    await watched.client.call("GET", "/a")
    assert watched.value("attempts_total") == 3
    assert watched.value("attempt_failures_total", kind="connect") == 1
    assert watched.value("refused_total") == 0


async def test_the_cache_is_seen_by_entries_bytes_and_results_of_lookups():
    watched = Watched(PooledWire(then=lambda _: respond(200, b"x" * 100)))
    for path in ("/a", "/a", "/b"):
        await watched.client.call("GET", path, subject="u")
    assert watched.value("cache_entries") == 2
    assert watched.value("cache_bytes") >= 200
    assert watched.value("cache_lookups_total", result="hit") == 1
    assert watched.value("cache_lookups_total", result="miss") == 2
    watched.clock.advance(15)
    await watched.client.call("GET", "/a", subject="u")
    assert watched.value("cache_lookups_total", result="stale") == 1
    await watched.client.aclose()


async def test_a_call_that_no_cache_is_asked_about_is_no_miss():
    watched = Watched(PooledWire(then=lambda _: respond(200)))
    await watched.client.call("POST", "/a")
    assert watched.value("requests_total", method="POST", status="200", cache="bypass") == 1
    assert watched.value("cache_lookups_total", result="miss") == 0


async def test_what_came_of_asking_redis_is_seen(redis_server: PrivateRedis, monkeypatch: pytest.MonkeyPatch):
    # A busy machine's pauses are not a slow Redis.
    patient = functools.partialmethod(Guard.__init__, timeout_seconds=5.0)
    monkeypatch.setattr(Guard, "__init__", patient)
    policy = Policy(cache=CachePolicy(), redis_url=redis_server.url).for_service()
    one, two = (Watched(PooledWire(then=lambda _: respond(200)), policy) for _ in range(2))
    for watched in (one, two):
        await watched.client.call("GET", "/a", subject="u")
    assert (one.value("shared_cache_lookups_total", result="miss"), one.value("shared_cache_state")) == (1, 0)
    assert two.value("shared_cache_lookups_total", result="hit") == 1
    with redis_server.down():
        for number in range(6):
            await two.client.call("GET", "/b", subject=f"u{number}")
        assert two.value("shared_cache_state") == 2
        assert two.value("shared_cache_errors_total") >= 1
    for watched in (one, two):
        await watched.client.aclose()


async def test_the_retry_budget_and_the_throttle_are_shown_as_they_are():
    policy = Policy(cache=NO_CACHE, throttle=ThrottlePolicy(minimum_answers=5)).for_service()
    watched = Watched(PooledWire(then=lambda _: respond(429)), policy)
    assert watched.value("throttle_rejection_ratio") == 0
    before = watched.value("retry_budget_left")
    for _ in range(5):
        await watched.client.call("GET", "/a")
    assert 0 < watched.value("throttle_rejection_ratio") <= 0.9
    watched = Watched(PooledWire([respond(503), respond(200)]), policy)
    await watched.client.call("GET", "/a")
    assert watched.value("retry_budget_left") < before


async def test_calls_under_way_are_seen_while_they_last():
    class Silent(PooledWire):
        async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109
            self.requests.append(request)
            return await asyncio.get_running_loop().create_future()

    watched = Watched(Silent())
    tasks = [asyncio.create_task(watched.client.call("POST", "/a")) for _ in range(3)]
    await asyncio.sleep(0)
    assert watched.value("in_flight") == 3
    assert watched.value("attempts_in_flight", peer="sales:5001") == 3
    assert watched.value("concurrency_limit", peer="sales:5001") >= 4
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert watched.value("in_flight") == watched.value("attempts_in_flight", peer="sales:5001") == 0


async def test_the_pool_is_that_of_the_wire_however_many_clients_share_it():
    registry = CollectorRegistry()
    wire = PooledWire(then=lambda _: respond(200))
    HTTPClient.configure(hooks=PrometheusHooks(registry), wire=lambda _: wire)
    try:
        for host in ("a", "b", "c"):
            await HTTPClient.get(url=f"https://{host}.example/")
        pool = {
            name: registry.get_sample_value(f"http_client_pool_{name}", {"target": "shared"})
            for name in ("connections", "streams", "waiting", "max_connections")
        }
    finally:
        await HTTPClient.aclose()
        HTTPClient.configure()
    assert pool == {"connections": 3, "streams": 2, "waiting": 1, "max_connections": 100}


async def test_a_real_clients_connections_are_counted():
    registry = CollectorRegistry()
    hooks = PrometheusHooks(registry)
    async with running(echo_app) as server, ServiceClient(server.url, hooks=hooks, name="echo") as client:
        assert registry.get_sample_value("http_client_pool_connections", {"target": "echo"}) == 0
        await client.call("GET", "/a")
        assert registry.get_sample_value("http_client_pool_connections", {"target": "echo"}) == 1
        assert registry.get_sample_value("http_client_pool_streams", {"target": "echo"}) == 0


async def test_clients_of_one_name_are_one_series_so_that_a_scrape_stays_valid():
    watched = Watched(PooledWire(then=lambda _: respond(200)))
    twin = ServiceClient(
        "http://sales:5001", None, PooledWire(then=lambda _: respond(200)), watched.hooks, name="sales"
    )
    await watched.client.call("GET", "/a")
    await twin.call("GET", "/a")
    assert watched.value("attempts_total") == 2
    samples = [
        line.rpartition(" ")[0] for line in generate_latest(watched.registry).decode().splitlines() if line[0] != "#"
    ]
    assert len(samples) == len(set(samples))


async def test_a_client_that_is_gone_is_shown_no_more():
    registry = CollectorRegistry()
    client = ServiceClient("http://sales:5001", None, PooledWire(), PrometheusHooks(registry), name="sales")
    assert registry.get_sample_value("http_client_in_flight", {"target": "sales"}) == 0
    del client
    gc.collect()
    assert registry.get_sample_value("http_client_in_flight", {"target": "sales"}) is None


async def test_an_instance_that_is_gone_leaves_no_series():
    watched = Watched(PooledWire(), target="http://a:1,http://b:2")
    assert watched.value("breaker_state", peer="a:1") == watched.value("breaker_state", peer="b:2") == 0
    watched.client._pipeline.instances.replace(["http://b:2"])
    assert (watched.value("breaker_state", peer="a:1"), watched.value("breaker_state", peer="b:2")) == (None, 0)


async def test_a_lookup_that_fails_is_flagged(tmp_path):
    watched = Watched(PooledWire(), target=f"file://{tmp_path}/none")
    assert watched.value("discovery_failing") == 0
    with pytest.raises(exceptions.ConnectError):
        await watched.client.call("GET", "/a", timeout=0.2)
    assert watched.value("discovery_failing") == 1
    await watched.client.aclose()


SECRET = "hush-0123456789"
SEGMENTS = st.text(string.ascii_letters + string.digits + "-_.~%", min_size=1, max_size=30)


@given(
    segments=st.lists(SEGMENTS, min_size=1, max_size=4), method=st.text(string.ascii_uppercase, min_size=1, max_size=8)
)
def test_no_label_holds_a_url_a_tenant_or_a_token(segments: list[str], method: str):
    registry = CollectorRegistry()
    hooks = PrometheusHooks(registry)
    url = f"http://sales:5001/{SECRET}/{'/'.join(segments)}?tenant={SECRET}&token={SECRET}"
    call = CallInfo("sales", method, url, f"/{SECRET}/{{id}}")
    error = exceptions.ReadTimeout(f"no answer from {url}", sent="maybe")
    hooks.started(call)
    hooks.finished(call, 200, 0.01, 1, "miss")
    hooks.failed(call, error, 0.01)
    hooks.retrying(call, Retry("network", 0.1))
    hooks.hedging(call)
    hooks.breaker_changed("sales", "http://sales:5001", "open")
    labels = {value for metric in registry.collect() for sample in metric.samples for value in sample.labels.values()}
    assert not any(SECRET in value or "/" in value for value in labels)


async def test_every_label_of_a_working_client_is_one_of_a_few_known_words():
    watched = Watched(PooledWire([respond(503), respond(200), respond(404), *[exceptions.ConnectError("no")] * 4]))
    for path in ("/a", "/b"):
        await watched.client.call("GET", f"/{SECRET}{path}", partition=SECRET, subject=SECRET, params={"q": SECRET})
    with pytest.raises(exceptions.ConnectError):
        await watched.client.call("GET", "/c", headers={"Authorization": f"Bearer {SECRET}"})
    text = generate_latest(watched.registry).decode()
    assert SECRET not in text
    assert "http://" not in text


def test_a_program_that_calls_any_host_makes_a_bounded_number_of_series():
    registry = CollectorRegistry()
    hooks = PrometheusHooks(registry)
    for number in range(1000):
        call = CallInfo(f"host-{number}.example", f"VERB{number}", "https://x/")
        hooks.finished(call, 200, 0.01, 1, "miss")
    samples = [s for m in registry.collect() for s in m.samples if s.name == "http_client_requests_total"]
    assert len(samples) == 101
    assert sum(sample.value for sample in samples) == 1000
    assert {sample.labels["method"] for sample in samples} == {"other"}
