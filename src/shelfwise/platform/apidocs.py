"""The OpenAPI document at ``/schema`` and its reading room at ``/docs``, without a byte from another origin."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from inspect import cleandoc
from typing import Any, get_args, is_typeddict

import msgspec
from litestar import Litestar, Request, Response, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.routes import HTTPRoute

from shelfwise.platform.idempotency import MAX_KEY_LENGTH
from shelfwise.platform.problems import MEDIA_TYPE, Problem

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = b'SwaggerUIBundle({url: "/schema", dom_id: "#docs", deepLinking: true, displayRequestDuration: true});\n'
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_DESCRIPTIONS = {
    400: "Malformed: JSON, UTF-8 or headers that cannot be read",
    401: "No token, or not a good one",
    403: "The token is for another tenant or lacks the scope; or the tenant is not set up",
    404: "Not found, also when it is another tenant's",
    405: "Method not allowed",
    409: "Idempotency-Key used with another payload or still being handled; or a stale version",
    413: "The body is too large",
    415: "Unsupported media type",
    422: "Parses, but is not valid; each field is named",
    429: "Too many requests",
    500: "An error of ours",
    503: "Busy or draining; try again after Retry-After seconds",
    504: "The time of the request's grpc-timeout was up; what was not committed is rolled back",
}


_BEARER, _TENANT = "bearer", "tenant"
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeated with the same key within 48 hours, the request has its effect once and the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
}


def security_schemes() -> Components:
    """What a caller sends of itself: the token, and the tenant that it means."""
    return Components(
        security_schemes={
            _BEARER: SecurityScheme(type="http", scheme="bearer", bearer_format="JWT"),
            _TENANT: SecurityScheme(
                type="apiKey",
                name="X-Tenant-ID",
                security_scheme_in="header",
                description="One of the token's tenants.",
            ),
        }
    )


def document(app: Litestar) -> dict[str, Any]:
    """The application's OpenAPI document; each operation says which scope of a token it needs."""
    described: dict[str, Any] = app.openapi_schema.to_schema()
    # The framework forgets the constraints of list items and that unknown fields are refused; msgspec, which decodes
    # the messages, says exactly what it takes.
    _, components = msgspec.json.schema_components(_messages(app), ref_template="#/components/schemas/{name}")
    for component in components.values():
        if "description" in component:
            component["description"] = cleandoc(component["description"]).replace("``", "`")
    described["components"]["schemas"] |= components
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        operations = described["paths"].get(route.path_format, {})
        for handler in route.route_handlers:
            for method in operations.keys() & {name.lower() for name in handler.http_methods}:
                operations[method]["security"] = _needs(handler.opt)
                if handler.opt.get("idempotency_key"):
                    operations[method].setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    return described


def _messages(app: Litestar) -> set[type]:
    """The types that bodies and answers are made of."""
    found: set[type] = {Problem}
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            fields = [handler.parsed_return_field, handler.parsed_data_field]
            found |= {part for field in fields if field is not None for part in _parts(field.annotation)}
    return found


def _parts(annotation: Any) -> Iterator[type]:  # noqa: ANN401  any annotation
    """The structs and typed dictionaries that an annotation names."""
    if is_typeddict(annotation) or (isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)):
        yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _needs(opt: Mapping[str, Any]) -> list[dict[str, list[str]]]:
    """Any one of these lets a caller in."""
    if opt.get("public"):
        return []
    if opt.get("ops"):
        return [{_BEARER: ["ops:read"]}]
    scopes = [opt["scope"]] if "scope" in opt else []
    scopes += ["service"] if opt.get("service") else []
    return [{_BEARER: [scope], _TENANT: []} for scope in scopes]


def text_body(media_type: str, description: str) -> type[Operation]:
    """The operation class of a route whose body the framework does not parse."""
    content = {media_type: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))}

    @dataclass
    class TextOperation(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(content=content, required=True, description=description)

    return TextOperation


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """OpenAPI entries of the problem documents that a route can answer; 400, 401, 403, 503 and 504 all can."""
    return {
        status: ResponseSpec(
            data_container=Problem,
            generate_examples=False,
            description=_DESCRIPTIONS[status],
            media_type=MEDIA_TYPE,
        )
        for status in sorted({400, 401, 403, 503, 504, *statuses})
    }


def docs_router(title: str) -> Router:
    """Routes that show the application's own OpenAPI document."""
    static = files("shelfwise.platform") / "static"
    page = _PAGE.format(title=title)

    @get("/schema", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
    def schema(request: Request[Any, Any, Any]) -> Response[bytes]:
        return Response(msgspec.json.encode(document(request.app)), media_type="application/vnd.oai.openapi+json")

    @get("/", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
    def root() -> Redirect:
        return Redirect("/docs", status_code=303)

    @get("/docs", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
    def docs() -> Response[str]:
        return Response(page, media_type="text/html", headers={"Content-Security-Policy": _POLICY})

    @get("/docs/start.js", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
    def start() -> Response[bytes]:
        return Response(_START, media_type="text/javascript")

    @get("/docs/{name:str}", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
    def asset(name: FromPath[str]) -> Response[bytes]:
        kinds = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
        if name not in kinds:
            return Response(b"", status_code=404, media_type="text/plain")
        body = (static / f"{name}.gz").read_bytes()
        return Response(
            body,
            media_type=kinds[name],
            headers={"Content-Encoding": "gzip", "Cache-Control": "public, max-age=86400"},
        )

    return Router("/", route_handlers=[root, schema, docs, start, asset])
