"""The list over a real ledger: by product and location, page by page."""

import json
from datetime import timedelta

from fixtures.inventory import NOW, TENANT, opening, sale
from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.phantoms.service import PAGE_PRODUCTS


async def test_silent_stock_is_listed_and_selling_stock_is_not(call, inventory, laptop):
    await inventory.catalogue.create(TENANT, Product("P2", "P2", "Two"))
    begin = NOW - timedelta(days=60)
    await inventory.stock.load(TENANT, [opening(90, at=begin), opening(90, "P2", at=begin)], source="t")
    daily = [sale(ago, 1, at=NOW - timedelta(days=ago)) for ago in range(50, 9, -1)]
    others = [sale(100 + ago, 1, "P2", at=NOW - timedelta(days=ago)) for ago in range(50, 0, -1)]
    await inventory.inbox.take(TENANT, daily + others)
    listed = json.loads((await call("GET", "/api/inventory/phantom-stock")).body)
    assert [(entry["product_id"], entry["silent_days"], entry["on_hand"]) for entry in listed["items"]] == [
        ("PRD-123", 10, 49)
    ]
    assert listed["next"] is None


async def test_a_page_looks_through_a_bounded_number_of_products(inventory):
    names = [f"P{number:04}" for number in range(PAGE_PRODUCTS + 1)]
    for name in names:
        await inventory.catalogue.create(TENANT, Product(name, name, name))
    await inventory.stock.load(TENANT, [opening(1, name) for name in names], source="t")
    first = await inventory.phantoms.page(TENANT, cursor=None)
    assert first.next is not None
    assert (await inventory.phantoms.page(TENANT, cursor=first.next)).next is None
