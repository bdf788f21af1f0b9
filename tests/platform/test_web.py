"""The edge and the error handler, over a real socket."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
import pytest
from litestar import Litestar, Request, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from prometheus_client import CollectorRegistry

from fixtures.servers import running
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.auth import TokenRules, TokenVerifier, mint_token
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.health import Component, Readiness, health_router
from shelfwise.platform.settings import PlatformSettings
from shelfwise.platform.telemetry import HttpMetrics
from shelfwise.platform.web import create_application

SECRET = "0123456789abcdef0123456789abcdef"
TOKEN = mint_token(SECRET, subject="ann", tenants=["t1"], scopes=frozenset({"sales:read"}), ttl_seconds=3600)
HEADERS = {"Authorization": f"Bearer {TOKEN}", "X-Tenant-ID": "t1", "Host": "localhost"}


class Body(msgspec.Struct, forbid_unknown_fields=True):
    quantity: Annotated[int, msgspec.Meta(ge=1)]
    price: float


@get("/api/things/{thing_id:str}", opt={"scope": "sales:read"}, responses=problem_responses(404, 422))
async def read_thing(
    request: Request, thing_id: FromPath[str], days: Annotated[int, QueryParameter(ge=1, le=730)] = 30
) -> dict[str, str | int]:
    return {"id": thing_id, "days": days, "tenant": tenant_of(request)}


@post("/api/things", opt={"scope": "sales:read"}, responses=problem_responses(422))
async def write_thing(data: JSONBody[Body]) -> dict[str, int]:
    return {"quantity": data.quantity}


@get("/api/undeclared")
async def undeclared() -> None:
    return None


@get("/api/broken", opt={"scope": "sales:read"})
async def broken() -> None:
    raise RuntimeError("secret inside")


@pytest.fixture
async def call() -> AsyncIterator:
    registry = CollectorRegistry()

    async def fine() -> Component:
        return Component(status="ok")

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        yield

    settings = PlatformSettings(MAX_BODY_BYTES=2048)
    app = create_application(
        title="Things",
        version="1",
        description="",
        settings=settings,
        verifier=TokenVerifier(TokenRules(SECRET)),
        metrics=HttpMetrics(registry),
        routes=[read_thing, write_thing, undeclared, broken],
        health=health_router(
            service="things",
            version="1",
            checks={"database": fine},
            essential=frozenset(),
            readiness=Readiness(),
            registry=registry,
        ),
        dependencies={},
        lifespan=lifespan,
    )
    async with running(app) as server:
        yield server.raw


def problem(answer, status, slug):
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    document = json.loads(answer.body)
    assert document["status"] == status
    assert document["type"] == f"urn:shelfwise:problem:{slug}"
    assert document["request_id"] == answer.headers["x-request-id"]
    return document


async def test_a_good_request_is_answered_for_the_tenant_of_its_header(call):
    answer = await call("GET", "/api/things/a?days=7", HEADERS)
    assert answer.status == 200
    assert json.loads(answer.body) == {"id": "a", "days": 7, "tenant": "t1"}


@pytest.mark.parametrize(
    ("days", "part"), [("0", "days"), ("-1", "days"), ("1000000000", "days"), ("x", "days"), ("nan", "days")]
)
async def test_a_query_value_out_of_range_is_422_and_named(call, days, part):
    document = problem(await call("GET", f"/api/things/a?days={days}", HEADERS), 422, "invalid")
    assert [error["field"] for error in document["errors"]] == [part]


@pytest.mark.parametrize("path", ["/api/things/%ff", "/api/things/a?days=%ff", "/api/things/%zz", "/api/things/%00"])
async def test_a_path_or_query_that_is_not_utf8_is_400(call, path):
    problem(await call("GET", path, HEADERS), 400, "malformed")


@pytest.mark.parametrize("name", ["Authorization", "X-Tenant-ID", "Idempotency-Key", "Content-Type"])
async def test_a_header_that_two_parsers_could_read_two_ways_is_400(call, name):
    pairs = [*HEADERS.items(), (name, HEADERS.get(name, "a")), (name, "b")]
    problem(await call("GET", "/api/things/a", pairs), 400, "malformed")


async def test_without_a_token_it_is_401(call):
    answer = await call("GET", "/api/things/a", {"Host": "localhost", "X-Tenant-ID": "t1"})
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_another_tenant_than_the_tokens_is_403(call):
    problem(await call("GET", "/api/things/a", {**HEADERS, "X-Tenant-ID": "t2"}), 403, "forbidden")


async def test_a_route_that_declares_no_scope_answers_nobody(call):
    problem(await call("GET", "/api/undeclared", HEADERS), 403, "forbidden")


async def test_another_host_name_is_refused(call):
    problem(await call("GET", "/health/live", {"Host": "evil.example"}), 400, "malformed")


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b"{", 400, "malformed"),
        (b'{"quantity": NaN, "price": 1}', 400, "malformed"),
        (b'{"quantity": 1, "price": 1e999}', 422, "invalid"),
        (b'{"quantity": 1, "price": "\xff"}', 400, "malformed"),
        (b'{"quantity": 1, "price": "x"}', 422, "invalid"),
        (b'{"quantity": "1", "price": 1}', 422, "invalid"),
        (b'{"quantity": true, "price": 1}', 422, "invalid"),
        (b'{"quantity": 1, "price": 1} x', 400, "malformed"),
        (b"[" * 2000, 422, "invalid"),
        (b'{"quantity": 0, "price": 1}', 422, "invalid"),
        (b'{"quantity": 1}', 422, "invalid"),
        (b'{"quantity": 1, "price": 1, "colour": 2}', 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b"", 422, "invalid"),
        (b"x" * 3000, 413, "too_large"),
    ],
)
async def test_a_bad_body_is_answered_as_what_it_is(call, body, status, slug):
    answer = await call("POST", "/api/things", {**HEADERS, "Content-Type": "application/json"}, body)
    problem(answer, status, slug)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"quantity": 0, "price": 1}, "quantity"),
        ({"quantity": 1}, "price"),
        ({"quantity": 1, "price": 1, "colour": 2}, "colour"),
        ([], "body"),
        (None, "body"),
    ],
)
async def test_a_field_that_is_not_valid_missing_or_unknown_is_named(call, body, field):
    headers = {**HEADERS, "Content-Type": "application/json"}
    raw = b"" if body is None else json.dumps(body).encode()
    document = problem(await call("POST", "/api/things", headers, raw), 422, "invalid")
    assert "data" not in document["detail"]
    assert [error["field"] for error in document["errors"]] == [field]


async def test_a_body_that_does_not_say_it_is_json_is_415(call):
    body = b'{"quantity": 1, "price": 1}'
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "", "json"):
        problem(
            await call("POST", "/api/things", {**HEADERS, "Content-Type": media_type}, body),
            415,
            "unsupported_media_type",
        )
    for media_type in ("application/json", "application/json; charset=utf-8", "Application/vnd.things+json"):
        assert (await call("POST", "/api/things", {**HEADERS, "Content-Type": media_type}, body)).status == 201


async def test_an_error_of_ours_says_nothing_about_the_inside(call):
    answer = await call("GET", "/api/broken", HEADERS)
    document = problem(answer, 500, "internal")
    assert "secret" not in json.dumps(document)


async def test_unknown_paths_and_methods_are_problem_documents(call):
    problem(await call("GET", "/nowhere", HEADERS), 404, "not_found")
    problem(await call("DELETE", "/api/things/a", HEADERS), 405, "method_not_allowed")


async def test_the_documentation_names_no_other_origin(call):
    page = await call("GET", "/docs", {"Host": "localhost"})
    assert page.status == 200
    assert b"http" not in page.body.split(b"<body>")[1]
    schema = json.loads((await call("GET", "/schema", {"Host": "localhost"})).body)
    assert schema["openapi"].startswith("3.1")
    assert "/api/things/{thing_id}" in schema["paths"]
    assert (await call("GET", "/docs/swagger-ui-bundle.js", {"Host": "localhost"})).status == 200


async def test_operators_see_health_only_with_their_scope(call):
    assert (await call("GET", "/health/live", {"Host": "localhost"})).status == 200
    problem(await call("GET", "/health", {"Host": "localhost"}), 401, "unauthenticated")
    problem(await call("GET", "/metrics", HEADERS), 403, "forbidden")


async def test_the_front_door_leads_to_the_documentation(call):
    answer = await call("GET", "/", {"Host": "localhost"})
    assert (answer.status, answer.headers["location"]) == (303, "/docs")
    assert (await call("GET", "/docs", {"Host": "localhost"})).headers["content-type"] == "text/html; charset=utf-8"
