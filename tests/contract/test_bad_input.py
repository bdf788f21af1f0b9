"""What may be wrong with a request, over real sockets: always a problem document, never a 500, nothing half-written."""

import itertools
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from fixtures.contract import FUZZED, REFUSED, Raw, all_powerful, port_of, problem_of, send
from fixtures.pairs import ServicePair, wait_until
from fixtures.sizes import STATED

COUNTER = itertools.count()
LONG = '"' + "x" * 100_000 + '"'
DEEP = "[" * 5000 + "]" * 5000
#: JSON texts that no scalar field may be.
BAD_FOR_ALL = ["NaN", "-Infinity", r'"\ud800"', r'"a\u0000b"', "{}", "[1]", DEEP, LONG]
BAD_FOR = {
    str: ["5", "true", "1e999"],
    int: ['"5"', '"x"', "1.5", "true", "-1", "1e999", "9223372036854775808", "-9223372036854775809", "1" + "0" * 40],
    float: ['"x"', "true", "-1", "1e999", "1" + "0" * 40],
    bool: ["0", '"true"', "null"],
}
#: JSON texts that a field may be or not; accepted, they must not break what is asked afterwards.
DOUBTFUL = {
    str: [
        "null", '""', '"."', '"../x"', '"\u202e"', '"\\u007f"', '"é"', '"2026-01-31T10:00:00"', '"2024-02-30"',
        '"0001-01-01"', '"9999-12-31"', '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"',
        '"1970-01-02T00:00:00Z"', '"2199-12-31T00:00:00Z"',
    ],
    int: ["null", "0", "1000000000", "2147483647", "2147483648", "9007199254740993", "9223372036854775807"],
    float: ["null", "0", "1e12", "1e-999", "999999999999.9999", '"1"', '"NaN"', '"sNaN"', '"1e999"'],
    bool: ["true", "false"],
}  # fmt: skip


class Route(NamedTuple):
    service: str
    method: str
    path: str
    body: dict[str, Any]
    #: Paths of the body that stay as they are: a good entry before the one that is spoiled.
    kept: tuple[str, ...] = ()


LINE = {"line_no": 1, "product": "P-1", "quantity": 2, "unit_price": 2.5}
MOVEMENT = {"kind": "receipt", "product_id": "P-1", "quantity": 5, "event_id": "good-@", "line_no": 1}
EVENT = {
    "event_id": "good-@", "kind": "sale", "order_id": "E-@", "line_no": 1, "product_id": "P-1", "quantity": 1,
    "occurred_at": "2026-01-31T10:00:00Z", "business_date": "2026-01-31", "sequence": 1,
}  # fmt: skip
REF = {"product_id": "good-@", "sku": "good-@", "name": "Good", "version": 1}
ROUTES = [
    Route(
        "inventory", "POST", "/api/inventory/products",
        {
            "id": "new-@", "name": "New", "sku": "sku-@", "category": "Seats", "barcodes": ["4@"], "aliases": ["A@"],
            "price": 2.5, "unit_cost": 1.25, "pack_size": 5, "moq": 10, "supplier_id": "S-1", "status": "active",
        },
    ),
    Route(
        "inventory", "PATCH", "/api/inventory/products/P-2",
        {
            "name": "Changed", "sku": "SKU-1", "category": "Seats", "barcodes": ["401"], "aliases": ["A"], "price": 2.5,
            "unit_cost": 1.25, "pack_size": 5, "moq": 10, "supplier_id": "S-1", "status": "active",
        },
    ),
    Route(
        "inventory", "POST", "/api/inventory/stock-movements",
        {
            "movements": [
                MOVEMENT,
                {
                    "kind": "adjustment", "product_id": "P-2", "quantity": 3, "location_id": "main", "direction": "in",
                    "occurred_at": "2026-01-31T10:00:00Z", "unit_cost": 1.25, "reference": "R", "reason": "found",
                    "event_id": "bad-@", "line_no": 1,
                },
            ]
        },
        ("movements[0]",),
    ),
    Route(
        "inventory", "POST", "/api/inventory/suppliers",
        {
            "supplier_id": "new-@", "name": "New @", "order_weekdays": [0], "min_order_value": 10.5,
            "lead_times": [{"days": 5, "probability": 1.0}],
        },
    ),
    Route(
        "inventory", "PATCH", "/api/inventory/suppliers/S-1",
        {
            "name": "Changed", "order_weekdays": [0], "min_order_value": 10.5,
            "lead_times": [{"days": 5, "probability": 1.0}],
        },
    ),
    Route(
        "inventory", "POST", "/api/inventory/suppliers/S-1/items",
        {"product_id": "P-1", "unit_cost": 1.5, "moq": 10, "pack_size": 5},
    ),
    Route(
        "inventory", "POST", "/api/inventory/purchase-orders",
        {
            "order_id": "new-@", "supplier_id": "S-1", "status": "submitted", "ordered_on": "2026-01-31",
            "expected_on": "2026-02-07",
            "lines": [
                {"product_id": "P-1", "quantity": 1, "unit_cost": 1.5},
                {"product_id": "P-2", "quantity": 2, "unit_cost": 1.5},
            ],
        },
        ("lines[0]",),
    ),
    Route(
        "inventory", "PATCH", "/api/inventory/tenant",
        {
            "name": "Changed", "time_zone": "UTC", "service_level": 0.95, "review_period_days": 1, "cover_days": 30,
            "default_lead_time_days": 7, "default_location_id": "main", "business_date": "2026-02-01",
        },
    ),
    Route(
        "inventory", "POST", "/api/inventory/sales-events",
        {"events": [EVENT, {**EVENT, "event_id": "bad-@", "location_id": "main", "resellable": True}]},
        # What occurred when nobody can tell is rejected event by event, and blocks no other.
        ("events[0]", "events[1].occurred_at"),
    ),
    Route(
        "inventory", "POST", "/api/inventory/stock-availability/query",
        {"product_ids": ["P-1", "P-2"], "start": "2026-01-01", "end": "2026-02-01", "location_id": "main"},
    ),
    Route(
        "sales", "POST", "/api/sales/orders",
        {
            "order_id": "new-@", "ordered_at": "2026-01-31T10:00:00Z", "location_id": "main",
            "lines": [LINE, {**LINE, "line_no": 2, "name": "Chair", "location_id": "main"}],
        },
        ("lines[0]",),
    ),
    Route(
        "sales", "POST", "/api/sales/orders/O-1/cancel",
        {
            "lines": [{"line_no": 1, "quantity": 1}, {"line_no": 2, "quantity": 1}],
            "cancelled_at": "2026-01-31T10:00:00Z",
        },
        ("lines[0]",),
    ),
    Route(
        "sales", "POST", "/api/sales/orders/O-1/returns",
        {
            "lines": [
                {"line_no": 1, "quantity": 1}, {"line_no": 2, "quantity": 1, "unit_price": 2.5, "resellable": True},
            ],
            "returned_at": "2026-01-31T10:00:00Z",
        },
        ("lines[0]",),
    ),
    Route(
        "sales", "POST", "/api/sales/returns",
        {"order_id": "O-1", "lines": [{"line_no": 1, "quantity": 1}], "returned_at": "2026-01-31T10:00:00Z"},
    ),
    Route(
        "sales", "POST", "/api/sales/product-refs",
        {
            "tenant": {
                "tenant_id": "$", "name": "Changed", "time_zone": "UTC", "currency": "EUR", "version": 1,
                "business_date": "2026-02-01", "simulated": False,
            },
            "products": [
                REF,
                {
                    "product_id": "bad-@", "sku": "bad-@", "name": "Bad", "version": 1, "category": "Seats",
                    "status": "active", "barcodes": ["5@"], "aliases": ["B@"],
                },
            ],
        },
        ("products[0]",),
    ),
    Route("sales", "POST", "/api/sales/analytics/query", {"product_ids": ["P-1", "P-2"], "days": 30}),
    Route(
        "sales", "POST", "/api/sales/forecasts/query",
        {"product_ids": ["P-1"], "forecast_days": 30, "service_level": 0.95, "detail": True, "total_days": [7, 30]},
    ),
]  # fmt: skip
READS = {
    "inventory": (
        "/tenant", "/products?limit=100", "/stock-levels?limit=100", "/stock-movements?limit=100", "/suppliers",
        "/suppliers/S-1/items", "/purchase-orders", "/recommendations", "/dashboard", "/products/P-1/with-sales-data",
        "/products/P-1/demand-forecast", "/products/P-1/reorder-recommendation", "/products/P-1/movements",
    ),
    "sales": (
        "/summary?days=730", "/products/top?days=730", "/products/P-1/analytics?days=730", "/products/P-1/forecast",
        "/orders/O-1", "/imports", "/unresolved-lines",
    ),
}  # fmt: skip
#: What a refused request must leave as it is; figures of a moment (a forecast's ``as_of``) are not among them.
KEPT = {
    "inventory": READS["inventory"][:6],
    "sales": ("/summary?days=730", "/products/P-1/analytics?days=730", "/orders/O-1", "/imports", "/unresolved-lines"),
}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar of a body with its path as problem documents write it."""
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from leaves(entry, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from leaves(entry, f"{path}[{index}]")
    else:
        yield path, value


def spoiled(value: Any, target: str, literal: str, path: str = "") -> str:
    """The body's JSON with the scalar at ``target`` replaced by a JSON text."""
    if isinstance(value, dict):
        parts = (
            f"{json.dumps(name)}: {spoiled(entry, target, literal, f'{path}.{name}' if path else name)}"
            for name, entry in value.items()
        )
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(spoiled(v, target, literal, f"{path}[{i}]") for i, v in enumerate(value)) + "]"
    return literal if path == target else json.dumps(value)


def ask(services: ServicePair, tenant: str, route: Route, text: str) -> Raw:
    """Sends a body; '@' in it becomes a number that was never used, '$' the tenant."""
    raw = text.replace("@", str(next(COUNTER))).replace('"$"', json.dumps(tenant)).encode("utf-8", "surrogatepass")
    headers = [*all_powerful(services, tenant).items(), ("Content-Type", "application/json")]
    return send(port_of(services, route.service), route.method, route.path, headers, raw)


def read(services: ServicePair, tenant: str, service: str, paths: tuple[str, ...]) -> dict[str, Raw]:
    headers = list(all_powerful(services, tenant).items())
    return {path: send(port_of(services, service), "GET", f"/api/{service}{path}", headers) for path in paths}


def bodies(services: ServicePair, tenant: str, service: str) -> dict[str, bytes]:
    answers = read(services, tenant, service, KEPT[service])
    assert {path: answer.status for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    return {path: answer.body for path, answer in answers.items()}


@pytest.fixture(params=ROUTES, ids=lambda route: f"{route.method} {route.path}")
def route(request: pytest.FixtureRequest) -> Route:
    return request.param


def test_a_field_that_cannot_be_is_refused_by_name_and_nothing_is_written(services, route):
    before = bodies(services, REFUSED, route.service)
    for path, value in leaves(route.body):
        if path.startswith(route.kept) and route.kept:
            continue
        for literal in BAD_FOR_ALL + BAD_FOR[type(value)]:
            answer = ask(services, REFUSED, route, spoiled(route.body, path, literal))
            document = problem_of(answer, 400, 422)
            if answer.status == 422:
                named = [error["field"] for error in document["errors"]]
                assert any(path.startswith(name) or name.startswith(path) for name in named), (
                    path,
                    literal[:60],
                    document,
                )
    assert bodies(services, REFUSED, route.service) == before


@pytest.mark.long
def test_a_field_at_the_edge_of_what_may_be_breaks_nothing_afterwards(services, route):
    # Everything is reckoned by the tenant's settings; of other fields each tries a third, another than the one before.
    every = STATED or route.path.endswith("/tenant")
    for number, (path, value) in enumerate(leaves(route.body)):
        for literal in DOUBTFUL[type(value)] if every else DOUBTFUL[type(value)][number % 3 :: 3]:
            answer = ask(services, FUZZED, route, spoiled(route.body, path, literal))
            if answer.status >= 300:
                problem_of(answer, 400, 404, 409, 422)
            elif route.path.endswith("/tenant"):
                # The next one would cover it.
                _still_reads(services, route.service, (path, literal))
        if route.method == "PATCH":
            _still_reads(services, route.service, path)
    _still_reads(services, route.service, route)
    answer = ask(services, FUZZED, route, json.dumps(route.body))
    assert answer.status < 500, answer


def _still_reads(services: ServicePair, service: str, note: object) -> None:
    for url, found in read(services, FUZZED, service, READS[service]).items():
        assert found.status == 200, (note, url, found)


@pytest.mark.parametrize("service", ["inventory", "sales"])
def test_what_one_service_took_the_other_takes(services, service):
    """Were one of them stricter, its outbox would offer the same message for ever."""

    def pending() -> int:
        headers = list(all_powerful(services, FUZZED).items())
        health = send(port_of(services, service), "GET", "/health", headers).json()
        return health["components"]["outbox"]["detail"]["pending"]

    wait_until(lambda: pending() == 0, 30, f"the outbox of {service} to be empty", services.log(service))
