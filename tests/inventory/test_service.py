"""The document's four answers, over HTTP: its keys exactly, its example's figures, and what remains without Sales."""

import asyncio
import json
from decimal import Decimal

import pytest

from fixtures.inventory import NOW, TENANT, Caller, clock, opening, receipt, token
from fixtures.sales_like import five_keys
from fixtures.servers import running
from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.main import compose, create_app
from shelfwise.inventory.purchase_orders.schemas import OrderLineIn, PurchaseOrderIn
from shelfwise.inventory.purchasing.rules import Supplier
from shelfwise.inventory.tenants.rules import TenantSettings

DOCUMENT_FORECAST = {
    "forecast_days": 30,
    "predicted_demand": 180,
    "confidence_level": 0.85,
    "recommended_stock_level": 200,
    "should_reorder": True,
    "recommended_reorder_quantity": 150,
}
ROOT = "/api/inventory/products/PRD-123"


@pytest.fixture
async def stocked(inventory, laptop):
    await inventory.stock.load(TENANT, [opening(50)], source="test")


async def body(call, path, status=200, **more):
    answer = await call("GET", path, **more)
    assert answer.status == status, answer.body
    return json.loads(answer.body)


async def test_a_product_comes_with_its_sales(connected, stocked):
    answer = await body(connected, f"{ROOT}/with-sales-data?days=30")
    analytics = answer.pop("sales_analytics")
    assert answer == {"id": "PRD-123", "sku": "LAP-001", "name": "Laptop", "quantity_on_hand": 50, "available": 50}
    assert {key: analytics[key] for key in ("total_quantity_sold", "total_revenue", "average_daily_sales")} == {
        "total_quantity_sold": 150,
        "total_revenue": 180000.0,
        "average_daily_sales": 5.0,
    }
    assert (analytics["sales_trend"], analytics["period_days"]) == ("increasing", 30)
    assert "error" not in analytics


async def test_the_documents_forecast_example(connected, stocked):
    answer = await body(connected, f"{ROOT}/demand-forecast")
    forecast = answer["demand_forecast"]
    assert (answer["id"], answer["current_stock"]) == ("PRD-123", 50)
    assert {key: forecast[key] for key in DOCUMENT_FORECAST} == DOCUMENT_FORECAST


async def test_the_documents_reorder_example_is_medium_with_lead_time_7_and_review_1(connected, stocked):
    answer = await body(connected, f"{ROOT}/reorder-recommendation")
    assert (answer["product_id"], answer["current_stock"]) == ("PRD-123", 50)
    assert answer["sales_analytics"] == {
        "average_daily_sales": 5.0,
        "total_sold_30_days": 150,
        "sales_trend": "increasing",
    }
    assert answer["forecast"] == {"predicted_demand_30_days": 180.0, "confidence_level": 0.85}
    recommendation = answer["recommendation"]
    assert recommendation["needs_reorder"] is True
    assert recommendation["days_of_stock_remaining"] == 10.0
    assert recommendation["days_of_cover_forecast"] == 8.3
    assert recommendation["recommended_reorder_quantity"] == 150
    assert recommendation["recommended_order_quantity"] == 200
    assert recommendation["urgency"] == "medium"


async def test_the_documents_reorder_example_is_high_with_review_7(connected, inventory, stocked):
    await inventory.tenants.change(TENANT, {"review_period_days": 7})
    answer = await body(connected, f"{ROOT}/reorder-recommendation")
    assert answer["recommendation"]["urgency"] == "high"
    assert answer["recommendation"]["recommended_order_quantity"] == 200


async def test_should_reorder_does_not_depend_on_the_days_that_are_shown(connected, stocked):
    for days in (1, 7, 30, 180):
        answer = await body(connected, f"{ROOT}/demand-forecast?forecast_days={days}")
        assert answer["demand_forecast"]["forecast_days"] == days
        assert answer["demand_forecast"]["should_reorder"] is True


async def test_what_is_on_order_counts_and_nothing_more_is_ordered(connected, inventory, stocked):
    await inventory.purchasing.add_supplier(TENANT, Supplier("acme", "Acme", ((7, 1.0),)))
    order = PurchaseOrderIn("acme", [OrderLineIn("PRD-123", 200)], status="submitted", expected_on=NOW.date())
    await inventory.purchase_orders.create(TENANT, order)
    answer = await body(connected, f"{ROOT}/reorder-recommendation")
    assert answer["recommendation"]["needs_reorder"] is False
    assert answer["recommendation"]["recommended_order_quantity"] == 0
    assert answer["recommendation"]["derivation"]["on_order"] == 200


async def test_the_dashboard_combines_stock_and_sales(connected, inventory, stocked):
    await inventory.catalogue.create(TENANT, Product("P2", "P2", "Plenty", unit_cost=Decimal("2.5")))
    await inventory.stock.load(TENANT, [opening(1000, "P2")], source="test2")
    answer = await body(connected, "/api/inventory/dashboard?days=30")
    stats = answer["inventory_stats"]
    assert (stats["total_products"], stats["active_products"], stats["low_stock_products"]) == (2, 2, 1)
    assert (stats["total_stock_value"], stats["products_without_cost"]) == (2500.0, 1)
    assert answer["sales_summary"]["total_orders"] == 1250
    assert answer["top_selling_products"][0]["rank"] == 1
    assert [alert["product_id"] for alert in answer["low_stock_alerts"]] == ["PRD-123"]
    assert answer["degraded"] == []


async def test_a_plan_is_stored_listed_and_used_by_the_dashboard(connected, inventory, sales_like, stocked, settings):
    seen = []
    planner = _with_sales(inventory, settings, sales_like)
    result = await planner.replenishment.run(TENANT, progress=lambda done, total: seen.append((done, total)))
    again = await planner.replenishment.run(TENANT)
    await planner.aclose()
    assert (result.products, result.recommended, result.needs_reorder, result.undecided) == (1, 1, 1, 0)
    assert again == result
    assert seen == [(1, 1)]
    listed = await body(connected, "/api/inventory/recommendations?needs_reorder=true")
    assert [(entry["product_id"], entry["urgency"]) for entry in listed["items"]] == [("PRD-123", "medium")]
    sales_like.failure = (500, b"")
    answer = await body(connected, "/api/inventory/dashboard")
    assert [alert["recommended_order_quantity"] for alert in answer["low_stock_alerts"]] == [200]
    assert answer["degraded"] == ["sales_summary", "top_selling_products"]
    forecast = (await body(connected, f"{ROOT}/demand-forecast"))["demand_forecast"]
    assert forecast["as_of"] == "2026-03-10"
    assert (forecast["predicted_demand"], forecast["should_reorder"], forecast["degraded"]) == (180, True, True)
    advice = (await body(connected, f"{ROOT}/reorder-recommendation"))["recommendation"]
    assert (advice["recommended_order_quantity"], advice["age_days"]) == (200, 0)
    assert advice["reason"].startswith("The recommendation of 2026-03-10")


def _with_sales(inventory, settings, sales_like):
    return compose(settings.model_copy(update={"SALES_SERVICE_URL": sales_like.url}), clock=inventory.clock)


async def test_without_sales_every_route_answers_200_with_the_documents_defaults(call, stocked):
    answer = await body(call, f"{ROOT}/with-sales-data")
    assert answer["sales_analytics"] == {
        "total_quantity_sold": 0,
        "total_revenue": 0.0,
        "average_daily_sales": 0.0,
        "sales_trend": "unknown",
        "period_days": 30,
        "last_sale_date": None,
        "error": "Connection refused",
        "degraded": True,
    }
    forecast = (await body(call, f"{ROOT}/demand-forecast"))["demand_forecast"]
    assert forecast["predicted_demand"] is None
    assert forecast["should_reorder"] is None
    assert forecast["degraded"] is True
    advice = (await body(call, f"{ROOT}/reorder-recommendation"))["recommendation"]
    assert advice["needs_reorder"] is None
    assert "Cannot be decided" in advice["reason"]
    dashboard = await body(call, "/api/inventory/dashboard")
    assert dashboard["sales_summary"] is None
    assert dashboard["top_selling_products"] == []
    assert dashboard["inventory_stats"]["total_products"] == 1
    assert dashboard["inventory_stats"]["low_stock_products"] is None
    assert dashboard["degraded"] == ["sales_summary", "top_selling_products", "low_stock_alerts"]


async def test_a_product_that_sales_does_not_know_has_not_sold_and_is_not_degraded(connected, inventory):
    await inventory.catalogue.create(TENANT, Product("unsold", "U", "Unsold"))
    answer = await body(connected, "/api/inventory/products/unsold/with-sales-data")
    assert answer["sales_analytics"]["total_quantity_sold"] == 0
    assert "degraded" not in answer["sales_analytics"]


async def test_a_forwarded_token_without_sales_read_is_403_naming_the_scope(connected, sales_like, stocked):
    sales_like.failure = (
        403,
        b'{"type":"x","title":"x","status":403,"detail":"This needs the scope \'sales:read\', which the token lacks."}',
    )
    auth = token(scopes=frozenset({"inventory:read"}))
    for path in (f"{ROOT}/with-sales-data", f"{ROOT}/demand-forecast", "/api/inventory/dashboard"):
        answer = await body(connected, path, 403, auth=auth)
        assert "sales:read" in answer["detail"]


async def test_the_callers_token_and_tenant_are_forwarded(connected, sales_like, stocked):
    auth = token()
    await body(connected, f"{ROOT}/with-sales-data", auth=auth)
    _, path, headers, _ = next(entry for entry in sales_like.seen if entry[1].endswith("/analytics"))
    assert path == "/api/sales/products/PRD-123/analytics"
    assert headers["authorization"] == f"Bearer {auth}"
    assert headers["x-tenant-id"] == TENANT


async def test_the_tenant_and_products_are_published_to_sales(connected, sales_like, stocked):
    tenants, skus = set(), set()
    async with asyncio.timeout(5):
        while not (tenants and skus):
            await asyncio.sleep(0.05)
            for _, _, headers, message in (entry for entry in sales_like.seen if entry[1].endswith("product-refs")):
                refs = json.loads(message)
                tenants |= {refs["tenant"]["tenant_id"]} if refs["tenant"] else set()
                skus |= {product["sku"] for product in refs["products"]}
                assert headers["x-tenant-id"] == TENANT
                assert headers["idempotency-key"]
    assert (tenants, skus) == ({TENANT}, {"LAP-001"})


async def test_days_out_of_range_are_422(call, stocked):
    for value in ("0", "-1", "1000000000", "x", "nan", "1.5"):
        for path in (f"/with-sales-data?days={value}", f"/demand-forecast?forecast_days={value}"):
            answer = await body(call, ROOT + path, 422)
            assert answer["errors"][0]["field"] in {"days", "forecast_days"}


async def test_another_tenants_product_is_404(call, inventory, stocked):
    await inventory.tenants.create("tenant-2", TenantSettings("Two"))
    auth = token("tenant-2")
    for part in ("", "/with-sales-data", "/demand-forecast", "/reorder-recommendation", "/movements"):
        await body(call, ROOT + part, 404, tenant="tenant-2", auth=auth)


async def test_a_tenant_that_nobody_created_is_403_tenant_not_set_up(call):
    auth = token("nobody")
    for path in ("/api/inventory/products", "/api/inventory/dashboard", f"{ROOT}/with-sales-data"):
        answer = await body(call, path, 403, tenant="nobody", auth=auth)
        assert answer["type"].endswith("tenant_not_set_up")


async def test_health_knows_sales_and_stays_up_without_it(call, stocked):
    assert (await call("GET", "/health/ready")).status == 200
    for _ in range(8):
        await body(call, f"{ROOT}/with-sales-data")
    health = await body(call, "/health")
    assert health["status"] == "degraded"
    assert health["components"]["database"]["status"] == "ok"
    assert health["components"]["sales"]["status"] == "degraded"
    assert health["components"]["sales"]["detail"]["instances"][0]["breaker"] == "open"
    assert (await body(call, f"{ROOT}/with-sales-data"))["sales_analytics"]["error"] == "Circuit open"


async def test_a_product_without_a_day_of_history_is_not_decided(connected, sales_like, stocked):
    sales_like.forecast = lambda product_id, days: {**five_keys(product_id, days), "history_days": 0}
    answer = await body(connected, f"{ROOT}/reorder-recommendation")
    assert answer["recommendation"]["needs_reorder"] is None
    assert "history" in answer["recommendation"]["reason"]


def told_to_sales(sales_like) -> list[str]:
    """The times that Sales was given for what it was asked; deliveries have a time of their own."""
    return [headers["grpc-timeout"] for method, _, headers, _ in sales_like.seen if method == "GET"]


async def test_what_is_left_of_the_callers_time_is_handed_down_and_the_degraded_answer_is_in_time(
    connected, sales_like, stocked
):
    sales_like.delay_seconds = 30
    answer = await connected("GET", f"{ROOT}/with-sales-data", headers={"grpc-timeout": "450m"})
    assert (answer.status, json.loads(answer.body)["sales_analytics"]["error"]) == (200, "Timeout")
    told = told_to_sales(sales_like)
    # 20 ms are kept back for the way to Sales and back, 20 ms for the way to the caller.
    assert told
    assert all(value.endswith("m") and 0 < int(value[:-1]) <= 410 for value in told)


async def test_without_a_deadline_of_its_caller_sales_is_given_the_attempts_own_time(connected, sales_like, stocked):
    assert (await connected("GET", f"{ROOT}/with-sales-data")).status == 200
    [told] = told_to_sales(sales_like)
    assert told in {"479m", "480m"}


async def test_a_decision_follows_stock_and_forecast_from_one_look_to_the_next(
    inventory, sales_like, stocked, settings
):
    uncached = {"SALES_SERVICE_URL": sales_like.url, "HTTP_CLIENT_CACHE_ENABLED": False}
    async with running(create_app(settings.model_copy(update=uncached), clock=clock).asgi) as server:

        async def needed() -> int:
            answer = await body(Caller(server), f"{ROOT}/reorder-recommendation")
            return answer["recommendation"]["recommended_reorder_quantity"]

        assert [await needed(), await needed()] == [150, 150]
        await inventory.stock.load(TENANT, [receipt(5)], source="more")
        assert await needed() == 145
        sales_like.forecast = lambda name, days: {**five_keys(name, days), "recommended_stock_level": 400}
        assert await needed() == 345
