"""Suppliers over HTTP: lead times are distributions, items carry cost, MOQ and pack."""

import json

from fixtures.inventory import TENANT

SUPPLIERS = "/api/inventory/suppliers"
ACME = {
    "supplier_id": "acme",
    "name": "Acme Ltd",
    "lead_times": [{"days": 5, "probability": 0.5}, {"days": 9, "probability": 0.5}],
    "min_order_value": 250.5,
}


async def test_a_supplier_is_added_changed_and_listed(call):
    added = await call("POST", SUPPLIERS, ACME)
    assert added.status == 201, added.body
    assert json.loads(added.body)["lead_times"] == ACME["lead_times"]
    assert (await call("POST", SUPPLIERS, ACME)).status == 409
    change = {"lead_times": [{"days": 4, "probability": 1}], "version": 1}
    changed = json.loads((await call("PATCH", f"{SUPPLIERS}/acme", change)).body)
    assert (changed["version"], changed["lead_times"]) == (2, [{"days": 4, "probability": 1.0}])
    assert (await call("PATCH", f"{SUPPLIERS}/acme", change)).status == 409
    assert json.loads((await call("GET", SUPPLIERS)).body)["items"] == [changed]
    assert json.loads((await call("GET", f"{SUPPLIERS}/acme")).body) == changed
    assert (await call("GET", f"{SUPPLIERS}/nobody")).status == 404


async def test_an_impossible_supplier_is_422(call):
    for change in (
        {"lead_times": []},
        {"lead_times": [{"days": 5, "probability": 0.5}]},
        {"lead_times": [{"days": 5, "probability": 0.5}, {"days": 5, "probability": 0.5}]},
        {"lead_times": [{"days": 366, "probability": 1}]},
        {"order_weekdays": [7]},
        {"min_order_value": -1},
        {"cut_off": "24:00"},
        {"cut_off": "9:00"},
        {"closed_dates": ["2026-12-25", "2026-12-25"]},
        {"closed_dates": ["9999-12-31"]},
        {"lead_time_unit": "weeks"},
        {"lead_time_unit": "working", "lead_times": [{"days": 151, "probability": 1}]},
        {"min_order_units": 0},
        {"supplier_id": "a b"},
        {"name": ""},
    ):
        answer = await call("POST", SUPPLIERS, {**ACME, **change})
        assert answer.status == 422, (change, answer.body)


async def test_an_items_terms_go_before_the_products_own(call, inventory, laptop):
    await call("POST", SUPPLIERS, ACME)
    item = {"product_id": "PRD-123", "unit_cost": 12.345, "moq": 24, "pack_size": 12}
    assert (await call("POST", f"{SUPPLIERS}/acme/items", item)).status == 201
    assert (await call("POST", f"{SUPPLIERS}/acme/items", {**item, "product_id": "x"})).status == 422
    items = json.loads((await call("GET", f"{SUPPLIERS}/acme/items")).body)["items"]
    assert items == [{"supplier_id": "acme", **item}]
    _, facts = await inventory.replenishment.facts(TENANT, "PRD-123")
    assert (facts.moq, facts.pack_size, facts.supplier_id) == (24, 12, "acme")
    assert facts.lead_times == ((5, 0.5), (9, 0.5))


async def test_a_suppliers_calendar_is_kept_and_changed(call):
    calendar = {
        "order_weekdays": [0, 3],
        "cut_off": "15:30",
        "closed_dates": ["2026-12-25", "2026-12-26"],
        "lead_time_unit": "working",
        "min_order_units": 48,
    }
    added = await call("POST", SUPPLIERS, {**ACME, **calendar})
    assert added.status == 201, added.body
    shown = json.loads((await call("GET", f"{SUPPLIERS}/acme")).body)
    assert {name: shown[name] for name in calendar} == calendar
    assert shown["next_cut_off"] == "2026-03-12T15:30:00Z"
    changed = json.loads((await call("PATCH", f"{SUPPLIERS}/acme", {"cut_off": None, "closed_dates": []})).body)
    assert (changed["cut_off"], changed["closed_dates"], changed["version"]) == (None, [], 2)
    assert changed["lead_time_unit"] == "working"


async def test_the_policy_reckons_with_working_days_as_calendar_days(call, inventory, laptop):
    terms = {"lead_time_unit": "working", "closed_dates": ["2026-03-13"]}
    assert (await call("POST", SUPPLIERS, {**ACME, **terms})).status == 201
    await call("POST", f"{SUPPLIERS}/acme/items", {"product_id": "PRD-123"})
    _, facts = await inventory.replenishment.facts(TENANT, "PRD-123")
    assert facts.lead_times == ((8, 0.5), (14, 0.5))


async def test_every_change_of_a_supplier_and_its_items_is_in_the_audit_log(call, laptop):
    added = json.loads((await call("POST", SUPPLIERS, ACME)).body)
    for _ in range(2):
        changed = json.loads((await call("PATCH", f"{SUPPLIERS}/acme", {"name": "Acme & Sons"})).body)
        item = json.loads((await call("POST", f"{SUPPLIERS}/acme/items", {"product_id": "PRD-123", "moq": 6})).body)
    log = json.loads((await call("GET", "/api/inventory/audit")).body)["items"]
    found = {(entry["action"], entry["object_type"], entry["object_id"]): entry for entry in log}
    assert found["create", "suppliers", "acme"]["after"] == added
    edited = found["edit", "suppliers", "acme"]
    assert (edited["before"], edited["after"]) == (added, changed)
    assert found["set", "supplier_items", "acme/PRD-123"]["after"] == item
    assert len([entry for entry in log if entry["object_type"].startswith("supplier")]) == 3
