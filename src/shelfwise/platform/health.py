"""Is the service alive, ready, and what are its dependencies like."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NotRequired, TypedDict

from litestar import Response, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0

from shelfwise.platform.apidocs import problem_responses

#: What the edge can answer whatever the route is.
_OF_EDGE = {status: spec for status, spec in problem_responses().items() if status in {400, 504}}
#: 503 of ``/health`` is the health document itself, not a problem.
_REFUSALS = {status: spec for status, spec in problem_responses().items() if status != 503}
Status = Literal["ok", "degraded", "down"]
_CHECK_SECONDS = 2.0


class Component(TypedDict):
    """One dependency: how it is, how long the check took, and what an operator would want to know."""

    status: Status
    latency_ms: NotRequired[float]
    detail: NotRequired[dict[str, Any]]
    error: NotRequired[str]


class Health(TypedDict):
    status: Status
    service: str
    version: str
    components: dict[str, Component]


class Liveness(TypedDict):
    status: Literal["ok", "draining"]


#: Draining is 503 too, with a body of its own.
_OF_READY = {**_OF_EDGE, 503: ResponseSpec(Liveness, generate_examples=False, description="It drains: send no more")}

Check = Callable[[], Awaitable[Component]]


class Readiness:
    """Whether the service wants traffic; false from the moment it drains."""

    def __init__(self) -> None:
        self.draining = False


async def run_check(check: Check) -> Component:
    """The component's state, with its latency; a check that fails or takes over 2 s is ``down``."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            component = await check()
    except Exception as error:  # noqa: BLE001  a broken dependency is what this is for
        component = Component(status="down", error=type(error).__name__)
    component.setdefault("latency_ms", round((time.perf_counter() - started) * 1000, 2))
    return component


async def overall(service: str, version: str, checks: Mapping[str, Check], essential: frozenset[str]) -> Health:
    """Every component at once. An essential one that is down takes the service down; any other degrades it."""
    components = dict(zip(checks, await asyncio.gather(*map(run_check, checks.values())), strict=True))
    status: Status = "ok"
    if any(component["status"] != "ok" for component in components.values()):
        status = "degraded"
    if any(components[name]["status"] == "down" for name in essential):
        status = "down"
    return Health(status=status, service=service, version=version, components=components)


def health_router(
    *,
    service: str,
    version: str,
    checks: Mapping[str, Check],
    essential: frozenset[str],
    readiness: Readiness,
    registry: CollectorRegistry,
) -> Router:
    """``/health/live`` and ``/health/ready`` for orchestrators, ``/health`` and ``/metrics`` for operators."""

    @get("/health/live", opt={"public": True}, summary="Is the process alive?", responses=_OF_EDGE)
    async def live() -> Liveness:
        return Liveness(status="ok")

    @get("/health/ready", opt={"public": True}, summary="Does it want traffic?", responses=_OF_READY)
    async def ready() -> Response[Liveness]:
        if readiness.draining:
            return Response(Liveness(status="draining"), status_code=503, headers={"Retry-After": "5"})
        return Response(Liveness(status="ok"))

    @get("/health", opt={"ops": True}, summary="How is each dependency?", responses=_REFUSALS)
    async def health() -> Response[Health]:
        state = await overall(service, version, checks, essential)
        return Response(state, status_code=503 if state["status"] == "down" else 200)

    @get(
        "/metrics",
        opt={"ops": True},
        summary="Prometheus metrics",
        # The framework adds the charset itself.
        media_type=CONTENT_TYPE_PLAIN_1_0_0.replace("; charset=utf-8", ""),
        responses=_REFUSALS,
    )
    async def metrics() -> bytes:
        return generate_latest(registry)

    handlers: list[HTTPRouteHandler] = [live, ready, health, metrics]
    return Router("/", route_handlers=handlers, tags=["Health"])
