"""What may be wrong around a body: paths, queries, headers, sizes and encodings. The bodies are in test_bad_input."""

import json

import pytest

from fixtures.contract import REFUSED, all_powerful, port_of, problem_of, send
from fixtures.pairs import ServicePair

MIB = 1024 * 1024
PRODUCT = b'{"id": "never", "name": "Never"}'
ORDER = json.dumps(
    {
        "order_id": "never",
        "ordered_at": "2026-01-31",
        "lines": [{"line_no": 1, "product": "P-1", "quantity": 1, "unit_price": 1}],
    }
).encode()
WRITES = [("inventory", "/api/inventory/products", PRODUCT), ("sales", "/api/sales/orders", ORDER)]
DAYS = [
    ("inventory", "/api/inventory/products/P-1/with-sales-data", "days"),
    ("inventory", "/api/inventory/products/P-1/demand-forecast", "forecast_days"),
    ("inventory", "/api/inventory/dashboard", "days"),
    ("inventory", "/api/inventory/products", "limit"),
    ("sales", "/api/sales/products/P-1/analytics", "days"),
    ("sales", "/api/sales/products/P-1/forecast", "forecast_days"),
    ("sales", "/api/sales/products/P-1/forecast", "service_level"),
    ("sales", "/api/sales/products/top", "limit"),
    ("sales", "/api/sales/summary", "days"),
]
PRODUCT_ROUTES = [
    ("inventory", "/api/inventory/products/{}"),
    ("inventory", "/api/inventory/products/{}/with-sales-data"),
    ("inventory", "/api/inventory/products/{}/demand-forecast"),
    ("inventory", "/api/inventory/products/{}/reorder-recommendation"),
    ("inventory", "/api/inventory/products/{}/movements"),
    ("inventory", "/api/inventory/suppliers/{}"),
    ("inventory", "/api/inventory/suppliers/{}/items"),
    ("inventory", "/api/inventory/purchase-orders/{}"),
    ("sales", "/api/sales/products/{}/analytics"),
    ("sales", "/api/sales/products/{}/forecast"),
    ("sales", "/api/sales/orders/{}"),
    ("sales", "/api/sales/imports/{}"),
]


@pytest.fixture
def known(services: ServicePair) -> list[tuple[str, str]]:
    return list(all_powerful(services, REFUSED).items())


@pytest.fixture(params=WRITES, ids=lambda write: write[0])
def write(request, services, known):
    """Posts a good body in a bad request; afterwards what it names must not exist."""
    service, path, body = request.param

    def post(headers=(("Content-Type", "application/json"),), raw=body, target=path, own=None):
        return send(port_of(services, service), "POST", target, [*(known if own is None else own), *headers], raw)

    yield post
    assert send(port_of(services, service), "GET", f"{path}/never", known).status == 404


@pytest.mark.parametrize(("service", "path", "name"), DAYS)
@pytest.mark.parametrize(
    "value", ["0", "-1", "1000000000", "1" + "0" * 40, "1.5", "nan", "inf", "x", "", "%00", "%F0%9F%92%A9"]
)
def test_a_number_in_a_query_outside_its_range_is_named(services, known, service, path, name, value):
    answer = send(port_of(services, service), "GET", f"{path}?{name}={value}", known)
    if value == "%00":
        problem_of(answer, 400)
        return
    assert [error["field"] for error in problem_of(answer, 422)["errors"]] == [name]


@pytest.mark.parametrize(("service", "path"), PRODUCT_ROUTES)
@pytest.mark.parametrize(
    "name", ["unknown", "x" * 8000, "%E2%80%AE", "'%20OR%201=1%20--", "%25", "..%5C..", "%F0%9F%92%A9"]
)
def test_what_does_not_exist_is_404(services, known, service, path, name):
    problem_of(send(port_of(services, service), "GET", path.format(name), known), 404)


@pytest.mark.parametrize(("service", "path"), PRODUCT_ROUTES)
@pytest.mark.parametrize("name", [b"%ff", b"\xff", b"%c3%28", b"%00", b"%ed%a0%80", b"%zz"])
def test_a_path_or_query_that_is_not_utf8_is_400(services, known, service, path, name):
    port = port_of(services, service)
    target = path.encode().replace(b"{}", name)
    answer = send(port, "GET", target, known)
    assert answer.status == 400
    if name != b"\xff":  # which the server itself refuses, before any application
        problem_of(answer, 400)
        problem_of(send(port, "GET", path.format("P-1").encode() + b"?search=" + name, known), 400)


@pytest.mark.parametrize("name", ["Authorization", "X-Tenant-ID", "Idempotency-Key", "Content-Type"])
def test_a_header_sent_twice_is_400(write, known, name):
    value = dict(known).get(name, "application/json")
    problem_of(write([("Content-Type", "application/json"), (name, value), (name, value)]), 400)
    problem_of(write([("Content-Type", "application/json"), (name, value), (name.lower(), "another")]), 400)


def test_no_tenant_is_403_and_one_that_cannot_be_is_422(write, known):
    own = [("Authorization", dict(known)["Authorization"])]
    problem_of(write(own=own), 403)
    for tenant in ("", "a b", "../x", "x" * 65, "-a"):
        document = problem_of(write([("Content-Type", "application/json"), ("X-Tenant-ID", tenant)], own=own), 422)
        assert document["errors"][0]["field"] == "X-Tenant-ID"


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x", ""]
)
def test_another_media_type_is_415(write, media_type):
    problem_of(write([("Content-Type", media_type)]), 415)


@pytest.mark.parametrize(
    "raw",
    [
        b"{", b"nothing", b"{'id': 1}", b'{"id": "never",}', b'{"id": "never"} x', b'{"id": "\xff"}', b"\xff\xfe{\x00}\x00",
        b'{"id": "\\ud800"}', b'{"id": "\x00"}', b'{"id": "\n"}', b'{"order_id": NaN}', b"[" * 200_000,
        b'{"id":' * 200_000, b"\x1f\x8b\x08\x00",
    ],
)  # fmt: skip
def test_what_is_not_json_or_no_object_is_a_problem_document(write, raw):
    problem_of(write(raw=raw), 400, 422)


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b'"x"', b"1", b"{}", b'[{"id": "never"}]'])
def test_json_that_is_not_the_message_is_422(write, raw):
    assert problem_of(write(raw=raw), 422)["errors"]


@pytest.mark.parametrize("size", [10 * MIB + 1, 11 * MIB])
def test_a_body_over_ten_mebibytes_is_413(write, size):
    problem_of(write(raw=b'{"id": "never", "name": "' + b"x" * size + b'"}'), 413)


def test_a_body_over_the_limit_that_says_no_length_is_413(services, known):
    chunk = b"%x\r\n" % MIB + b" " * MIB + b"\r\n"
    headers = [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")]
    answer = send(
        services.inventory_port,
        "POST",
        "/api/inventory/products",
        [*known, *headers],
        None,
        stream=chunk * 11 + b"0\r\n\r\n",
    )
    problem_of(answer, 413)


@pytest.mark.parametrize("key", ["", "x" * 256, "x" * 8000])
def test_an_idempotency_key_that_cannot_be_is_422(services, known, key):
    headers = [*known, ("Content-Type", "application/json"), ("Idempotency-Key", key)]
    body = b'{"movements": [{"kind": "receipt", "product_id": "P-1", "quantity": 1, "event_id": "never"}]}'
    for service, path, raw in (
        ("sales", "/api/sales/orders", ORDER),
        ("inventory", "/api/inventory/stock-movements", body),
    ):
        document = problem_of(send(port_of(services, service), "POST", path, headers, raw), 422)
        assert document["errors"][0]["field"] == "Idempotency-Key"
    assert send(services.sales_port, "GET", "/api/sales/orders/never", known).status == 404


def test_an_order_whose_lines_come_to_more_than_can_be_kept_is_refused(services, known):
    lines = [{"line_no": n, "product": "P-1", "quantity": 1, "unit_price": 1e12} for n in range(1, 1001)]
    body = json.dumps({"order_id": "never", "ordered_at": "2026-01-31", "lines": lines}).encode()
    answer = send(
        services.sales_port, "POST", "/api/sales/orders", [*known, ("Content-Type", "application/json")], body
    )
    assert problem_of(answer, 422)["errors"][0]["field"] == "lines"
    movement = {"kind": "receipt", "product_id": "P-1", "quantity": 10**9, "unit_cost": 10**12}
    body = json.dumps({"movements": [movement]}).encode()
    headers = [*known, ("Content-Type", "application/json")]
    answer = send(services.inventory_port, "POST", "/api/inventory/stock-movements", headers, body)
    assert problem_of(answer, 422)["errors"][0]["field"] == "movements[0].unit_cost"
