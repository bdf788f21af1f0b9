"""One tenant's ids, tokens and figures are nothing to another: over both OpenAPI documents, route by route."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from litestar.routes import HTTPRoute

from fixtures.contract import ORDERS, SUPPLIER, TENANTS, port_of, problem_of, send, token
from fixtures.pairs import ServicePair
from shelfwise.inventory.config import Settings
from shelfwise.inventory.main import create_app as create_inventory
from shelfwise.platform.auth import PERSON_SCOPES, SCOPES, mint_token
from shelfwise.sales.config import SalesSettings
from shelfwise.sales.main import create_app as create_sales

ACME, GLOBEX = TENANTS
FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "openapi"
#: Ids that both tenants have.
SHARED = {
    "product_id": "P-1",
    "supplier_id": SUPPLIER,
    "order_id": ORDERS[0],
    "location_id": "main",
    **dict.fromkeys(
        (
            "import_id",
            "reservation_id",
            "transfer_id",
            "count_id",
            "movement_id",
            "override_id",
            "promotion_id",
        ),
        "none",
    ),
}
LINE = {"line_no": 1, "quantity": 1}
#: A body that each route would take.
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/inventory/products": {"id": "mine", "name": "Mine"},
    "PATCH /api/inventory/products/{product_id}": {"name": "Taken over"},
    "POST /api/inventory/stock-movements": {
        "movements": [{"kind": "receipt", "product_id": "P-1", "quantity": 1, "event_id": "intruder"}]
    },
    "POST /api/inventory/suppliers": {
        "supplier_id": "mine", "name": "Mine", "lead_times": [{"days": 1, "probability": 1}],
    },
    "PATCH /api/inventory/suppliers/{supplier_id}": {"name": "Taken over"},
    "POST /api/inventory/suppliers/{supplier_id}/items": {"product_id": "P-1", "moq": 99},
    "POST /api/inventory/sales-events": {
        "events": [
            {
                "event_id": "intruder", "kind": "sale", "order_id": "O", "line_no": 1, "product_id": "P-1",
                "quantity": 1, "occurred_at": "2026-01-31T10:00:00Z", "business_date": "2026-01-31", "sequence": 1,
            }
        ]
    },
    "POST /api/inventory/stock-availability/query": {
        "product_ids": ["P-1"], "start": "2026-01-01", "end": "2026-02-01",
    },
    "POST /api/inventory/purchase-orders": {
        "order_id": "intruder", "supplier_id": "S-1", "lines": [{"product_id": "P-1", "quantity": 1}],
    },
    "PATCH /api/inventory/purchase-orders/{order_id}": {"lines": [{"product_id": "P-1", "quantity": 2}]},
    "POST /api/inventory/purchase-orders/{order_id}/submit": {},
    "POST /api/inventory/purchase-orders/{order_id}/receive": {},
    "PATCH /api/inventory/tenant": {"name": "Taken over"},
    "POST /api/inventory/stock-movements/{movement_id}/reverse": {"reason": "taken over"},
    "POST /api/inventory/reservations": {"product_id": "P-1", "quantity": 1},
    "POST /api/inventory/reservations/{reservation_id}/consume": {},
    "POST /api/inventory/locations": {"location_id": "intruder"},
    "PATCH /api/inventory/locations/{location_id}": {"name": "Taken over"},
    "POST /api/inventory/transfers": {
        "to_location_id": "main", "from_location_id": "intruder", "lines": [{"product_id": "P-1", "quantity": 1}],
    },
    "POST /api/inventory/transfers/{transfer_id}/receive": {},
    "POST /api/inventory/stock-counts": {"lines": [{"product_id": "P-1", "counted_quantity": 1}]},
    "PUT /api/inventory/products/{product_id}/components": {"components": []},
    "POST /api/sales/product-refs": {
        "products": [{"product_id": "P-1", "sku": "x", "name": "Taken over", "version": 999}]
    },
    "POST /api/sales/orders": {
        "order_id": "intruder", "ordered_at": "2026-01-31", "lines": [{**LINE, "product": "P-1", "unit_price": 1}],
    },
    "POST /api/sales/orders/{order_id}/cancel": {"lines": [LINE]},
    "POST /api/sales/orders/{order_id}/returns": {"lines": [LINE]},
    "POST /api/sales/returns": {"order_id": ORDERS[0], "lines": [LINE]},
    "POST /api/sales/analytics/query": {"product_ids": ["P-1"]},
    "POST /api/sales/forecasts/query": {"product_ids": ["P-1"]},
    "POST /api/sales/forecasts/refresh": {"product_ids": ["P-1"]},
    "POST /api/sales/promotions": {
        "name": "Taken over", "product_id": "P-1", "first_day": "2026-02-01", "last_day": "2026-02-02",
    },
    "PUT /api/sales/calendar": {"entries": [{"day": "2026-02-01", "name": "Taken over"}]},
    "POST /api/sales/forecast-overrides": {
        "product_id": "P-1", "first_day": "2026-02-01", "last_day": "2026-02-02", "factor": 2, "reason": "Taken over",
    },
}  # fmt: skip
FILES = {
    "POST /api/inventory/products/import": ("text/csv", b"product_id,name\nP-1,Taken over\n"),
    "POST /api/sales/imports": (
        "text/csv",
        b"order_id,line_no,ordered_at,product,quantity,unit_price\nx,1,2026-01-31,P-1,1,1\n",
    ),
    "POST /api/sales/orders/bulk": ("application/x-ndjson", b"{}"),
}
WITHOUT_BODY = {
    "POST /api/sales/unresolved-lines/resolve",
    "POST /api/inventory/purchase-orders/{order_id}/cancel",
    "POST /api/inventory/reservations/{reservation_id}/release",
}


class Operation(NamedTuple):
    service: str
    method: str
    path: str
    security: list[dict[str, list[str]]]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def scopes(self) -> set[str]:
        """Any one of these lets a caller in."""
        return {scope for needs in self.security for scope in needs["bearer"]}


def _operations() -> list[Operation]:
    found = []
    for service in ("inventory", "sales"):
        paths = json.loads((FOLDER / f"{service}.json").read_text(encoding="utf-8"))["paths"]
        for path, methods in paths.items():
            found += [Operation(service, name.upper(), path, entry["security"]) for name, entry in methods.items()]
    return found


OPERATIONS = _operations()
GUARDED = [operation for operation in OPERATIONS if operation.security]
TENANT_BOUND = [operation for operation in GUARDED if "tenant" in operation.security[0]]


def ask(services: ServicePair, operation: Operation, bearer: str | None, tenant: str | None, **ids: str):
    media_type, raw = FILES.get(str(operation), ("application/json", b""))
    if str(operation) in BODIES:
        raw = json.dumps(BODIES[str(operation)]).encode()
    headers = [] if bearer is None else [("Authorization", f"Bearer {bearer}")]
    headers += [] if tenant is None else [("X-Tenant-ID", tenant)]
    headers += [("Content-Type", media_type)] if raw else []
    target = operation.path.format(**(SHARED | ids))
    return send(port_of(services, operation.service), operation.method, target, headers, raw or None)


def figures(services: ServicePair, tenant: str) -> dict[str, bytes]:
    """Everything that one tenant reads of itself, but what depends on the moment."""
    bearer = token(services, tenant)
    paths = {
        "inventory": (
            "tenant",
            "products",
            "products/P-1",
            "stock-levels",
            "stock-movements",
            "locations",
            "reservations",
            "transfers",
            "stock-counts",
            "audit",
            "suppliers",
            "suppliers/S-1/items",
            "purchase-orders",
        ),
        "sales": (
            "orders/O-1",
            "summary?days=730",
            "products/top?days=730",
            "imports",
            "unresolved-lines",
            "forecast-overrides",
            "promotions",
            "calendar",
        ),
    }
    found = {}
    for service, parts in paths.items():
        for part in parts:
            headers = [("Authorization", f"Bearer {bearer}"), ("X-Tenant-ID", tenant)]
            answer = send(port_of(services, service), "GET", f"/api/{service}/{part}", headers)
            assert answer.status == 200, (part, answer)
            found[part] = answer.body
    return found


def test_every_write_of_both_documents_has_a_body_here():
    writes = {str(operation) for operation in OPERATIONS if operation.method in {"POST", "PATCH", "PUT"}}
    assert writes == BODIES.keys() | FILES.keys() | WITHOUT_BODY


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_without_a_good_token_it_is_401(services, operation):
    secret = (services.data_dir / "auth-secret").read_text().strip()
    expired = mint_token(secret, subject="ann", tenants=[ACME], scopes=SCOPES, ttl_seconds=-60)
    forged = mint_token("another-" * 8, subject="ann", tenants=[ACME], scopes=SCOPES, ttl_seconds=60)
    for bearer in (None, "nonsense", expired, forged):
        answer = ask(services, operation, bearer, ACME)
        problem_of(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_a_token_without_the_scope_is_403_and_nothing_is_written(services, operation):
    before = figures(services, ACME)
    for scopes in (frozenset({"unheard-of"}), frozenset(), SCOPES - operation.scopes):
        problem_of(ask(services, operation, token(services, ACME, scopes=scopes), ACME), 403)
    assert figures(services, ACME) == before


@pytest.mark.parametrize("operation", TENANT_BOUND, ids=str)
def test_another_tenants_token_is_403_and_nothing_is_written(services, operation):
    before = figures(services, ACME)
    problem_of(ask(services, operation, token(services, GLOBEX), ACME), 403)
    problem_of(ask(services, operation, token(services, GLOBEX), None), 403)
    problem_of(ask(services, operation, token(services), ACME), 403)
    assert figures(services, ACME) == before


@pytest.mark.parametrize("operation", [o for o in TENANT_BOUND if o.scopes == {"service"}], ids=str)
def test_a_service_only_route_refuses_a_persons_token(services, operation):
    problem_of(ask(services, operation, token(services, ACME, scopes=PERSON_SCOPES), ACME), 403)


@pytest.mark.parametrize("operation", [o for o in TENANT_BOUND if "service" not in o.scopes], ids=str)
def test_a_service_token_opens_no_route_that_is_not_for_services(services, operation):
    problem_of(ask(services, operation, token(services, ACME, scopes=frozenset({"service"})), ACME), 403)
    # Nor does it reach another tenant by a scope that it holds beside.
    both = frozenset({"service"}) | operation.scopes
    problem_of(ask(services, operation, token(services, scopes=both), ACME), 403)


@pytest.fixture(scope="session")
def of_acme_alone(services) -> dict[str, str]:
    """Ids that acme has and globex has not."""
    known = [("Authorization", f"Bearer {token(services, ACME)}"), ("X-Tenant-ID", ACME)]
    headers = [*known, ("Content-Type", "application/json")]
    posted = [
        ("inventory", "products", {"id": "only-acme", "name": "Only acme's"}),
        (
            "inventory",
            "suppliers",
            {"supplier_id": "only-acme", "name": "O", "lead_times": [{"days": 1, "probability": 1}]},
        ),
        (
            "inventory",
            "purchase-orders",
            {
                "order_id": "only-acme",
                "supplier_id": "only-acme",
                "lines": [{"product_id": "only-acme", "quantity": 1}],
            },
        ),
        (
            "inventory",
            "stock-movements",
            {"movements": [{"kind": "receipt", "product_id": "only-acme", "quantity": 1}]},
        ),
        (
            "sales",
            "orders",
            {
                "order_id": "only-acme",
                "ordered_at": "2026-01-31",
                "lines": [{**LINE, "product": "P-1", "unit_price": 1}],
            },
        ),
    ]
    for service, path, body in posted:
        raw = json.dumps(body).encode()
        answer = send(port_of(services, service), "POST", f"/api/{service}/{path}", headers, raw)
        assert answer.status == 201, answer
    imports = send(services.sales_port, "GET", "/api/sales/imports", known).json()["items"]
    found = {"import_id": imports[0]["import_id"]}
    tomorrow = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
    for path, key in (("forecast-overrides", "override_id"), ("promotions", "promotion_id")):
        raw = json.dumps(BODIES[f"POST /api/sales/{path}"] | {"first_day": tomorrow, "last_day": tomorrow}).encode()
        answer = send(services.sales_port, "POST", f"/api/sales/{path}", headers, raw)
        assert answer.status == 201, answer
        found[key] = answer.json()[key]
    return dict.fromkeys(SHARED, "only-acme") | found


@pytest.mark.parametrize("operation", [o for o in TENANT_BOUND if "{" in o.path], ids=str)
def test_another_tenants_id_is_404_as_if_there_were_none(services, of_acme_alone, operation):
    bearer = token(services, GLOBEX, scopes=SCOPES)
    before = figures(services, ACME), figures(services, GLOBEX)
    theirs = problem_of(ask(services, operation, bearer, GLOBEX, **of_acme_alone), 404)
    nobodys = problem_of(ask(services, operation, bearer, GLOBEX, **dict.fromkeys(SHARED, "nobodys")), 404)
    ids = set(of_acme_alone.values())
    # No oracle: the two answers differ in the id alone.
    for name in ids:
        theirs["detail"] = theirs["detail"].replace(name, "nobodys")
    assert theirs | {"request_id": ""} == nobodys | {"request_id": ""}
    assert (figures(services, ACME), figures(services, GLOBEX)) == before


def test_ids_in_a_body_name_nothing_of_another_tenant(services, of_acme_alone):
    bearer = token(services, GLOBEX, scopes=SCOPES)
    headers = [("Authorization", f"Bearer {bearer}"), ("X-Tenant-ID", GLOBEX), ("Content-Type", "application/json")]
    name = "only-acme"

    def post(service, path, body):
        return send(port_of(services, service), "POST", f"/api/{service}/{path}", headers, json.dumps(body).encode())

    for path in ("analytics/query", "forecasts/query"):
        answer = post("sales", path, {"product_ids": [name, "P-1"]}).json()
        assert answer["unknown"] == [name]
        assert [item["product_id"] for item in answer["items"]] == ["P-1"]
    asked = {"product_ids": [name], "start": "2026-01-01", "end": "2026-02-01"}
    assert post("inventory", "stock-availability/query", asked).json()["unknown"] == [name]
    movement = {"kind": "receipt", "product_id": name, "quantity": 1}
    problem_of(post("inventory", "stock-movements", {"movements": [movement]}), 422)
    problem_of(post("inventory", "suppliers/S-1/items", {"product_id": name}), 422)
    lines = [{"product_id": name, "quantity": 1}]
    problem_of(post("inventory", "purchase-orders", {"supplier_id": "S-1", "lines": lines}), 422)
    problem_of(post("inventory", "purchase-orders", {"supplier_id": name, "lines": lines}), 422)
    problem_of(post("inventory", "products", {"id": "other", "name": "Other", "supplier_id": name}), 422)
    problem_of(post("sales", "returns", {"order_id": name, "lines": [LINE]}), 404)
    event = {**BODIES["POST /api/inventory/sales-events"]["events"][0], "event_id": "isolation", "product_id": name}
    assert [
        entry["event_id"] for entry in post("inventory", "sales-events", {"events": [event]}).json()["rejected"]
    ] == ["isolation"]
    refs = {"tenant": {"tenant_id": ACME, "name": "x", "time_zone": "UTC", "currency": "EUR", "version": 99}}
    assert problem_of(post("sales", "product-refs", refs), 422)["errors"][0]["field"] == "tenant.tenant_id"


def test_the_same_ids_mean_each_tenants_own(services):
    acme, globex = figures(services, ACME), figures(services, GLOBEX)
    assert b"of globex" not in b"".join(acme.values())
    assert b"of acme" not in b"".join(globex.values())
    ours, theirs = (json.loads(found["orders/O-1"]) for found in (acme, globex))
    # Set up with one unit a line for acme, two for globex.
    assert (ours["quantity"], theirs["quantity"]) == (3, 6)


def test_an_idempotency_key_is_a_tenants_own(services):
    answers = []
    for tenant in TENANTS:
        headers = [
            ("Authorization", f"Bearer {token(services, *TENANTS)}"), ("X-Tenant-ID", tenant),
            ("Content-Type", "application/json"), ("Idempotency-Key", "one"),
        ]  # fmt: skip
        body = {"movements": [{"kind": "receipt", "product_id": "P-2", "quantity": 1, "reason": tenant}]}
        answers.append(
            send(services.inventory_port, "POST", "/api/inventory/stock-movements", headers, json.dumps(body).encode())
        )
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].json()["movement_ids"] != answers[1].json()["movement_ids"]


def test_a_tenant_that_nobody_set_up_is_403_and_says_so(services):
    bearer = token(services, "umbrella")
    for service, path in (("inventory", "products"), ("sales", "summary")):
        headers = [("Authorization", f"Bearer {bearer}"), ("X-Tenant-ID", "umbrella")]
        document = problem_of(send(port_of(services, service), "GET", f"/api/{service}/{path}", headers), 403)
        assert document["type"] == "urn:shelfwise:problem:tenant_not_set_up"


@pytest.mark.parametrize("service", ["inventory", "sales"])
def test_a_route_that_declares_no_need_does_not_exist(tmp_path, service):
    known: Any = {"_env_file": None, "DATA_DIR": tmp_path}
    app = create_inventory(Settings(**known)) if service == "inventory" else create_sales(SalesSettings(**known))
    for route in app.asgi.litestar.routes:
        assert isinstance(route, HTTPRoute), route
        for handler in route.route_handlers:
            # The framework's own declare nothing, and so answer nobody: see the next test.
            if handler.http_methods == {"OPTIONS"} or route.path.startswith("/schema/framework"):
                continue
            needs = handler.opt
            declared = [
                needs.get("public") is True,
                needs.get("ops") is True,
                bool({"scope", "service"} & needs.keys()),
            ]
            assert sum(declared) == 1, (route.path, needs)
            assert needs.get("scope", "service") in SCOPES, route.path
            if route.path.startswith("/api/"):
                assert declared[2], route.path
            elif needs.get("public"):
                assert route.path == "/" or route.path.startswith(("/health/", "/schema", "/docs")), route.path


@pytest.mark.parametrize("service", ["inventory", "sales"])
def test_a_route_of_the_frameworks_own_answers_nobody(services, service):
    bearer = token(services, ACME, scopes=SCOPES)
    headers = [("Authorization", f"Bearer {bearer}"), ("X-Tenant-ID", ACME)]
    port = port_of(services, service)
    for method, path in (
        ("GET", "/schema/framework"),
        ("GET", "/schema/framework/openapi.json"),
        ("OPTIONS", "/schema"),
    ):
        problem_of(send(port, method, path, headers), 403)
        problem_of(send(port, method, path), 401)
