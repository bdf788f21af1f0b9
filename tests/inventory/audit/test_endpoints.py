"""Every write that a person asks for leaves who, what, before and after; and nothing of it can be changed."""

import json

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from fixtures.inventory import TENANT, opening
from shelfwise.inventory.tables import AUDIT_LOG, STOCK_MOVEMENTS

ROOT = "/api/inventory"


async def entries(call, query=""):
    return json.loads((await call("GET", f"{ROOT}/audit{query}")).body)["items"]


async def test_every_interactive_write_of_the_ledger_is_in_the_log(call, inventory, laptop):
    receipt = {"kind": "receipt", "product_id": "PRD-123", "quantity": 9}
    writes = [
        ("POST", "/stock-movements", {"movements": [receipt]}),
        ("POST", "/reservations", {"product_id": "PRD-123", "quantity": 1}),
        ("POST", "/locations", {"location_id": "shop"}),
        ("PATCH", "/locations/shop", {"name": "Shop"}),
        (
            "POST",
            "/transfers",
            {"transfer_id": "T1", "to_location_id": "shop", "lines": [{"product_id": "PRD-123", "quantity": 2}]},
        ),
        ("POST", "/transfers/T1/receive", {}),
        ("POST", "/stock-counts", {"lines": [{"product_id": "PRD-123", "counted_quantity": 5}]}),
        ("PUT", "/products/PRD-123/components", {"components": []}),
    ]
    made = None
    for method, path, body in writes:
        answer = await call(method, ROOT + path, body)
        assert answer.status in {200, 201}, (path, answer.body)
        made = json.loads(answer.body) if path == "/reservations" else made
    await call("POST", f"{ROOT}/reservations/{made['reservation_id']}/release")
    moved = (await inventory.stock.movements(TENANT, product_id=None, limit=99, cursor=None)).items
    first = next(entry for entry in moved if entry.kind == "receipt")
    await call("POST", f"{ROOT}/stock-movements/{first.movement_id}/reverse", {"reason": "typed twice"})
    found = {(entry["action"], entry["object_type"]) for entry in await entries(call)}
    assert found == {
        ("record", "stock_movements"),
        ("hold", "reservations"),
        ("release", "reservations"),
        ("create", "locations"),
        ("change", "locations"),
        ("ship", "transfers"),
        ("receive", "transfers"),
        ("count", "stock_counts"),
        ("components", "products"),
    }
    assert {entry["subject"] for entry in await entries(call)} == {"ann"}


async def test_an_entry_says_before_after_and_the_request(call, inventory):
    await call("POST", f"{ROOT}/locations", {"location_id": "shop", "name": "Old"})
    await call("PATCH", f"{ROOT}/locations/shop", {"name": "New"}, headers={"X-Request-ID": "req-7"})
    newest = (await entries(call, "?object_type=locations&object_id=shop&action=change"))[0]
    assert (newest["before"]["name"], newest["after"]["name"], newest["request_id"]) == ("Old", "New", "req-7")


async def test_a_write_that_fails_or_is_repeated_leaves_no_entry(call, inventory, laptop):
    key = {"Idempotency-Key": "k"}
    for _ in range(2):
        await call("POST", f"{ROOT}/locations", {"location_id": "shop"}, headers=key)
    assert (await call("POST", f"{ROOT}/reservations", {"product_id": "PRD-123", "quantity": 1})).status == 409
    assert len(await entries(call)) == 1


async def test_entries_are_filtered_and_paged(call, inventory):
    for number in range(3):
        await call("POST", f"{ROOT}/locations", {"location_id": f"shop{number}"})
    page = json.loads((await call("GET", f"{ROOT}/audit?limit=2")).body)
    rest = json.loads((await call("GET", f"{ROOT}/audit?limit=2&cursor={page['next']}")).body)
    assert {entry["object_id"] for entry in page["items"] + rest["items"]} == {"shop0", "shop1", "shop2"}
    assert rest["next"] is None
    assert await entries(call, "?subject=bob") == []
    assert len(await entries(call, "?since=2026-03-10T09:00:00Z&until=2026-03-10T09:00:01Z")) == 3
    assert await entries(call, "?until=2026-03-10T09:00:00Z") == []
    for wrong in ("?since=yesterday", "?until=2026-03-10T09:00:00"):
        assert (await call("GET", f"{ROOT}/audit{wrong}")).status == 422


@pytest.mark.parametrize("table", [AUDIT_LOG, STOCK_MOVEMENTS], ids=lambda table: table.name)
@pytest.mark.parametrize("change", [sa.delete, lambda table: sa.update(table).values(tenant_id="x")])
async def test_the_database_refuses_to_change_what_was_recorded(call, inventory, laptop, table, change):
    await inventory.stock.load(TENANT, [opening(1)], source="test")
    await call("POST", f"{ROOT}/locations", {"location_id": "shop"})
    with pytest.raises(DBAPIError, match="append-only"):
        async with inventory.database.write(TENANT) as connection:
            await connection.execute(change(table))
