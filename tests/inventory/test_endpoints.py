"""What the document's four routes cost the database: the same few questions, however large the tenant."""

import json
from collections.abc import AsyncIterator

import pytest

from fixtures.inventory import TENANT, clock, opening
from fixtures.queries import asked
from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.main import Inventory, compose

ROOT = "/api/inventory/products/PRD-123"


@pytest.fixture
async def planner(settings, laptop, sales_like) -> AsyncIterator[Inventory]:
    """The service without HTTP, with a Sales that answers, and the laptop in stock."""
    service = compose(settings.model_copy(update={"SALES_SERVICE_URL": sales_like.url}), clock=clock)
    await service.stock.load(TENANT, [opening(50)], source="laptop")
    yield service
    await service.aclose()


@pytest.mark.parametrize("route", ["with-sales-data?days=30", "demand-forecast", "reorder-recommendation"])
async def test_a_product_costs_three_questions_about_tenant_stock_and_orders(connected, planner, route):
    with asked() as statements:
        assert (await connected("GET", f"{ROOT}/{route}")).status == 200
    tables = ["tenants", "products", "purchase_order_lines"]
    assert [name for statement in statements for name in tables if f"FROM {name}" in statement] == tables
    assert len(statements) == 3


async def test_the_dashboard_costs_four_questions_however_much_is_low(connected, planner):
    counted = []
    for others in ([], [Product(f"PRD-{number}", f"SKU-{number}", "Other") for number in range(200, 211)]):
        for product in others:
            await planner.catalogue.create(TENANT, product)
        await planner.stock.load(TENANT, [opening(50, other.product_id) for other in others], source="others")
        await planner.replenishment.run(TENANT)
        with asked() as statements:
            answer = await connected("GET", "/api/inventory/dashboard")
        counted.append((json.loads(answer.body)["low_stock_alerts_total"], len(statements)))
    assert counted == [(1, 4), (12, 4)]
