"""Spans through the OpenTelemetry API, named and filled as its HTTP conventions say.

An attempt is a CLIENT span. The logical call around its attempts is INTERNAL: the conventions want no CLIENT span
around those of the attempts, or each request would be counted twice. Source: OpenTelemetry Semantic Conventions, HTTP
spans (stable since 1.23).
"""

import asyncio
from functools import lru_cache
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Setter, TextMapPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shelfwise.http.exceptions import HTTPClientError
from shelfwise.http.instrumentation.hooks import KNOWN_METHODS, CallInfo
from shelfwise.http.instrumentation.tracing import AttemptSpan, CallSpan
from shelfwise.http.redaction import without_secrets

TRACER_NAME = "shelfwise.http"
Attributes = dict[str, str | int]
_PORTS = {"http": 80, "https": 443}


class OpenTelemetryTracing:
    """Begins spans at ``tracer_provider`` (default: the process's) and tells peers of them by ``propagator``.

    The default propagator is W3C Trace Context (``traceparent``, ``tracestate``); baggage is never sent, since it may
    hold what a peer is not meant to see. A call that the SDK's sampler leaves out costs one sampling decision, and its
    trace context still travels.

    The process's provider is asked for once, here: where no SDK is set up by then, as ``opentelemetry-instrument`` does
    before anything else runs, nothing is ever traced, and a call costs nothing more.
    """

    def __init__(
        self, tracer_provider: trace.TracerProvider | None = None, propagator: TextMapPropagator | None = None
    ) -> None:
        provider = trace.get_tracer_provider() if tracer_provider is None else tracer_provider
        placeholder = isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider)
        self._tracer = None if placeholder else provider.get_tracer(TRACER_NAME)
        self._propagator = TraceContextTextMapPropagator() if propagator is None else propagator

    def started(self, call: CallInfo) -> CallSpan | None:
        if self._tracer is None:
            return None
        name, attributes = _logical(call.target, call.method, call.route)
        span = self._tracer.start_span(name, attributes=attributes)
        if span.is_recording():
            return _RecordedCall(self._tracer, self._propagator, span, call, name)
        if span.get_span_context().is_valid:
            return _UnsampledCall(self._propagator, span)
        return None


class _RecordedCall:
    __slots__ = ("_attempts", "_call", "_context", "_name", "_propagator", "_span", "_tracer")

    def __init__(
        self, tracer: trace.Tracer, propagator: TextMapPropagator, span: trace.Span, call: CallInfo, name: str
    ) -> None:
        self._tracer = tracer
        self._propagator = propagator
        self._span = span
        self._context = trace.set_span_in_context(span)
        self._call = call
        self._attempts = 0
        self._name = name

    def attempt(self, address: str) -> AttemptSpan:
        host, port = _host_and_port(address)
        attributes: Attributes = {
            **_method(self._call.method),
            "url.full": without_secrets(address + path_and_query(self._call.url)),
            "server.address": host,
            "server.port": port,
        }
        if self._call.route:
            attributes["url.template"] = self._call.route
        if self._attempts > 0:
            attributes["http.request.resend_count"] = self._attempts
        self._attempts += 1
        span = self._tracer.start_span(self._name, self._context, trace.SpanKind.CLIENT, attributes)
        return _RecordedAttempt(span, _headers(self._propagator, trace.set_span_in_context(span, self._context)))

    def answered(self, status: int, cache: str) -> None:
        self._span.set_attributes({"http.response.status_code": status, "shelfwise.http.cache": cache})
        # What a 4xx means is known to the caller alone; on the attempt the conventions call it an error.
        if status >= 500:
            _fail(self._span, str(status))
        self._span.end()

    def failed(self, error: HTTPClientError) -> None:
        self._span.set_attribute("shelfwise.http.reason", error.reason)
        _fail(self._span, type(error).__name__, str(error))
        self._span.end()

    def cancelled(self) -> None:
        self._span.set_attribute("shelfwise.http.cancelled", value=True)
        self._span.end()


class _RecordedAttempt:
    __slots__ = ("_headers", "_span")

    def __init__(self, span: trace.Span, headers: list[tuple[str, str]]) -> None:
        self._span = span
        self._headers = headers

    def headers(self) -> list[tuple[str, str]]:
        return self._headers

    def answered(self, status: int, http_version: str) -> None:
        self._span.set_attributes(
            {"http.response.status_code": status, "network.protocol.version": http_version.removeprefix("HTTP/")}
        )
        if status >= 400:
            _fail(self._span, str(status))
        self._span.end()

    def failed(self, error: BaseException) -> None:
        # Cancelled is what the loser of a hedge is, and who was given up by its caller: nothing went wrong.
        if isinstance(error, asyncio.CancelledError):
            self._span.set_attribute("shelfwise.http.cancelled", value=True)
        else:
            _fail(self._span, type(error).__name__, str(error))
        self._span.end()


class _UnsampledCall:
    """Says nothing but which trace it belongs to; all its attempts say the same."""

    __slots__ = ("_propagator", "_span")

    def __init__(self, propagator: TextMapPropagator, span: trace.Span) -> None:
        self._propagator = propagator
        self._span = span

    def attempt(self, address: str) -> AttemptSpan:  # noqa: ARG002 - the protocol's
        return _UnsampledAttempt(_headers(self._propagator, trace.set_span_in_context(self._span)))

    def answered(self, status: int, cache: str) -> None:
        pass

    def failed(self, error: HTTPClientError) -> None:
        pass

    def cancelled(self) -> None:
        pass


class _UnsampledAttempt:
    __slots__ = ("_headers",)

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self._headers = headers

    def headers(self) -> list[tuple[str, str]]:
        return self._headers

    def answered(self, status: int, http_version: str) -> None:
        pass

    def failed(self, error: BaseException) -> None:
        pass


class _Pairs(Setter[list[tuple[str, str]]]):
    def set(self, carrier: list[tuple[str, str]], key: str, value: str) -> None:
        carrier.append((key, value))


_PAIRS = _Pairs()


def _headers(propagator: TextMapPropagator, context: Context) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    propagator.inject(headers, context, _PAIRS)
    return headers


def path_and_query(url: str) -> str:
    """What follows the origin of an absolute URL."""
    start = url.find("/", url.find("://") + 3)
    return url[start:] if start >= 0 else ""


@lru_cache(maxsize=1024)
def _logical(target: str, method: str, route: str) -> tuple[str, Attributes]:
    """The name of a call's spans, and what is known of the call as it begins; the same for each call of a route."""
    verb = method if method in KNOWN_METHODS else "HTTP"
    attributes: Attributes = {**_method(method), "service.peer.name": target}
    if route:
        attributes["url.template"] = route
    return f"{verb} {route}" if route else verb, attributes


def _method(method: str) -> Attributes:
    if method in KNOWN_METHODS:
        return {"http.request.method": method}
    return {"http.request.method": "_OTHER", "http.request.method_original": method}


@lru_cache(maxsize=1024)
def _host_and_port(address: str) -> tuple[str, int]:
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


def _fail(span: trace.Span, error_type: str, description: str | None = None) -> None:
    span.set_attribute("error.type", error_type)
    span.set_status(trace.Status(trace.StatusCode.ERROR, description))
