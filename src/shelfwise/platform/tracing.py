"""A service's part of a trace: a request is a span under its caller's, and the calls it makes are children of it.

Named and filled as the OpenTelemetry Semantic Conventions say of HTTP servers.
"""

import asyncio
from collections.abc import Iterable

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shelfwise.http.instrumentation.hooks import KNOWN_METHODS
from shelfwise.http.redaction import without_secrets

Headers = Iterable[tuple[bytes, bytes]]
_TRACER_NAME = "shelfwise"
#: Probes and scrapes come every few seconds and would be most of all traces.
_UNTRACED = ("/health", "/metrics")


def traced(app: ASGIApp, tracer_provider: trace.TracerProvider | None = None) -> ASGIApp:
    """``app`` with a span for each request at ``tracer_provider`` (default: the process's); without SDK just ``app``.

    While a request is handled its span is current, and ``trace_id`` is in every line that it logs.
    """
    provider = trace.get_tracer_provider() if tracer_provider is None else tracer_provider
    if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return app
    return _Traced(app, provider.get_tracer(_TRACER_NAME))


class _Traced:
    def __init__(self, app: ASGIApp, tracer: trace.Tracer) -> None:
        self._app = app
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(_UNTRACED):
            await self._app(scope, receive, send)
            return
        caller = self._propagator.extract(scope["headers"], getter=_HEADERS)
        verb = scope["method"] if scope["method"] in KNOWN_METHODS else "HTTP"
        span = self._tracer.start_span(verb, caller, trace.SpanKind.SERVER, _of_request(scope))
        current = otel_context.attach(trace.set_span_in_context(span, caller))
        try:
            with structlog.contextvars.bound_contextvars(trace_id=f"{span.get_span_context().trace_id:032x}"):
                await self._app(scope, receive, _seen(send, span))
        except asyncio.CancelledError:
            span.set_attribute("shelfwise.http.cancelled", value=True)
            raise
        except Exception as error:
            _fail(span, type(error).__name__)
            raise
        finally:
            otel_context.detach(current)
            # Which route it is, the framework says while it handles the request.
            route = scope.get("path_template")
            if route:
                span.update_name(f"{verb} {route}")
                span.set_attribute("http.route", str(route))
            span.end()


def _seen(send: Send, span: trace.Span) -> Send:
    """``send`` with the answer's status written to ``span``."""

    async def send_seen(message: Message) -> None:
        if message["type"] == "http.response.start":
            status = message["status"]
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                _fail(span, str(status))
        await send(message)

    return send_seen


def _fail(span: trace.Span, error_type: str) -> None:
    span.set_attribute("error.type", error_type)
    span.set_status(trace.StatusCode.ERROR)


class _Headers(Getter[Headers]):
    """Reads headers as ASGI gives them: bytes, names in lower case."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        wanted = key.encode("latin-1")
        return [value.decode("latin-1") for name, value in carrier if name == wanted] or None

    def keys(self, carrier: Headers) -> list[str]:
        return [name.decode("latin-1") for name, _ in carrier]


_HEADERS = _Headers()


def _of_request(scope: HTTPScope) -> dict[str, str | int]:
    method = scope["method"]
    attributes: dict[str, str | int] = {
        "http.request.method": method if method in KNOWN_METHODS else "_OTHER",
        "url.scheme": scope["scheme"],
        "url.path": scope["path"],
        "network.protocol.version": scope["http_version"],
    }
    if method not in KNOWN_METHODS:
        attributes["http.request.method_original"] = method
    if scope["query_string"]:
        attributes["url.query"] = without_secrets("?" + scope["query_string"].decode("latin-1"))[1:]
    if scope["client"] is not None:
        attributes["client.address"] = scope["client"][0]
    agent = _HEADERS.get(scope["headers"], "user-agent")
    if agent:
        attributes["user_agent.original"] = agent[0]
    return attributes
