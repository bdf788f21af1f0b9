"""A request as a span, by the SDK's own in-memory exporter and a real server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from fixtures.servers import RunningServer, running
from shelfwise.platform.tracing import traced

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CALLERS_SPAN = "b7ad6b7169203331"


class Service:
    """Answers ``/<status>``, as a framework that sets the route's template; ``seen`` is what a handler sees."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.seen: list[tuple[int, str | None]] = []
        self.app = traced(self._answer, self.provider)

    async def _answer(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        current = trace.get_current_span().get_span_context()
        self.seen.append((current.span_id, structlog.contextvars.get_contextvars().get("trace_id")))
        status = scope["path"].rpartition("/")[2]
        if status.isdigit():
            scope["path_template"] = "/orders/{status}"
        await send({"type": "http.response.start", "status": int(status) if status.isdigit() else 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def span(self) -> ReadableSpan:
        """The one span, when it has ended: just after the answer is out."""
        async with asyncio.timeout(10):
            while not self.exporter.get_finished_spans():
                await asyncio.sleep(0.01)
        (span,) = self.exporter.get_finished_spans()
        return span


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def server(service: Service) -> AsyncIterator[RunningServer]:
    async with running(service.app) as server:
        yield server


async def test_a_request_is_a_server_span_with_the_conventions_attributes(service: Service, server: RunningServer):
    await server.raw("GET", "/orders/200?days=3&token=hush", {"Host": "sales", "User-Agent": "test/1"})
    span = await service.span()
    assert (span.name, span.kind, span.parent) == ("GET /orders/{status}", SpanKind.SERVER, None)
    assert span.attributes == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/orders/200",
        "url.query": "days=3&token=REDACTED",
        "network.protocol.version": "1.1",
        "client.address": "127.0.0.1",
        "user_agent.original": "test/1",
        "http.route": "/orders/{status}",
        "http.response.status_code": 200,
    }
    assert span.status.status_code is StatusCode.UNSET


async def test_a_request_continues_its_callers_trace_and_is_current_while_it_is_handled(
    service: Service, server: RunningServer
):
    headers = {"traceparent": f"00-{TRACE_ID}-{CALLERS_SPAN}-01", "tracestate": "vendor=1"}
    await server.raw("GET", "/orders/200", headers)
    span = await service.span()
    assert f"{span.context.trace_id:032x}" == TRACE_ID
    assert (f"{span.parent.span_id:016x}", span.parent.is_remote) == (CALLERS_SPAN, True)
    assert span.context.trace_state.get("vendor") == "1"
    assert service.seen == [(span.context.span_id, TRACE_ID)]


@pytest.mark.parametrize("traceparent", ["", "00-0-0-01", "zz", f"00-{'0' * 32}-{CALLERS_SPAN}-01", "00-" + "f" * 600])
async def test_a_traceparent_that_is_none_begins_a_trace_of_its_own(
    service: Service, server: RunningServer, traceparent: str
):
    answer = await server.raw("GET", "/orders/200", {"traceparent": traceparent})
    assert answer.status == 200
    assert (await service.span()).parent is None


async def test_only_a_5xx_is_an_error_of_the_server(service: Service, server: RunningServer):
    await server.raw("GET", "/orders/404")
    span = await service.span()
    assert span.status.status_code is StatusCode.UNSET
    service.exporter.clear()
    await server.raw("GET", "/orders/503")
    span = await service.span()
    assert (span.status.status_code, span.attributes["error.type"]) == (StatusCode.ERROR, "503")


async def test_an_unknown_method_and_a_path_without_a_route_name_no_span(service: Service, server: RunningServer):
    await server.raw("BREW", "/nowhere")
    span = await service.span()
    assert span.name == "HTTP"
    assert (span.attributes["http.request.method"], span.attributes["http.request.method_original"]) == (
        "_OTHER",
        "BREW",
    )
    assert "http.route" not in span.attributes


@pytest.mark.parametrize("path", ["/health", "/health/live", "/metrics"])
async def test_probes_and_scrapes_leave_no_span(service: Service, server: RunningServer, path: str):
    await server.raw("GET", path)
    await server.raw("GET", "/orders/200")
    assert (await service.span()).attributes["url.path"] == "/orders/200"


async def test_a_crash_ends_the_span_with_its_type_and_goes_on():
    async def crash(scope, receive, send) -> None:
        raise ZeroDivisionError

    service = Service()
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "scheme": "http",
        "http_version": "1.1",
        "query_string": b"",
        "client": None,
        "headers": [],
    }
    with pytest.raises(ZeroDivisionError):
        await traced(crash, service.provider)(scope, None, None)
    (span,) = service.exporter.get_finished_spans()
    assert (span.status.status_code, span.attributes["error.type"]) == (StatusCode.ERROR, "ZeroDivisionError")


async def test_an_abandoned_request_ends_its_span_and_is_no_error():
    async def hang(scope, receive, send) -> None:
        await asyncio.get_running_loop().create_future()

    service = Service()
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "scheme": "http",
        "http_version": "2",
        "query_string": b"",
        "client": None,
        "headers": [],
    }
    task = asyncio.create_task(traced(hang, service.provider)(scope, None, None))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    (span,) = service.exporter.get_finished_spans()
    assert span.attributes["shelfwise.http.cancelled"] is True
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("provider", [trace.ProxyTracerProvider(), trace.NoOpTracerProvider()])
def test_without_an_sdk_the_application_is_left_as_it_is(provider: trace.TracerProvider):
    app = Service().app
    assert traced(app, provider) is app
