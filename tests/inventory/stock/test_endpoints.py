"""Movements over HTTP: idempotent, all or none, paged."""

import json

from fixtures.inventory import SERVICE_TOKEN, TENANT

MOVEMENTS = "/api/inventory/stock-movements"
RECEIPT = {"movements": [{"kind": "receipt", "product_id": "PRD-123", "quantity": 5}]}


async def test_a_request_that_is_repeated_moves_stock_once(call, laptop):
    key = {"Idempotency-Key": "abc"}
    first = await call("POST", MOVEMENTS, RECEIPT, headers=key)
    again = await call("POST", MOVEMENTS, RECEIPT, headers=key)
    assert first.status == again.status == 201
    assert first.body == again.body
    other = {"movements": [{**RECEIPT["movements"][0], "quantity": 6}]}
    answer = await call("POST", MOVEMENTS, other, headers=key)
    assert answer.status == 409
    assert json.loads(answer.body)["type"].endswith("idempotency_key_reused")
    levels = json.loads((await call("GET", "/api/inventory/stock-levels")).body)
    assert [entry["on_hand"] for entry in levels["items"]] == [5]


IMPOSSIBLE = [
    {"quantity": 0},
    {"quantity": -1},
    {"quantity": 10**9 + 1},
    {"quantity": 1.5},
    {"quantity": "five"},
    {"kind": "sale"},
    {"product_id": "nothing"},
    {"location_id": "moon"},
    {"occurred_at": "2026-01-01T00:00:00"},
    {"occurred_at": "yesterday"},
    {"unit_cost": -1},
    {"kind": "transfer"},
]


async def test_an_impossible_movement_is_422_and_nothing_is_written(call, laptop):
    for change in IMPOSSIBLE:
        entry = {**RECEIPT["movements"][0], **change}
        answer = await call("POST", MOVEMENTS, {"movements": [RECEIPT["movements"][0], entry]})
        assert answer.status == 422, (change, answer.body)
    assert json.loads((await call("GET", MOVEMENTS)).body)["items"] == []


async def test_movements_of_a_product_are_listed(call, laptop):
    for _ in range(3):
        assert (await call("POST", MOVEMENTS, RECEIPT)).status == 201
    page = json.loads((await call("GET", "/api/inventory/products/PRD-123/movements?limit=2")).body)
    assert len(page["items"]) == 2
    rest = json.loads((await call("GET", f"{MOVEMENTS}?cursor={page['next']}")).body)
    assert len(rest["items"]) == 1
    assert rest["items"][0]["from_location_id"] == "supplier"


async def test_sales_events_are_for_services_only(call, laptop, inventory):
    event = {
        "event_id": "e1",
        "kind": "sale",
        "order_id": "o1",
        "line_no": 1,
        "product_id": "PRD-123",
        "quantity": 2,
        "occurred_at": "2026-03-09T12:00:00Z",
        "business_date": "2026-03-09",
        "sequence": 1,
    }
    path = "/api/inventory/sales-events"
    assert (await call("POST", path, {"events": [event]})).status == 403
    answer = await call("POST", path, {"events": [event]}, auth=SERVICE_TOKEN)
    assert json.loads(answer.body) == {"applied": 1, "duplicates": 0, "before_opening": 0, "rejected": []}
    assert (await call("POST", path, {"events": []}, auth=SERVICE_TOKEN)).status == 422
    assert (await call("POST", path, {"events": [{**event, "quantity": 0}]}, auth=SERVICE_TOKEN)).status == 422
    assert (await call("POST", path, {"events": [event]}, auth=SERVICE_TOKEN, tenant="nobody")).status == 403
    levels = await inventory.stock.levels(TENANT, location_id=None, oversold=True, limit=10, cursor=None)
    assert levels.items[0].on_hand == -2
