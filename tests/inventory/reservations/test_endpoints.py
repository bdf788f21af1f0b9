"""Reservations over HTTP: repeated without a second effect, listed with filters."""

import json

from fixtures.inventory import TENANT, opening

ROOT = "/api/inventory/reservations"


async def test_a_reservation_lives_over_http_and_each_step_can_be_repeated(call, inventory, laptop):
    await inventory.stock.load(TENANT, [opening(10)], source="test")
    wanted = {"product_id": "PRD-123", "quantity": 4, "reference": "o1"}
    first = await call("POST", ROOT, wanted, headers={"Idempotency-Key": "h"})
    again = await call("POST", ROOT, wanted, headers={"Idempotency-Key": "h"})
    assert (first.status, again.body) == (201, first.body)
    one = f"{ROOT}/{json.loads(first.body)['reservation_id']}"
    for _ in range(2):
        part = await call("POST", f"{one}/consume", {"quantity": 1}, headers={"Idempotency-Key": "c"})
        assert (part.status, json.loads(part.body)["held_quantity"]) == (200, 3)
    for _ in range(2):
        assert (await call("POST", f"{one}/release", headers={"Idempotency-Key": "r"})).status == 200
    assert (await call("POST", f"{one}/release")).status == 409
    assert json.loads((await call("GET", one)).body)["status"] == "released"
    listed = json.loads((await call("GET", f"{ROOT}?status=released&reference=o1&product_id=PRD-123")).body)
    assert [entry["quantity"] for entry in listed["items"]] == [4]
    assert json.loads((await call("GET", f"{ROOT}?status=held")).body)["items"] == []
    level = json.loads((await call("GET", "/api/inventory/stock-levels")).body)["items"][0]
    assert (level["on_hand"], level["committed"], level["available"]) == (9, 0, 9)


async def test_reservations_are_paged(call, inventory, laptop):
    await inventory.stock.load(TENANT, [opening(10)], source="test")
    for _ in range(3):
        await call("POST", ROOT, {"product_id": "PRD-123", "quantity": 1})
    page = json.loads((await call("GET", f"{ROOT}?limit=2")).body)
    rest = json.loads((await call("GET", f"{ROOT}?limit=2&cursor={page['next']}")).body)
    assert (len(page["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)


async def test_an_impossible_reservation_is_422(call, inventory, laptop):
    for change in ({"quantity": 0}, {"quantity": 1.5}, {"purpose": "fun"}, {"expires_at": "soon"}, {"more": 1}):
        assert (await call("POST", ROOT, {"product_id": "PRD-123", "quantity": 1, **change})).status == 422, change
    assert (await call("GET", f"{ROOT}/none")).status == 404
