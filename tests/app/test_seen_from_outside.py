"""What an operator sees of the two services' calls to each other: one trace, and both ends' counts."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx2
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind
from prometheus_client.parser import text_string_to_metric_families

from fixtures.inventory import TENANT, token
from shelfwise.platform.auth import PERSON_SCOPES

WITH_SALES = "/api/inventory/products/PRD-123/with-sales-data"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CALLERS_SPAN = "b7ad6b7169203331"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scrape(base_url: str) -> Samples:
    headers = {"Authorization": f"Bearer {token(scopes=PERSON_SCOPES | {'ops:read'})}"}
    async with httpx2.AsyncClient(base_url=base_url, headers=headers, trust_env=False) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the series of that name that have these labels; a label may be given by its beginning and ``*``."""

    def fits(found: dict[str, str]) -> bool:
        return all(
            found.get(label, "").startswith(wanted[:-1]) if wanted.endswith("*") else found.get(label) == wanted
            for label, wanted in labels.items()
        )

    return sum(value for (found, pairs), value in samples.items() if found == name and fits(dict(pairs)))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.05)


def spans_of(traces) -> list[tuple[str, ReadableSpan]]:
    """The spans of the trace that the test's request belongs to, with their service."""
    return [
        (service, span)
        for service, exporter in (("inventory", traces.inventory), ("sales", traces.sales))
        for span in exporter.get_finished_spans()
        if f"{span.context.trace_id:032x}" == TRACE_ID
    ]


async def test_a_callers_trace_goes_through_inventory_to_sales_as_one(pair, client: httpx2.AsyncClient, traces):
    answer = await client.get(
        WITH_SALES, headers={"X-Tenant-ID": TENANT, "traceparent": f"00-{TRACE_ID}-{CALLERS_SPAN}-01"}
    )
    assert answer.status_code == 200, answer.text

    async def all_ended() -> bool:
        # A server's span ends just after its answer is out.
        servers = [service for service, span in spans_of(traces) if span.kind is SpanKind.SERVER]
        attempts = [span for _, span in spans_of(traces) if span.kind is SpanKind.CLIENT]
        return "inventory" in servers and len(servers) - 1 == len(attempts)

    await until(all_ended)
    found = spans_of(traces)
    (page,) = [span for service, span in found if service == "inventory" and span.kind is SpanKind.SERVER]
    calls = {span.context.span_id: span for _, span in found if span.kind is SpanKind.INTERNAL}
    attempts = {span.context.span_id: span for _, span in found if span.kind is SpanKind.CLIENT}
    served = [span for service, span in found if service == "sales"]
    assert f"{page.parent.span_id:016x}" == CALLERS_SPAN
    assert len(calls) >= 1
    assert {call.parent.span_id for call in calls.values()} == {page.context.span_id}
    assert {attempt.parent.span_id for attempt in attempts.values()} == set(calls)
    assert {span.parent.span_id for span in served} == set(attempts)
    assert {span.kind for span in served} == {SpanKind.SERVER}
    assert page.name.startswith("GET /api/inventory/products/{product_id")
    assert page.attributes["http.route"] in page.name
    assert page.attributes["http.response.status_code"] == 200
    assert "PRD-123" not in "".join(span.name for _, span in found)


async def test_inventorys_metrics_have_the_documents_four_of_its_calls_to_sales(pair, client: httpx2.AsyncClient):
    inventory, sales = await scrape(pair.inventory), await scrape(pair.sales)
    for _ in range(2):
        assert (await client.get(WITH_SALES, headers={"X-Tenant-ID": TENANT})).status_code == 200
    later, sales_later = await scrape(pair.inventory), await scrape(pair.sales)

    def rise(name: str, **labels: str) -> float:
        return total(later, name, **labels) - total(inventory, name, **labels)

    served = total(sales_later, "shelfwise_http_requests_total", route="/api/sales/*")
    served -= total(sales, "shelfwise_http_requests_total", route="/api/sales/*")
    assert served >= 1
    assert rise("http_client_attempts_total", target="sales*") == served
    assert rise("http_client_requests_total", target="sales*", cache="miss", status="200") == served
    hits = rise("http_client_requests_total", target="sales", cache="hit", status="200")
    assert hits >= 1
    assert rise("http_client_request_duration_seconds_count", target="sales*") == served + hits
    assert rise("http_client_errors_total", target="sales") == 0
    assert total(later, "http_client_pool_connections", target="sales") >= 1
    assert total(later, "http_client_pool_max_connections", target="sales") == 100
    assert total(later, "http_client_in_flight") == 0


async def test_sales_metrics_count_its_deliveries_as_inventory_does(pair):
    async def delivered() -> bool:
        samples = await scrape(pair.sales)
        return total(samples, "http_client_requests_total", target="inventory", status="200") >= 1

    await until(delivered)

    async def same() -> bool:
        received = await scrape(pair.inventory)
        sent = await scrape(pair.sales)
        return total(sent, "http_client_attempts_total", target="inventory") == total(
            received, "shelfwise_http_requests_total", method="POST", route="/api/inventory/*"
        )

    await until(same)
