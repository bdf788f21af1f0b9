"""Products: created, found, changed, archived and imported row by row."""

import json
from decimal import Decimal

from fixtures.inventory import TENANT, token

PRODUCTS = "/api/inventory/products"
LAPTOP = {"id": "PRD-123", "sku": "LAP-001", "name": "Laptop", "price": 1200.5, "unit_cost": 800}


async def created(call, **more):
    answer = await call("POST", PRODUCTS, {**LAPTOP, **more})
    assert answer.status == 201, answer.body
    return json.loads(answer.body)


async def test_a_product_is_created_and_read_back(call):
    made = await created(call)
    assert made["id"] == "PRD-123"
    assert (made["price"], made["unit_cost"], made["currency"], made["version"]) == (1200.5, 800.0, "GBP", 1)
    assert json.loads((await call("GET", f"{PRODUCTS}/PRD-123")).body) == made


async def test_an_id_or_sku_is_taken_once(call):
    await created(call)
    assert (await call("POST", PRODUCTS, LAPTOP)).status == 409
    other = await call("POST", PRODUCTS, {**LAPTOP, "id": "PRD-124"})
    assert other.status == 409
    assert "PRD-123" in json.loads(other.body)["detail"]


async def test_a_change_needs_the_current_version(call):
    await created(call)
    changed = await call("PATCH", f"{PRODUCTS}/PRD-123", {"name": "Laptop 2", "version": 1})
    assert json.loads(changed.body)["version"] == 2
    assert (await call("PATCH", f"{PRODUCTS}/PRD-123", {"name": "Laptop 3", "version": 1})).status == 409
    same = await call("PATCH", f"{PRODUCTS}/PRD-123", {"name": "Laptop 2"})
    assert json.loads(same.body)["version"] == 2


async def test_an_archived_product_leaves_lists_and_stays_readable(call):
    await created(call)
    assert (await call("DELETE", f"{PRODUCTS}/PRD-123")).status == 204
    assert json.loads((await call("GET", PRODUCTS)).body)["items"] == []
    assert len(json.loads((await call("GET", f"{PRODUCTS}?status=archived")).body)["items"]) == 1
    assert json.loads((await call("GET", f"{PRODUCTS}/PRD-123")).body)["status"] == "archived"


async def test_lists_are_searched_and_paged(call, inventory):
    lines = [b"product_id,name,barcode\n"] + [f"P{n:03},Mug {n},77{n:03}\n".encode() for n in range(25)]
    assert (await inventory.catalogue_import.run(TENANT, lines)).created == 25
    seen, cursor = [], ""
    while True:
        page = json.loads((await call("GET", f"{PRODUCTS}?limit=10{cursor}")).body)
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [f"P{n:03}" for n in range(25)]
    for text, found in (("mug%201", 11), ("77003", 1), ("P024", 1), ("%25", 0), ("_", 0)):
        items = json.loads((await call("GET", f"{PRODUCTS}?search={text}")).body)["items"]
        assert len(items) == found, text


IMPOSSIBLE = [
    {"id": "a/b"},
    {"id": ".."},
    {"id": ""},
    {"id": "x" * 129},
    {"id": "a\nb"},
    {"name": ""},
    {"name": "a\u0000b"},
    {"price": -1},
    {"price": 1e13},
    {"price": "NaN"},
    {"price": "Infinity"},
    {"price": True},
    {"pack_size": 0},
    {"moq": 10**10},
    {"moq": 1.5},
    {"supplier_id": "nobody"},
    {"status": "sold"},
    {"colour": "red"},
    {"barcodes": ["x"] * 33},
]


async def test_an_impossible_product_is_422_naming_the_field_and_nothing_is_written(call):
    for change in IMPOSSIBLE:
        answer = await call("POST", PRODUCTS, {**LAPTOP, **change})
        assert answer.status == 422, (change, answer.body)
        assert next(iter(change)) in json.loads(answer.body)["detail"]
    assert json.loads((await call("GET", PRODUCTS)).body)["items"] == []


async def test_a_malformed_body_is_answered_as_what_it_is(call):
    cases = [(b'{"name":', 400), (b'{"price": NaN}', 400), (b'{"name": "\xff"}', 400), (b"[]", 422)]
    for raw, status in cases:
        assert (await call("POST", PRODUCTS, raw)).status == status, raw


async def test_an_impossible_list_query_is_422(call):
    for query in ("limit=0", "limit=101", "limit=x", "cursor=%21", "cursor=AA", "status=sold"):
        assert (await call("GET", f"{PRODUCTS}?{query}")).status == 422, query


async def test_a_file_with_three_bad_rows_imports_the_others_and_names_the_three(call):
    rows = [f"P{n},S{n},Mug {n},{n}.25,1.5,6,12,Acme\n".encode() for n in range(10_000)]
    rows[10] = b"P10,S10,Mug 10,abc,1.5,6,12,Acme\n"
    rows[5_000] = b'P5000,S5000,"Mug 5000,1,1.5,6,12,Acme\n'
    rows[9_999] = b"P9999,S9999,Mug \xff,1,1.5,6,12,Acme\n"
    body = b"\xef\xbb\xbfproduct_id,sku,name,price,unit_cost,pack_size,moq,supplier\n" + b"".join(rows)
    answer = await call("POST", f"{PRODUCTS}/import", body, headers={"Content-Type": "text/csv"})
    result = json.loads(answer.body)
    assert answer.status == 200
    assert (result["rows"], result["created"], result["error_count"]) == (10_000, 9_997, 3)
    assert [error["line"] for error in result["errors"]] == [12, 5_002, 10_001]
    assert "price" in result["errors"][0]["reason"]
    assert "UTF-8" in result["errors"][2]["reason"]
    product = json.loads((await call("GET", f"{PRODUCTS}/P7")).body)
    assert (product["price"], product["pack_size"], product["moq"], product["supplier_id"]) == (7.25, 6, 12, "acme")


async def test_importing_again_changes_only_what_differs(inventory):
    first = [b"product_id,sku,name,unit_cost\n", b"A,SA,Apple,1\n", b"B,SB,Bear,2\n", b"B,SB,Bear two,2\n"]
    seen = []
    result = await inventory.catalogue_import.run(TENANT, first, seen.append)
    assert (result.rows, result.created, seen) == (3, 2, [3])
    again = await inventory.catalogue_import.run(
        TENANT, [b"product_id,sku,name,unit_cost\n", b"A,SA,Apple,1.0\n", b"B,SB,Bear three,2\n", b"C,SA,Cat,3\n"]
    )
    assert (again.unchanged, again.updated, again.created, again.error_count) == (1, 1, 0, 1)
    assert "SA" in again.errors[0].reason
    assert (await inventory.catalogue.show(TENANT, "B")).version == 2


async def test_a_file_without_the_needed_columns_or_of_another_type_is_refused(call):
    csv = {"Content-Type": "text/csv"}
    assert (await call("POST", f"{PRODUCTS}/import", b"sku,price\n1,2\n", headers=csv)).status == 422
    assert (await call("POST", f"{PRODUCTS}/import", b"", headers=csv)).status == 422
    assert (await call("POST", f"{PRODUCTS}/import", b"{}")).status == 415


async def test_reading_needs_the_read_scope_and_writing_the_write_scope(call):
    reader = token(scopes=frozenset({"inventory:read"}))
    assert (await call("GET", PRODUCTS, auth=reader)).status == 200
    assert (await call("POST", PRODUCTS, LAPTOP, auth=reader)).status == 403
    seller = token(scopes=frozenset({"sales:read"}))
    assert (await call("GET", PRODUCTS, auth=seller)).status == 403


async def test_a_unit_cost_below_a_cent_survives(call, inventory):
    await created(call, unit_cost=0.0333)
    product = await inventory.catalogue.show(TENANT, "PRD-123")
    assert Decimal(str(product.unit_cost)) == Decimal("0.0333")
