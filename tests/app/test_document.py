"""The integration document's snippets, as they are written there; only addresses and tokens are this test's own."""

import json
import logging

import pytest

import shelfwise.http
import shelfwise.inventory.clients.sales
import shelfwise.inventory.config
import shelfwise.inventory.service
from app.clients.sales_client import SalesServiceClient
from app.config import Settings
from app.services.inventory_service import InventoryService
from app.utils.http_client import HTTPClient
from fixtures.inventory import TENANT, token
from fixtures.sales_like import SalesLike
from fixtures.servers import free_port, running
from shelfwise.inventory.main import compose


def test_the_documents_import_paths_are_the_real_classes():
    assert HTTPClient is shelfwise.http.HTTPClient
    assert SalesServiceClient is shelfwise.inventory.clients.sales.SalesServiceClient
    assert InventoryService is shelfwise.inventory.service.InventoryService
    assert Settings is shelfwise.inventory.config.Settings


def test_settings_have_the_documents_names_and_defaults(monkeypatch):
    for name in ("SALES_SERVICE_URL", "FINANCE_SERVICE_URL", "HR_SERVICE_URL", "HTTP_CLIENT_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings(_env_file=None)
    assert settings.SALES_SERVICE_URL == "http://localhost:5001"
    assert settings.FINANCE_SERVICE_URL == "http://localhost:5002"
    assert settings.HR_SERVICE_URL == "http://localhost:5003"
    assert settings.HTTP_CLIENT_TIMEOUT == 30
    assert settings.HTTP_CLIENT_MAX_CONNECTIONS == 100
    assert settings.HTTP_CLIENT_MAX_KEEPALIVE == 20


def test_settings_are_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("SALES_SERVICE_URL", "http://sales:81")
    monkeypatch.setenv("HTTP_CLIENT_TIMEOUT", "12")
    settings = Settings(_env_file=None)
    assert (settings.SALES_SERVICE_URL, settings.HTTP_CLIENT_TIMEOUT) == ("http://sales:81", 12)


async def test_the_http_client_gets_and_posts_and_logs_the_documents_lines(caplog):
    caplog.set_level(logging.DEBUG, logger="shelfwise.http")
    fake = SalesLike(failure=(200, b"{}"))
    async with running(fake) as server:
        url = f"{server.url}/data"
        # GET request
        response = await HTTPClient.get(url=url, headers={"Authorization": "Bearer token"}, params={"limit": 10})
        assert response.status_code == 200
        # POST request
        response = await HTTPClient.post(url=url, json={"key": "value"}, headers={"Content-Type": "application/json"})
        assert response.status_code == 200
        await HTTPClient.aclose()
    (_, _, headers, _), (method, _, _, body) = fake.seen
    assert headers["authorization"] == "Bearer token"
    assert (method, json.loads(body)) == ("POST", {"key": "value"})
    assert f"GET request to {url}?limit=10" in caplog.messages
    assert f"GET {url}?limit=10 - Status: 200" in caplog.messages
    assert f"POST {url} - Status: 200" in caplog.messages
    assert "token" not in caplog.text


async def test_the_http_client_logs_a_failure_as_the_document_does(caplog):
    url = f"http://127.0.0.1:{free_port()}/data"
    with pytest.raises(shelfwise.http.ConnectError):
        await HTTPClient.get(url=url)
    await HTTPClient.aclose()
    assert any(message.startswith(f"GET request failed: {url} - ") for message in caplog.messages)


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", ""])
async def test_the_four_methods_answer_with_the_documents_keys(pair, prefix):
    auth_token = prefix + token()
    sales_data = await SalesServiceClient.get_product_sales_data(
        product_id="PRD-123", tenant_id="tenant-1", days=30, auth_token=auth_token
    )
    assert sales_data["product_id"] == "PRD-123"
    assert sales_data["total_quantity_sold"] == 150
    assert sales_data["total_revenue"] == 180000.00
    assert sales_data["average_daily_sales"] == 5.0
    assert sales_data["sales_trend"] in {"increasing", "decreasing", "stable", "unknown"}
    assert sales_data["last_sale_date"]
    forecast = await SalesServiceClient.get_product_demand_forecast(
        product_id="PRD-123", tenant_id="tenant-1", forecast_days=30, auth_token=auth_token
    )
    assert (forecast["product_id"], forecast["forecast_days"]) == ("PRD-123", 30)
    assert forecast["predicted_demand"] > 0
    assert forecast["recommended_stock_level"] >= forecast["predicted_demand"] * 0.5
    assert "confidence_level" in forecast
    top = await SalesServiceClient.get_top_selling_products(
        tenant_id="tenant-1", days=30, limit=10, auth_token=auth_token
    )
    assert top == [
        {"product_id": "PRD-123", "product_name": "Laptop", "quantity_sold": 150, "revenue": 180000.0, "rank": 1}
    ]
    summary = await SalesServiceClient.get_sales_summary(tenant_id="tenant-1", days=30, auth_token=auth_token)
    assert summary["total_orders"] == 30
    assert summary["total_revenue"] == 180000.00
    assert summary["total_items_sold"] == 150
    assert summary["average_order_value"] == 6000.0


async def test_without_sales_the_document_s_defaults_come_with_the_reason(monkeypatch):
    monkeypatch.setenv("SALES_SERVICE_URL", f"http://127.0.0.1:{free_port()}")
    sales_data = await SalesServiceClient.get_product_sales_data(
        product_id="PRD-123", tenant_id="tenant-1", days=30, auth_token="Bearer token"
    )
    await SalesServiceClient.aclose()
    expected = {
        "product_id": "PRD-123",
        "total_quantity_sold": 0,
        "total_revenue": 0.0,
        "average_daily_sales": 0.0,
        "sales_trend": "unknown",
        "error": "Connection refused",
    }
    assert {key: sales_data[key] for key in expected} == expected
    assert sales_data["degraded"] is True


# For testing without Sales service
@pytest.fixture
def mock_sales_client(monkeypatch):
    async def mock_get_sales_data(*args, **kwargs):
        return {"total_quantity_sold": 100, "total_revenue": 120000.00}

    monkeypatch.setattr(SalesServiceClient, "get_product_sales_data", mock_get_sales_data)


async def test_the_mocks_two_keys_are_enough_for_the_inventory_service(pair, mock_sales_client):
    composed = compose(pair.settings)
    service: InventoryService = composed.inventory
    answer = await service.get_product_with_sales_data(
        product_id="PRD-123", tenant_id=TENANT, days=30, auth_token=token()
    )
    advice = await service.smart_reorder_recommendation(product_id="PRD-123", tenant_id=TENANT, auth_token=token())
    await composed.aclose()
    assert answer["sales_analytics"]["total_quantity_sold"] == 100
    assert answer["sales_analytics"]["total_revenue"] == 120000.00
    assert answer["sales_analytics"]["average_daily_sales"] == 3.3333
    assert answer["sales_analytics"]["sales_trend"] == "unknown"
    assert advice["sales_analytics"]["total_sold_30_days"] == 100
    assert advice["recommendation"]["days_of_stock_remaining"] == 15.0


async def test_product_with_sales_data(client):
    # Test with real Sales service
    response = await client.get("/api/inventory/products/PRD-123/with-sales-data", headers={"X-Tenant-ID": "tenant-1"})

    assert response.status_code == 200
    assert "sales_analytics" in response.json()


async def test_the_documents_routes_answer_with_the_documents_figures(client):
    headers = {"X-Tenant-ID": "tenant-1"}
    product = (await client.get("/api/inventory/products/PRD-123/with-sales-data?days=30", headers=headers)).json()
    assert product["sales_analytics"]["total_quantity_sold"] == 150
    forecast = (await client.get("/api/inventory/products/PRD-123/demand-forecast", headers=headers)).json()
    assert forecast["current_stock"] == 50
    assert forecast["demand_forecast"]["should_reorder"] in {True, False}
    advice = (await client.get("/api/inventory/products/PRD-123/reorder-recommendation", headers=headers)).json()
    assert advice["recommendation"]["days_of_stock_remaining"] == 10.0
    assert advice["sales_analytics"]["total_sold_30_days"] == 150
    dashboard = (await client.get("/api/inventory/dashboard", headers=headers)).json()
    assert dashboard["sales_summary"]["total_items_sold"] == 150
    assert dashboard["degraded"] == []


async def test_without_a_token_nobody_is_answered(pair):
    response = await HTTPClient.get(f"{pair.inventory}/api/inventory/dashboard", headers={"X-Tenant-ID": "tenant-1"})
    await HTTPClient.aclose()
    assert response.status_code == 401
