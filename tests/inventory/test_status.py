"""What ``/health`` of Inventory says of Sales, and that docs/reference/health.md says what each key means."""

from pathlib import Path

import pytest

from fixtures.inventory import TENANT
from fixtures.sales_like import SalesLike
from fixtures.servers import free_port, running
from shelfwise.http import Policy, ServiceClient
from shelfwise.inventory.clients.sales import SalesClient
from shelfwise.inventory.status import sales_component

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "health.md"


@pytest.fixture
async def fake():
    like = SalesLike()
    async with running(like) as server:
        like.url = server.url
        yield like


def client_of(target) -> SalesClient:
    policy = Policy().for_service(call_timeout_seconds=2.0)
    return SalesClient(ServiceClient(target, policy, name="sales"), ServiceClient(target, policy, name="background"))


def component_of(client):
    return sales_component(client.stats(), client.background_stats())


async def ask(client, product_id="PRD-123"):
    return await client.product_sales_data(product_id=product_id, tenant_id=TENANT, days=30, auth_token="t")


async def test_calls_cache_and_latency_of_each_instance_are_shown(fake):
    client = client_of(fake.url)
    for product_id in ("A", "A", "A", "B"):
        await ask(client, product_id)
    component = component_of(client)
    detail = component["detail"]
    [instance] = detail["instances"]
    assert component["status"] == "ok"
    assert (detail["calls"], detail["attempts"], detail["retries"], detail["refused"]) == (2, 2, 0, 0)
    assert (detail["failures"], detail["in_flight"]) == ({}, 0)
    assert (detail["cache"]["hits"], detail["cache"]["misses"], detail["cache"]["hit_ratio"]) == (2, 2, 0.5)
    assert (detail["cache"]["entries"], detail["cache"]["bytes"] > 0) == (2, True)
    assert (instance["address"], instance["breaker"], instance["pending"]) == (fake.url, "closed", 0)
    assert 0 < instance["latency_p50_ms"] <= instance["latency_p95_ms"]
    assert detail["background"]["calls"] == 0
    await client.aclose()


async def test_failures_are_counted_by_kind_and_an_open_breaker_degrades():
    client = client_of(f"http://127.0.0.1:{free_port()}")
    for number in range(6):
        await ask(client, f"P{number}")
    component = component_of(client)
    detail = component["detail"]
    assert component["status"] == "degraded"
    assert detail["instances"][0]["breaker"] == "open"
    assert detail["failures"]["connect"] == detail["attempts"] == 5
    assert detail["refused"] > 0
    assert detail["instances"][0]["latency_p50_ms"] is None
    await client.aclose()


async def test_instances_that_cannot_be_found_degrade_and_the_reason_is_shown(tmp_path):
    client = client_of(f"file://{tmp_path / 'missing'}")
    await ask(client)
    component = component_of(client)
    assert component["status"] == "degraded"
    assert component["detail"]["discovery_error"]
    await client.aclose()


async def test_a_trouble_of_the_background_client_alone_degrades_too(fake):
    client = client_of(fake.url)
    stats = client.stats()
    opened = {**stats, "instances": [{**stats["instances"][0], "breaker": "open"}]}
    assert sales_component(stats, stats)["status"] == "ok"
    assert sales_component(stats, opened)["status"] == "degraded"
    await client.aclose()


async def test_what_the_client_will_tell_one_day_is_shown_too(fake):
    client = client_of(fake.url)
    stats = {
        **client.stats(),
        "hedges": 3,
        "throttle": {"rejection_probability": 0.123456},
        "latency_p99_seconds": 0.25,
        "limits": [{"latency_limit_seconds": None}],
    }
    detail = sales_component(stats, stats)["detail"]
    assert (detail["hedges"], detail["throttle"]) == (3, {"rejection_probability": 0.1235})
    assert (detail["latency_p99_ms"], detail["limits"]) == (250.0, [{"latency_limit_ms": None}])
    await client.aclose()


async def test_the_reference_explains_every_key(fake):
    client = client_of(fake.url)
    await ask(client)
    detail = component_of(client)["detail"]
    await client.aclose()
    keys = {*detail, *(f"cache.{key}" for key in detail["cache"]), *detail["instances"][0]} - {"cache", "instances"}
    page = PAGE.read_text(encoding="utf-8")
    assert sorted(key for key in keys if f"`{key}`" not in page) == []
