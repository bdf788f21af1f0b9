"""``/metrics`` when Sales is not there."""

from prometheus_client.parser import text_string_to_metric_families

from fixtures.inventory import TENANT, Caller


async def test_a_sales_that_is_gone_is_counted_by_kind_and_then_seen_as_an_open_breaker(call: Caller, laptop):
    for _ in range(3):
        answer = await call("GET", f"/api/inventory/products/{laptop.product_id}/with-sales-data?tenant_id={TENANT}")
        assert answer.status == 200
    text = (await call("GET", "/metrics")).body.decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def total(name: str, **labels: str) -> float:
        return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())

    assert total("http_client_errors_total", target="sales", kind="connect") >= 1
    assert total("http_client_errors_total", target="sales", kind="breaker_open") >= 1
    assert total("http_client_breaker_state", target="sales", peer="127.0.0.1:9") == 2
    assert total("http_client_attempt_failures_total", target="sales") == total(
        "http_client_attempts_total", target="sales"
    )
    assert total("http_client_requests_total", target="sales") == 0
