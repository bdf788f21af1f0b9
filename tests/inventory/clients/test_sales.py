"""How the client degrades: five fixed texts, stale answers marked, refusals raised as what they are."""

import time

import pytest

from fixtures.inventory import TENANT
from fixtures.sales_like import SalesLike
from fixtures.servers import running
from shelfwise.contracts.forecasts import ForecastQuery
from shelfwise.http import CachePolicy, Policy, ServiceClient
from shelfwise.inventory.clients.errors import SalesUnavailableError
from shelfwise.inventory.clients.sales import SalesClient
from shelfwise.platform.auth import BearerToken, Principal
from shelfwise.platform.problems import ForbiddenError, InvalidError, UnauthenticatedError


@pytest.fixture
async def fake():
    like = SalesLike()
    async with running(like) as server:
        like.url = server.url
        yield like


def client_of(fake, **policy) -> SalesClient:
    return SalesClient(ServiceClient(fake.url, Policy(**policy).for_service(call_timeout_seconds=1.0)))


async def sales_data(client, product_id="PRD-123"):
    return await client.product_sales_data(product_id=product_id, tenant_id=TENANT, days=30, auth_token="t")


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        ((500, b""), "Bad answer"),
        ((502, b"<html>"), "Bad answer"),
        ((503, b""), "Overloaded"),
        ((429, b""), "Overloaded"),
        ((504, b""), "Timeout"),
        ((200, b"{"), "Bad answer"),
        ((200, b'{"product_id": 1}'), "Bad answer"),
        ((200, b"\xff"), "Bad answer"),
    ],
)
async def test_a_failure_is_one_of_the_fixed_texts(fake, failure, text):
    fake.failure = failure
    client = client_of(fake)
    answer = await sales_data(client)
    assert (answer["error"], answer["degraded"], answer["total_quantity_sold"]) == (text, True, 0)
    await client.aclose()


async def test_a_sales_that_does_not_answer_is_a_timeout_within_the_deadline(fake):
    fake.delay_seconds = 30
    client = client_of(fake)
    started = time.monotonic()
    assert (await sales_data(client))["error"] == "Timeout"
    assert time.monotonic() - started < 5
    await client.aclose()


@pytest.mark.parametrize(("status", "kind"), [(401, UnauthenticatedError), (403, ForbiddenError), (422, InvalidError)])
async def test_a_refusal_is_raised_as_what_it_is(fake, status, kind):
    fake.failure = (status, b'{"type":"t","title":"t","status":400,"detail":"needs sales:read"}')
    client = client_of(fake)
    with pytest.raises(kind, match="sales:read"):
        await sales_data(client)
    await client.aclose()


async def test_an_answer_from_the_cache_is_marked_stale_when_sales_fails(fake):
    cache = CachePolicy(ttl_seconds=0.0, stale_while_revalidate_seconds=0.0)
    client = client_of(fake, cache=cache)
    fresh = await sales_data(client)
    assert "stale" not in fresh
    fake.failure = (500, b"")
    stale = await sales_data(client)
    assert (stale["stale"], stale["age_seconds"], stale["total_quantity_sold"]) == (True, 0, 150)
    assert "error" not in stale
    await client.aclose()


async def test_one_tenants_or_users_answer_is_never_anothers(fake):
    client = client_of(fake)
    for tenant_id, auth_token in (("a", "one"), ("a", "one"), ("a", "two"), ("b", "one")):
        await client.product_sales_data(product_id="P", tenant_id=tenant_id, days=30, auth_token=auth_token)
    assert [(headers["x-tenant-id"], headers["authorization"]) for _, _, headers, _ in fake.seen] == [
        ("a", "Bearer one"),
        ("a", "Bearer two"),
        ("b", "Bearer one"),
    ]
    await client.aclose()


async def test_an_id_that_would_change_the_route_is_nobodys(fake):
    client = client_of(fake)
    for product_id in (".", ".."):
        assert (await sales_data(client, product_id))["total_quantity_sold"] == 0
    assert fake.seen == []
    await client.aclose()


async def test_a_batch_that_fails_is_raised_for_its_caller_to_degrade(fake):
    client = client_of(fake)
    query = ForecastQuery(product_ids=["PRD-123"])
    answer = await client.forecasts(query, tenant_id=TENANT, auth_token="t")
    assert [item["recommended_stock_level"] for item in answer["items"]] == [200]
    fake.failure = (500, b"")
    with pytest.raises(SalesUnavailableError):
        await client.forecasts(ForecastQuery(product_ids=["P2"]), tenant_id=TENANT, auth_token="t")
    await client.aclose()


async def test_a_renewed_token_of_the_same_person_finds_what_was_cached_and_nobody_elses_does(fake):
    def person(*scopes, subject="ann"):
        return Principal(subject, frozenset({TENANT}), frozenset(scopes), BearerToken(""))

    known = {
        "first": person("sales:read"),
        "renewed": person("sales:read"),
        "other person": person("sales:read", subject="ben"),
        "other scopes": person("sales:read", "sales:write"),
    }
    client = client_of(fake)
    client.recognise(known.get)

    async def sold(auth_token):
        answer = await client.product_sales_data(
            product_id="PRD-123", tenant_id=TENANT, days=30, auth_token=f"Bearer {auth_token}"
        )
        return answer["total_quantity_sold"]

    assert await sold("first") == 150
    fake.failure = (500, b"")
    assert await sold("renewed") == 150
    for stranger in ("other person", "other scopes", "unverified"):
        assert await sold(stranger) == 0, stranger
    await client.aclose()


async def test_batches_that_overlap_ask_sales_only_for_the_rest_and_say_what_is_stale(fake):
    client = client_of(fake)

    async def asked(*product_ids):
        before = len(fake.seen)
        answer = await client.forecasts(ForecastQuery(product_ids=list(product_ids)), tenant_id=TENANT, auth_token="t")
        return [item["product_id"] for item in answer["items"]], len(fake.seen) - before

    assert await asked("PRD-123") == (["PRD-123"], 1)
    assert await asked("PRD-123") == (["PRD-123"], 0)
    await client.aclose()
