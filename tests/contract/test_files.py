"""Files and streams over HTTP: good rows are taken, bad ones listed with their line and why."""

import json
from datetime import date, timedelta

import pytest

from fixtures.contract import REFUSED, all_powerful, problem_of, send
from fixtures.pairs import ServicePair

HEADER = "order_id,line_no,ordered_at,product,quantity,unit_price"
FIRST = date(2024, 1, 1)


@pytest.fixture
def known(services: ServicePair) -> list[tuple[str, str]]:
    return list(all_powerful(services, REFUSED).items())


def test_three_bad_rows_in_ten_thousand_leave_9997_and_are_listed(services, known):
    rows = [f"C-{n},1,{FIRST + timedelta(days=n % 365)},P-{1 + n % 2},{1 + n % 5},2.5" for n in range(10_000)]
    rows[16] = rows[16].replace(",2.5", ",NaN")
    rows[4999] = rows[4999].replace(f"{FIRST + timedelta(days=4999 % 365)}", "the day before")
    rows[9999] = "C-9999,1,2024-01-01"
    raw = "\n".join([HEADER, *rows, ""]).encode()
    port, headers = services.sales_port, [*known, ("Content-Type", "text/csv")]
    answer = send(port, "POST", "/api/sales/imports?history=true", headers, raw)
    assert answer.status == 201, answer
    view = answer.json()
    counts = {name: view[name] for name in ("status", "rows", "imported", "duplicates", "unresolved", "errors")}
    assert counts == {
        "status": "finished", "rows": 10_000, "imported": 9_997, "duplicates": 0, "unresolved": 0, "errors": 3,
    }  # fmt: skip
    errors = view["row_errors"]["items"]
    # The header is line 1.
    assert [error["line"] for error in errors] == [18, 5001, 10_001]
    assert all(error["reason"] for error in errors)
    assert "unit_price" in errors[0]["reason"]
    assert "the day before" in errors[1]["reason"]
    assert send(port, "GET", f"/api/sales/imports/{view['import_id']}", known).json() == view
    assert [send(port, "GET", f"/api/sales/orders/C-{n}", known).status for n in (15, 16, 4999, 9998, 9999)] == [
        200, 404, 404, 200, 404,
    ]  # fmt: skip
    again = send(port, "POST", "/api/sales/imports?history=true", headers, raw).json()
    assert (again["imported"], again["duplicates"], again["errors"]) == (0, 9_997, 3)


def test_a_catalogue_file_takes_what_can_be_and_lists_the_rest(services, known):
    rows = [f"F-{n},Product {n},{n}.5" for n in range(200)]
    rows[3], rows[150], rows[199] = "F/3,Slash,1", "F-150,,1", "F-199,\x00,1"
    raw = "\n".join(["product_id,name,unit_cost", *rows]).encode() + b"\nF-\xff,Bytes,1\n"
    headers = [*known, ("Content-Type", "text/csv")]
    answer = send(services.inventory_port, "POST", "/api/inventory/products/import", headers, raw)
    assert answer.status == 200, answer
    found = answer.json()
    assert (found["created"], found["error_count"]) == (197, 4)
    assert [error["line"] for error in found["errors"]] == [5, 152, 201, 202]


ORDER = (
    b'{"order_id": "N-x", "ordered_at": "2026-01-31", '
    b'"lines": [{"line_no": 1, "product": "P-1", "quantity": 1, "unit_price": 1}]}'
)
BAD_LINES = [
    b"{",
    b"[]",
    b"null",
    b"\xff",
    b'"\\ud800"',
    b"NaN",
    b'{"order_id": "N-x"}',
    b"[" * 5000,
    b'{"a":' * 5000,
    ORDER.replace(b"N-x", b"N\\u0000"),
    ORDER.replace(b"2026-01-31", b"0001-01-01T00:00:00+14:00"),
    ORDER.replace(b'"unit_price": 1', b'"unit_price": 1e999'),
    ORDER.replace(b'"line_no": 1', b'"line_no": 99999999999999999999'),
]


def test_a_stream_takes_the_good_orders_between_bad_lines(services, known):
    line = {"line_no": 1, "product": "P-1", "quantity": 1, "unit_price": 1}
    good = [
        json.dumps({"order_id": f"N-{n}", "ordered_at": "2026-01-31", "lines": [line]}).encode()
        for n in range(len(BAD_LINES))
    ]
    raw = b"\n".join(part for pair in zip(good, BAD_LINES, strict=True) for part in pair)
    headers = [*known, ("Content-Type", "application/x-ndjson")]
    answer = send(services.sales_port, "POST", "/api/sales/orders/bulk?history=true", headers, raw)
    assert answer.status == 200, answer
    found = answer.json()
    assert (found["accepted"], found["rejected"]) == (len(BAD_LINES), len(BAD_LINES))
    assert [error["line"] for error in found["errors"]] == [2 * n + 2 for n in range(len(BAD_LINES))]
    assert send(services.sales_port, "GET", "/api/sales/orders/N-x", known).status == 404


@pytest.mark.parametrize(
    ("path", "media_type", "raw", "status"),
    [
        ("/api/sales/imports", "text/csv", b"", 422),
        ("/api/sales/imports", "text/csv", b"\xff\xfe\x00", 422),
        ("/api/sales/imports", "text/csv", b"order_id,quantity\nx,1\n", 422),
        ("/api/sales/imports", "text/csv", b"x" * 2_000_000, 422),
        ("/api/sales/imports", "multipart/form-data", b"--x--", 400),
        ("/api/sales/imports", "multipart/form-data; boundary=x", b"no form", 400),
        ("/api/sales/imports", "multipart/form-data; boundary=x", b"--x--\r\n", 422),
        ("/api/sales/imports", "application/json", b"{}", 415),
        ("/api/sales/imports?history=perhaps", "text/csv", b"", 422),
        ("/api/sales/orders/bulk", "application/json", b"{}", 415),
    ],
)
def test_a_file_that_is_none_is_a_problem_document(services, known, path, media_type, raw, status):
    answer = send(services.sales_port, "POST", path, [*known, ("Content-Type", media_type)], raw)
    problem_of(answer, status)
