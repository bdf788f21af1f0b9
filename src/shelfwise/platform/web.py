"""One way to make a service's application: the edge, the guard, the error handler, health and documentation."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.config.app import AppConfig
from litestar.exceptions import (
    ClientException,
    MethodNotAllowedException,
    NotFoundException,
    SerializationException,
    ValidationException,
)
from litestar.openapi.config import OpenAPIConfig
from litestar.router import Router
from litestar.types import ControllerRouterHandler
from opentelemetry.trace import TracerProvider

from shelfwise.platform.apidocs import docs_router, security_schemes
from shelfwise.platform.auth import TokenVerifier
from shelfwise.platform.bodies import TypedRequest
from shelfwise.platform.edge import REQUEST_ID, Edge
from shelfwise.platform.guards import access_guard
from shelfwise.platform.problems import (
    MEDIA_TYPE,
    BadRequestError,
    FieldProblem,
    InvalidError,
    MethodNotAllowedError,
    NotFoundError,
    Problem,
    ProblemError,
)
from shelfwise.platform.settings import PlatformSettings
from shelfwise.platform.telemetry import HttpMetrics

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]
AnyRequest = Request[Any, Any, Any]

logger = structlog.get_logger("shelfwise.web")


class InternalError(ProblemError):
    """Ours; the detail says nothing about the inside, the log and the request id do."""


def create_application(
    *,
    title: str,
    version: str,
    description: str,
    settings: PlatformSettings,
    verifier: TokenVerifier,
    metrics: HttpMetrics,
    routes: Sequence[ControllerRouterHandler],
    health: Router,
    dependencies: Mapping[str, Any],
    lifespan: Lifespan,
    import_paths: frozenset[str] = frozenset(),
    tracer_provider: TracerProvider | None = None,
) -> Edge:
    """The ASGI application of a service. ``import_paths`` may receive bodies up to MAX_IMPORT_BYTES.

    ``Edge.litestar`` is the framework's application inside.
    """
    app = Litestar.from_config(
        AppConfig(
            route_handlers=[*routes, health, docs_router(title)],
            dependencies=dict(dependencies),
            guards=[access_guard(verifier, ops_public=settings.OPS_PUBLIC)],
            lifespan=[lifespan],
            exception_handlers={Exception: handle_error},
            openapi_config=openapi_config(title, version, description),
            request_class=TypedRequest,
            request_max_body_size=None,
            logging_config=None,
        )
    )

    def large_bodies(path: str) -> int | None:
        return settings.MAX_IMPORT_BYTES if path in import_paths else None

    return Edge(
        app,
        metrics=metrics,
        allowed_hosts=frozenset(host.lower() for host in settings.ALLOWED_HOSTS),
        max_body_bytes=settings.MAX_BODY_BYTES,
        large_bodies=large_bodies,
        tracer_provider=tracer_provider,
    )


def openapi_config(title: str, version: str, description: str) -> OpenAPIConfig:
    """OpenAPI 3.1 with the bearer token; ``/schema`` and ``/docs`` are ours, so the framework serves nothing."""
    return OpenAPIConfig(
        title=title,
        version=version,
        description=description,
        components=security_schemes(),
        openapi_router=Router("/schema/framework", route_handlers=[], include_in_schema=False),
        use_handler_docstrings=True,
    )


def handle_error(request: AnyRequest, error: Exception) -> Response[Problem]:
    """The problem document of any error."""
    problem = as_problem(error)
    request_id = request.scope.get("state", {}).get(REQUEST_ID, "")
    if problem.status >= 500 and not isinstance(error, ProblemError):
        logger.error("request.failed", path=request.scope["path"], exc_info=error)
    return Response(
        problem.document(request_id),
        status_code=problem.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


def as_problem(error: Exception) -> ProblemError:
    """What an error means to a caller; the framework's own statuses differ from ours in places."""
    problem: ProblemError
    match error:
        case ProblemError():
            problem = error
        case ValidationException():
            fields = [_field(entry) for entry in _extra(error)]
            detail = "; ".join(f"{field.field}: {field.message}" for field in fields) or error.detail
            problem = InvalidError(detail, errors=fields)
        case NotFoundException():
            problem = NotFoundError("There is nothing at this path.")
        case MethodNotAllowedException():
            problem = MethodNotAllowedError("This path does not answer that method.", headers=error.headers)
        case ClientException() | SerializationException():
            problem = BadRequestError(f"The request cannot be read: {error.detail}")
        case _:
            problem = InternalError("An error of ours. It is logged under this request id.")
    return problem


def _extra(error: ValidationException) -> list[Mapping[str, Any]]:
    extra = error.extra
    return [entry for entry in extra if isinstance(entry, Mapping)] if isinstance(extra, list) else []


def _field(entry: Mapping[str, Any]) -> FieldProblem:
    """The path or query parameter that is wrong; bodies are decoded by ``shelfwise.platform.bodies``."""
    source, key = entry.get("source"), str(entry.get("key") or "body")
    if key == "data":
        return FieldProblem("body", "a JSON body is needed", "body")
    return FieldProblem(key, str(entry.get("message", "")), str(getattr(source, "value", source) or ""))
