import pytest
from prometheus_client import CollectorRegistry

from shelfwise.http import BreakerOpen, Policy, PrometheusHooks, ServiceClient, exceptions
from shelfwise.http.testing import FakeClock, ScriptedWire, respond


async def test_the_documents_four_metrics_and_the_breakers_state():
    registry = CollectorRegistry()
    clock = FakeClock()
    up = True
    refused = exceptions.ConnectError("refused")
    wire = ScriptedWire(then=lambda _: respond(200) if up else refused)
    client = ServiceClient(
        "http://sales",
        Policy().for_service(),
        wire,
        PrometheusHooks(registry),
        name="sales",
        clock=clock,
        sleep=clock.sleep,
    )

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"http_client_{name}", {"target": "sales", **labels})

    await client.call("GET", "/a", subject="u")
    await client.call("GET", "/a", subject="u")
    assert value("requests_total", method="GET", status="200", cache="miss") == 1
    assert value("requests_total", method="GET", status="200", cache="hit") == 1
    assert value("request_duration_seconds_count", method="GET") == 2

    up = False
    for _ in range(2):
        with pytest.raises(exceptions.ConnectError):
            await client.call("GET", "/b", subject="u")
    with pytest.raises(BreakerOpen):
        await client.call("GET", "/b", subject="u")
    assert value("errors_total", method="GET", kind="connect", reason="attempts") == 1
    assert value("errors_total", method="GET", kind="breaker_open", reason="breaker") == 1
    assert value("retries_total", cause="network") == 3
    assert value("breaker_state", instance="http://sales") == 2
    assert value("in_flight") == 0

    up = True
    clock.advance(6)
    await client.call("GET", "/b", subject="u")
    assert value("breaker_state", instance="http://sales") == 0
