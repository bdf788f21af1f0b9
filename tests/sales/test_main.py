"""The whole service over real HTTP: what is sold, what is told to Inventory, and what a caller may send."""

import ast
import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

import shelfwise.sales
from fixtures.sales import NOW, SECRET, catalogue, headers
from fixtures.servers import RunningServer, running
from shelfwise.contracts.events import SaleEvents
from shelfwise.platform.migrate import MigrationUrls, upgrade
from shelfwise.platform.outbox import Relay
from shelfwise.sales.config import SalesSettings
from shelfwise.sales.main import create_app
from shelfwise.sales.tables import MIGRATIONS

ORDER = {
    "order_id": "o1",
    "ordered_at": "2026-02-20T10:00:00Z",
    "lines": [
        {"line_no": 1, "product": "P1", "quantity": 5, "unit_price": 2.5},
        {"line_no": 2, "product": "SKU-P2", "quantity": 3, "unit_price": 1.1},
    ],
}

OVERRIDE = {
    "product_id": "P1",
    "first_day": "2026-03-01",
    "last_day": "2026-03-07",
    "factor": 1.5,
    "reason": "a fair in town",
}

PROMOTION = {"name": "spring", "product_id": "P1", "first_day": "2026-03-01", "last_day": "2026-03-07"}


class FakeInventory:
    """Takes events as Inventory does: an ASGI application that remembers what it was sent."""

    def __init__(self) -> None:
        self.events: list = []
        self.requests: list[dict] = []
        self.arrived = asyncio.Event()
        self.status = 200

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.requests.append({"path": scope["path"], **{k.decode(): v.decode() for k, v in scope["headers"]}})
        if self.status == 200:
            self.events += msgspec.json.decode(body, type=SaleEvents).events
        answer = json.dumps({"applied": 1, "duplicates": 0, "before_opening": 0, "rejected": []}).encode()
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [(b"content-length", str(len(answer)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": answer})
        self.arrived.set()

    async def has(self, count: int) -> list:
        async with asyncio.timeout(10):
            while len(self.events) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.events


class Caller:
    def __init__(self, server: RunningServer) -> None:
        self.server = server

    async def __call__(self, method, target, body=None, sent=None):
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = await self.server.raw(method, target, sent or headers(), raw)
        return answer.status, json.loads(answer.body) if answer.body else None


def _ticking():
    """NOW as it goes on: what waits for its next delivery must become due."""
    started = time.monotonic()
    return lambda: NOW + timedelta(seconds=time.monotonic() - started)


@asynccontextmanager
async def serving(folder: Path, inventory_url: str) -> AsyncIterator[Caller]:
    settings = SalesSettings(
        _env_file=None, DATA_DIR=folder, AUTH_SECRET=SECRET, INVENTORY_SERVICE_URL=inventory_url, OPS_PUBLIC=True
    )
    await upgrade(MIGRATIONS, MigrationUrls(settings.database_url))
    async with running(create_app(settings, clock=_ticking()).asgi) as server:
        call = Caller(server)
        refs = msgspec.json.encode(catalogue("P1", "P2"))
        assert (await call("POST", "/api/sales/product-refs", refs, headers("service", tenants=())))[0] == 200
        yield call


@pytest.fixture
async def call(tmp_path) -> AsyncIterator[Caller]:
    async with serving(tmp_path, "http://127.0.0.1:9") as caller:
        yield caller


async def test_a_sale_a_cancellation_and_a_return_reach_inventory_in_order_and_the_figures(tmp_path):
    inventory = FakeInventory()
    async with running(inventory) as peer, serving(tmp_path, peer.url) as call:
        assert (await call("POST", "/api/sales/orders", ORDER))[0] == 201
        await inventory.has(2)
        await call("POST", "/api/sales/orders/o1/cancel", {"lines": [{"line_no": 1, "quantity": 2}]})
        await call("POST", "/api/sales/returns", {"order_id": "o1", "lines": [{"line_no": 1, "quantity": 1}]})
        events = [event for event in await inventory.has(4) if event.product_id == "P1"]
        assert [(e.kind, e.quantity, e.sequence) for e in events] == [
            ("sale", 5, 1),
            ("cancellation", 2, 2),
            ("return", 1, 3),
        ]
        assert [e.business_date for e in events] == ["2026-02-20", "2026-03-01", "2026-03-01"]
        request = inventory.requests[0]
        assert request["path"] == "/api/inventory/sales-events"
        assert request["x-tenant-id"] == "t1"
        assert request["authorization"].startswith("Bearer ")
        assert len(request["idempotency-key"]) == 64
        _, figures = await call("GET", "/api/sales/products/P1/analytics?days=30")
    assert (figures["total_quantity_sold"], figures["total_revenue"]) == (3, 7.5)
    assert figures["period_end"] == "2026-02-28"


async def test_events_wait_while_inventory_refuses_and_arrive_when_it_takes_them(tmp_path):
    inventory = FakeInventory()
    inventory.status = 503
    async with running(inventory) as peer, serving(tmp_path, peer.url) as call:
        assert (await call("POST", "/api/sales/orders", ORDER))[0] == 201
        async with asyncio.timeout(10):
            await inventory.arrived.wait()
        assert (await call("GET", "/health"))[1]["components"]["outbox"]["detail"]["pending"] == 2
        inventory.status = 200
        assert len(await inventory.has(2)) == 2


async def test_the_same_order_again_gets_the_same_answer_and_another_payload_is_409(call):
    first = await call("POST", "/api/sales/orders", ORDER)
    assert first == (
        201,
        {
            "order_id": "o1",
            "business_date": "2026-02-20",
            "lines": 2,
            "unresolved_lines": 0,
            "quantity": 8,
            "revenue": 15.8,
            "currency": "EUR",
        },
    )
    assert await call("POST", "/api/sales/orders", ORDER) == first
    status, problem = await call("POST", "/api/sales/orders", {**ORDER, "ordered_at": "2026-02-21"})
    assert (status, problem["type"]) == (409, "urn:shelfwise:problem:order_exists")
    assert (await call("GET", "/api/sales/summary"))[1]["total_items_sold"] == 8


async def test_an_idempotency_key_belongs_to_one_payload(call):
    keyed = {**headers(), "Idempotency-Key": "k1"}
    body = {"lines": [{"line_no": 1, "quantity": 1}]}
    await call("POST", "/api/sales/orders", ORDER)
    first = await call("POST", "/api/sales/orders/o1/cancel", body, keyed)
    assert await call("POST", "/api/sales/orders/o1/cancel", body, keyed) == first
    assert first[1]["quantity"] == 7
    status, problem = await call("POST", "/api/sales/orders/o1/cancel", {}, keyed)
    assert (status, problem["type"]) == (409, "urn:shelfwise:problem:idempotency_key_reused")


async def test_cancelling_all_of_an_order_twice_changes_nothing_and_too_much_is_422(call):
    await call("POST", "/api/sales/orders", ORDER)
    status, problem = await call("POST", "/api/sales/orders/o1/returns", {"lines": [{"line_no": 1, "quantity": 6}]})
    assert (status, problem["errors"][0]["field"]) == (422, "lines[0]")
    for _ in range(2):
        status, order = await call("POST", "/api/sales/orders/o1/cancel", {})
        assert (status, order["status"], order["revenue"]) == (200, "cancelled", 0.0)
    _, summary = await call("GET", "/api/sales/summary")
    assert (summary["total_orders"], summary["average_order_value"]) == (0, None)


async def test_a_stream_of_orders_says_of_each_line_what_became_of_it(call):
    good = json.dumps({**ORDER, "order_id": "b1"})
    other = json.dumps({**ORDER, "order_id": "b1", "ordered_at": "2026-02-01"})
    unknown = json.dumps({**ORDER, "order_id": "b2", "lines": [{**ORDER["lines"][0], "product": "?"}]})
    stream = "\n".join([good, "{", good, other, unknown, json.dumps({**ORDER, "lines": []})]).encode() + b"\n\xff"
    ndjson = {**headers(), "Content-Type": "application/x-ndjson"}
    status, answer = await call("POST", "/api/sales/orders/bulk?history=true", stream, ndjson)
    assert status == 200
    assert [error["line"] for error in answer["errors"]] == [2, 4, 6, 7]
    counts = {name: answer[name] for name in ("received", "accepted", "duplicates", "rejected", "unresolved_lines")}
    assert counts == {"received": 7, "accepted": 2, "duplicates": 1, "rejected": 4, "unresolved_lines": 1}
    again = (await call("POST", "/api/sales/orders/bulk?history=true", stream, ndjson))[1]
    assert (again["accepted"], again["duplicates"]) == (0, 3)


async def test_a_file_may_come_as_the_body_or_in_a_form(call):
    csv = b"order_id,line_no,ordered_at,product,quantity,unit_price\nf1,1,2026-02-01,P1,1,1\n"
    status, view = await call("POST", "/api/sales/imports", csv, {**headers(), "Content-Type": "text/csv"})
    assert (status, view["imported"]) == (201, 1)
    form = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\n\r\n' + csv + b"\r\n--x--\r\n"
    multipart = {**headers(), "Content-Type": "multipart/form-data; boundary=x"}
    status, view = await call("POST", "/api/sales/imports?history=true", form, multipart)
    assert (status, view["duplicates"]) == (201, 1)
    assert (await call("GET", f"/api/sales/imports/{view['import_id']}"))[1] == view
    assert (await call("GET", "/api/sales/imports/nope"))[0] == 404


async def test_a_form_with_an_endless_boundary_is_malformed(call):
    multipart = {**headers(), "Content-Type": "multipart/form-data; boundary=" + "x" * 257}
    status, problem = await call("POST", "/api/sales/imports", b"--x", multipart)
    assert (status, problem["type"]) == (400, "urn:shelfwise:problem:malformed")


@pytest.mark.parametrize(
    ("path", "media_type", "text"),
    [
        ("imports", "text/csv", "order_id,line_no,ordered_at,product,quantity,unit_price\nf1,1,2026-02-01,P1,1,1"),
        ("orders/bulk", "application/x-ndjson", json.dumps(ORDER)),
    ],
)
async def test_an_upload_that_breaks_off_is_no_error_of_ours_and_books_no_cut_row(call, path, media_type, text):
    sent = {**headers(), "Content-Type": media_type, "Content-Length": "1000000"}
    head = f"POST /api/sales/{path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    # The end of the text would be a good row: only that the client went away says that it was cut.
    with capture_logs() as logs:
        _, writer = await asyncio.open_connection("127.0.0.1", call.server.port)
        writer.write(f"{head}\r\n{text}".encode())
        await writer.drain()
        await asyncio.sleep(0.3)
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(10):
            while not (ended := [log for log in logs if log["event"] in {"import.failed", "bulk.broken_off"}]):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
    assert [log["log_level"] for log in ended] == ["info"]
    assert [log for log in logs if log["log_level"] in {"warning", "error"} and "outbox" not in log["event"]] == []
    assert (await call("GET", "/api/sales/summary"))[1]["total_orders"] == 0
    imports = (await call("GET", "/api/sales/imports"))[1]["items"]
    assert [(item["status"], item["imported"]) for item in imports] == [("failed", 0)] * (path == "imports")


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("GET", "/api/sales/products/P1/analytics?days=0", None, 422),
        ("GET", "/api/sales/products/P1/analytics?days=-1", None, 422),
        ("GET", "/api/sales/products/P1/analytics?days=1000000000", None, 422),
        ("GET", "/api/sales/products/nope/analytics", None, 404),
        ("GET", "/api/sales/products/nope/forecast", None, 404),
        ("GET", "/api/sales/products/P1/forecast?forecast_days=181", None, 422),
        ("GET", "/api/sales/products/P1/forecast?service_level=nan", None, 422),
        ("GET", "/api/sales/products/P1/forecast?service_level=1", None, 422),
        ("GET", "/api/sales/products/%ff/analytics", None, 400),
        ("GET", "/api/sales/products/top?limit=101", None, 422),
        ("GET", "/api/sales/orders/nope", None, 404),
        ("POST", "/api/sales/orders", b"{", 400),
        ("POST", "/api/sales/orders", b'{"order_id": "\xff"}', 400),
        ("POST", "/api/sales/orders", b'{"order_id": NaN}', 400),
        ("POST", "/api/sales/orders", b" " * (11 * 1024 * 1024), 413),
        ("POST", "/api/sales/orders", {**ORDER, "order_id": "a/b"}, 422),
        ("POST", "/api/sales/orders", {**ORDER, "order_id": "a\x00b"}, 422),
        ("POST", "/api/sales/orders", {**ORDER, "ordered_at": "yesterday"}, 422),
        ("POST", "/api/sales/orders", {**ORDER, "lines": []}, 422),
        ("POST", "/api/sales/orders", {**ORDER, "lines": [ORDER["lines"][0]] * 2}, 422),
        ("POST", "/api/sales/orders", {**ORDER, "lines": [{**ORDER["lines"][0], "quantity": 0}]}, 422),
        ("POST", "/api/sales/orders", {**ORDER, "lines": [{**ORDER["lines"][0], "quantity": 1.5}]}, 422),
        ("POST", "/api/sales/orders", {**ORDER, "lines": [{**ORDER["lines"][0], "name": "a\x00"}]}, 422),
        ("POST", "/api/sales/orders", {**ORDER, "lines": [{**ORDER["lines"][0], "unit_price": 10**13}]}, 422),
        ("POST", "/api/sales/orders/nope/cancel", {}, 404),
        ("POST", "/api/sales/returns", {"order_id": "nope", "lines": [{"line_no": 1, "quantity": 1}]}, 404),
        ("POST", "/api/sales/orders/bulk", b"{}", 415),
        ("POST", "/api/sales/imports", b"{}", 415),
        ("POST", "/api/sales/analytics/query", {"product_ids": []}, 422),
        ("POST", "/api/sales/analytics/query", {"product_ids": ["x"] * 1001}, 422),
        ("POST", "/api/sales/forecasts/query", {"product_ids": ["x"], "total_days": [0]}, 422),
        ("POST", "/api/sales/product-refs", {}, 403),
        ("POST", "/api/sales/forecast-overrides", {**OVERRIDE, "product_id": "nope"}, 404),
        ("POST", "/api/sales/forecast-overrides", {**OVERRIDE, "factor": -1}, 422),
        ("POST", "/api/sales/forecast-overrides", {**OVERRIDE, "first_day": "soon"}, 422),
        ("POST", "/api/sales/forecast-overrides", {**OVERRIDE, "last_day": "2026-02-28"}, 422),
        ("GET", "/api/sales/forecast-overrides?from_day=soon", None, 422),
        ("DELETE", "/api/sales/forecast-overrides/nope", None, 404),
        ("POST", "/api/sales/promotions", {**PROMOTION, "product_id": "nope"}, 422),
        ("POST", "/api/sales/promotions", {**PROMOTION, "category": "c"}, 422),
        ("POST", "/api/sales/promotions", {**PROMOTION, "strength": 1.1}, 422),
        ("POST", "/api/sales/promotions", {**PROMOTION, "price": 0}, 422),
        ("GET", "/api/sales/promotions?cursor=x", None, 422),
        ("DELETE", "/api/sales/promotions/nope", None, 404),
        ("PUT", "/api/sales/calendar", {"entries": [{"day": "soon", "name": "x"}]}, 422),
        ("PUT", "/api/sales/calendar", {"entries": [{"day": "2026-03-01", "name": "x", "kind": "half"}]}, 422),
        ("PUT", "/api/sales/calendar", {"entries": [{"day": "2026-03-01", "name": "x"}] * 2}, 422),
        ("GET", "/api/sales/calendar?cursor=x", None, 422),
    ],
)
async def test_bad_input_is_answered_as_what_it_is_and_writes_nothing(call, method, target, body, status):
    found, problem = await call(method, target, body)
    assert found == status, problem
    assert problem["type"].startswith("urn:shelfwise:problem:")
    assert (await call("GET", "/api/sales/summary"))[1]["total_orders"] == 0


async def test_figures_are_for_readers_of_the_tenant_and_for_services(call):
    url = "/api/sales/summary"
    assert (await call("GET", url, None, headers("sales:read")))[0] == 200
    assert (await call("GET", url, None, headers("service", tenants=())))[0] == 200
    assert (await call("GET", url, None, headers("inventory:read")))[0] == 403
    assert (await call("GET", url, None, headers(tenant="t2")))[0] == 403
    status, problem = await call("GET", url, None, headers(tenant="t2", tenants=("t2",)))
    assert (status, problem["type"]) == (403, "urn:shelfwise:problem:tenant_not_set_up")
    assert (await call("POST", "/api/sales/orders", ORDER, headers("sales:read")))[0] == 403


async def test_a_forecast_without_history_is_wide_and_says_so(call):
    status, forecast = await call("GET", "/api/sales/products/P1/forecast?forecast_days=7")
    assert status == 200
    assert "No day of history yet" in forecast["notes"][0]
    assert forecast["confidence_level"] is None
    status, answer = await call(
        "POST", "/api/sales/forecasts/query", {"product_ids": ["P1", "x"], "total_days": [7, 90]}
    )
    assert [total["days"] for total in answer["items"][0]["totals"]] == [7, 90]
    assert answer["unknown"] == ["x"]


async def test_an_override_is_made_listed_and_withdrawn_over_http(call):
    once = {**headers(), "Idempotency-Key": "o-1"}
    status, made = await call("POST", "/api/sales/forecast-overrides", OVERRIDE, once)
    assert (status, made["created_by"], made["created_at"][:16]) == (201, "ann", "2026-03-01T12:00")
    assert await call("POST", "/api/sales/forecast-overrides", OVERRIDE, once) == (201, made)
    status, problem = await call("POST", "/api/sales/forecast-overrides", OVERRIDE)
    assert (status, problem["type"]) == (409, "urn:shelfwise:problem:overlapping_override")
    _, forecast = await call("GET", "/api/sales/products/P1/forecast?forecast_days=7")
    assert forecast["predicted_demand"] == pytest.approx(1.5 * forecast["statistical_demand"], abs=0.02)
    listed = await call("GET", "/api/sales/forecast-overrides?product_id=P1&from_day=2026-03-07")
    assert listed == (200, {"items": [made], "next": None})
    assert (await call("GET", "/api/sales/forecast-overrides?from_day=2026-03-08"))[1]["items"] == []
    assert (await call("DELETE", f"/api/sales/forecast-overrides/{made['override_id']}"))[0] == 200
    assert (await call("GET", "/api/sales/forecast-overrides"))[1]["items"] == []
    assert (await call("GET", "/api/sales/forecast-overrides/scores"))[1] == {"items": [], "next": None}


async def test_a_promotion_is_planned_once_listed_and_removed_over_http(call):
    once = {**headers(), "Idempotency-Key": "p-1"}
    body = {**PROMOTION, "strength": 0.5, "price": 1.99}
    status, made = await call("POST", "/api/sales/promotions", body, once)
    assert (status, made["strength"], made["price"], made["category"]) == (201, 0.5, 1.99, None)
    assert await call("POST", "/api/sales/promotions", body, once) == (201, made)
    assert await call("POST", "/api/sales/promotions", body) == (201, made)
    assert (await call("GET", "/api/sales/promotions"))[1] == {"items": [made], "next": None}
    assert (await call("GET", "/api/sales/promotions?from_day=2026-03-08"))[1]["items"] == []
    assert (await call("DELETE", f"/api/sales/promotions/{made['promotion_id']}"))[0] == 200
    assert (await call("GET", "/api/sales/promotions"))[1]["items"] == []


async def test_a_calendar_is_replaced_as_a_whole_and_read_over_http(call):
    body = {
        "entries": [{"day": "2026-03-02", "name": "fair"}, {"day": "2026-03-01", "name": "moving", "kind": "closed"}]
    }
    assert await call("PUT", "/api/sales/calendar", {"entries": [{"day": "2020-01-01", "name": "old"}]}) == (
        200,
        {"entries": 1},
    )
    once = {**headers(), "Idempotency-Key": "c-1"}
    assert await call("PUT", "/api/sales/calendar", body, once) == (200, {"entries": 2})
    assert await call("PUT", "/api/sales/calendar", body, once) == (200, {"entries": 2})
    items = [
        {"day": "2026-03-01", "name": "moving", "kind": "closed"},
        {"day": "2026-03-02", "name": "fair", "kind": "event"},
    ]
    _, first = await call("GET", "/api/sales/calendar?limit=1")
    assert first["items"] == items[:1]
    rest = await call("GET", f"/api/sales/calendar?limit=1&cursor={first['next']}")
    assert rest == (200, {"items": items[1:], "next": None})
    assert (await call("GET", "/api/sales/calendar?start=2026-03-02&end=2026-03-03"))[1]["items"] == items[1:]
    _, forecast = await call("GET", "/api/sales/products/P1/forecast?forecast_days=7")
    assert [day["mean"] > 0 for day in forecast["daily"]] == [False, *[True] * 6]


async def test_every_route_documents_its_problems(call):
    _, schema = await call("GET", "/schema", None, {"Host": "localhost"})
    for path, methods in schema["paths"].items():
        if path.startswith("/api/"):
            for method, operation in methods.items():
                assert {"400", "401", "403", "503"} <= set(operation["responses"]), (method, path)


async def test_the_relay_ends_by_itself_when_the_application_stops(tmp_path, monkeypatch):
    ends = []
    run = Relay.run

    async def watched(relay):
        try:
            await run(relay)
            ends.append("stopped")
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    monkeypatch.setattr(Relay, "run", watched)
    async with serving(tmp_path, "http://127.0.0.1:9"):
        pass
    assert ends == ["stopped"]


def test_only_the_composition_root_and_the_relays_task_know_the_way_to_inventory():
    """No request handler of Sales calls Inventory: nothing that a route reaches imports the client."""
    folder = Path(next(iter(shelfwise.sales.__path__)))
    users = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(
                name
                in {
                    "shelfwise.http",
                    "shelfwise.sales.peers",
                    "httpx2",
                    "shelfwise.sales.orders.tasks",
                    "shelfwise.sales.stock_history.tasks",
                }
                or name.startswith("shelfwise.http.")
                for name in names
            ):
                users.add(path.relative_to(folder).as_posix())
    assert users == {"main.py", "peers.py"}


async def test_no_route_waits_for_inventory(tmp_path):
    """Every route answers while nothing listens where Inventory should be."""
    inventory = FakeInventory()
    async with running(inventory) as peer, serving(tmp_path, peer.url) as call:
        for target in (
            "/api/sales/summary",
            "/api/sales/products/top",
            "/api/sales/products/P1/analytics",
            "/api/sales/products/P1/forecast",
            "/api/sales/unresolved-lines",
            "/api/sales/imports",
        ):
            assert (await call("GET", target))[0] == 200
        for target, status in (("analytics/query", 200), ("forecasts/query", 200), ("forecasts/refresh", 409)):
            assert (await call("POST", f"/api/sales/{target}", {"product_ids": ["P1"]}))[0] == status
    assert inventory.requests == []
