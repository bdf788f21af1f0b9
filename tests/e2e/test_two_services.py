"""A sale in one database, a decision out of the other: both services as real processes."""

import json
import signal
import statistics
from datetime import UTC, datetime

import pytest

from fixtures.pairs import PRODUCT, TENANT, ServicePair, wait_until

ROUTES = {
    f"/api/inventory/products/{PRODUCT}/with-sales-data?days=30": {
        "id",
        "sku",
        "name",
        "quantity_on_hand",
        "sales_analytics",
    },
    f"/api/inventory/products/{PRODUCT}/demand-forecast?forecast_days=30": {"id", "current_stock", "demand_forecast"},
    "/api/inventory/dashboard?days=30": {
        "inventory_stats",
        "sales_summary",
        "top_selling_products",
        "low_stock_alerts",
    },
    f"/api/inventory/products/{PRODUCT}/reorder-recommendation": {
        "product_id",
        "current_stock",
        "sales_analytics",
        "forecast",
        "recommendation",
    },
}


@pytest.mark.parametrize("path", list(ROUTES))
def test_each_documented_route_answers_with_the_documents_keys(pair: ServicePair, known, path):
    answer = pair.inventory(path, **known)
    assert answer.status == 200, answer
    assert ROUTES[path] <= set(answer.json())


def test_what_was_sold_is_what_the_product_says(pair: ServicePair, known):
    answer = pair.inventory(f"/api/inventory/products/{PRODUCT}/with-sales-data?days=30", **known).json()
    assert answer["quantity_on_hand"] == 50
    analytics = answer["sales_analytics"]
    assert analytics["total_quantity_sold"] == 150
    assert analytics["total_revenue"] == 180000.00
    assert analytics["average_daily_sales"] == 5.0
    assert analytics["period_days"] == 30
    assert "degraded" not in analytics


def test_the_recommendation_follows_from_stock_and_forecast(pair: ServicePair, known):
    answer = pair.inventory(f"/api/inventory/products/{PRODUCT}/reorder-recommendation", **known).json()
    recommendation = answer["recommendation"]
    assert answer["current_stock"] == 50
    assert recommendation["days_of_stock_remaining"] == 10.0
    assert recommendation["needs_reorder"] is True
    assert recommendation["urgency"] in {"medium", "high"}
    assert recommendation["recommended_order_quantity"] >= answer["forecast"]["predicted_demand_30_days"] - 50


def test_a_posted_sale_lowers_the_stock_within_a_second(pair: ServicePair, known):
    before = pair.on_hand(PRODUCT, **known)
    order = {
        "order_id": "NOW-1",
        "ordered_at": datetime.now(UTC).isoformat(),
        "lines": [{"line_no": 1, "product": PRODUCT, "quantity": 3, "unit_price": 1200.0}],
    }
    assert pair.sales("/api/sales/orders", method="POST", body=order, **known).status == 201
    wait_until(lambda: pair.on_hand(PRODUCT, **known) == before - 3, 1, "the sale to reach the stock")
    again = pair.sales("/api/sales/orders", method="POST", body=order, **known)
    assert again.status in {200, 201}
    cancelled = pair.sales("/api/sales/orders/NOW-1/cancel", method="POST", body={}, **known)
    assert cancelled.status in {200, 201}, cancelled
    wait_until(lambda: pair.on_hand(PRODUCT, **known) == before, 1, "the cancellation to reach the stock")


def test_another_tenants_token_sees_nothing(pair: ServicePair, known):
    token = pair.token("other")
    refused = pair.inventory("/api/inventory/dashboard", token=token, tenant=TENANT)
    assert refused.status == 403
    unknown = pair.inventory("/api/inventory/dashboard", token=token, tenant="other")
    assert (unknown.status, unknown.json()["type"]) == (403, "urn:shelfwise:problem:tenant_not_set_up")


def test_a_token_that_may_not_read_sales_is_told_so_and_not_degraded(pair: ServicePair):
    token = pair.token(TENANT, scopes="inventory:read")
    answer = pair.inventory(f"/api/inventory/products/{PRODUCT}/with-sales-data", token=token, tenant=TENANT)
    assert answer.status == 403
    assert "sales:read" in answer.json()["detail"]


@pytest.mark.parametrize("state", ["frozen", "killed"])
def test_with_sales_gone_every_answer_still_comes_and_it_recovers_by_itself(pair: ServicePair, known, state):
    if state == "frozen":
        pair.signal("sales", signal.SIGSTOP)
    else:
        pair.signal("sales", signal.SIGKILL)
        pair.processes["sales"].wait()
    try:
        # Other days than before, so that nothing of the answers is remembered.
        fresh = range(31, 61) if state == "frozen" else range(61, 91)
        answers = [
            pair.inventory(f"/api/inventory/products/{PRODUCT}/with-sales-data?days={days}", **known) for days in fresh
        ]
        assert {answer.status for answer in answers} == {200}
        assert max(answer.seconds for answer in answers) < 5
        analytics = [answer.json()["sales_analytics"] for answer in answers]
        assert all(entry["degraded"] and entry["total_quantity_sold"] == 0 for entry in analytics)
        assert {entry["error"] for entry in analytics} <= {"Connection refused", "Timeout", "Circuit open"}
        assert analytics[-1]["error"] == "Circuit open"
        failing_fast = [
            answer.seconds for answer, entry in zip(answers, analytics, strict=True) if entry["error"] == "Circuit open"
        ]
        assert statistics.median(failing_fast) < 0.05, "not a promise about speed: a refusal must not wait for Sales"
        for path in ROUTES:
            assert pair.inventory(path, **known).status == 200
        ready = pair.inventory("/health/ready", token=None, tenant=None)
        health = pair.inventory("/health", token=None, tenant=None)
        assert (ready.status, health.status, health.json()["status"]) == (200, 200, "degraded")
    finally:
        if state == "frozen":
            pair.signal("sales", signal.SIGCONT)
        else:
            pair.start("sales")

    def recovered() -> bool:
        answer = pair.inventory(f"/api/inventory/products/{PRODUCT}/with-sales-data?days=29", **known)
        return "degraded" not in answer.json()["sales_analytics"]

    wait_until(recovered, 60, "the breaker to close by itself")


def test_a_callers_deadline_is_kept_though_sales_hangs(pair: ServicePair, known):
    pair.signal("sales", signal.SIGSTOP)
    try:
        path = f"/api/inventory/products/{PRODUCT}/with-sales-data?days=91"
        degraded = pair.inventory(path, grpc_timeout="400m", **known)
        assert (degraded.status, degraded.json()["sales_analytics"]["degraded"]) == (200, True)
    finally:
        pair.signal("sales", signal.SIGCONT)
    late = pair.inventory(path, grpc_timeout="1n", **known)
    assert (late.status, late.json()["type"]) == (504, "urn:shelfwise:problem:deadline_exceeded")


def test_sales_recorded_while_inventory_is_down_arrive_when_it_is_back(pair: ServicePair, known):
    before = pair.on_hand(PRODUCT, **known)
    pair.signal("inventory", signal.SIGKILL)
    pair.processes["inventory"].wait()
    for number in range(5):
        order = {
            "order_id": f"DOWN-{number}",
            "ordered_at": datetime.now(UTC).isoformat(),
            "lines": [{"line_no": 1, "product": PRODUCT, "quantity": 1, "unit_price": 1200.0}],
        }
        assert pair.sales("/api/sales/orders", method="POST", body=order, **known).status == 201
    pair.start("inventory")
    wait_until(lambda: pair.on_hand(PRODUCT, **known) == before - 5, 20, "the outbox to catch up")


def test_an_eleven_megabyte_body_is_refused_and_nothing_is_written(pair: ServicePair, known):
    order = {"order_id": "BIG", "ordered_at": "2026-01-01T00:00:00Z", "lines": [], "padding": "x" * 11_000_000}
    answer = pair.sales("/api/sales/orders", method="POST", body=json.dumps(order).encode(), **known)
    assert answer.status == 413
    assert pair.sales("/api/sales/orders/BIG", **known).status == 404
