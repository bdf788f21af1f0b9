"""What a tracing back end gets to see, by the SDK's own in-memory exporter."""

import asyncio
import re
from random import Random
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context, trace
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import SpanKind, StatusCode

from shelfwise.http import (
    AttemptSpan,
    BreakerOpen,
    CachePolicy,
    CallInfo,
    HTTPClient,
    HTTPClientError,
    NoHooks,
    NoTracing,
    OpenTelemetryTracing,
    Policy,
    ServiceClient,
    WireRequest,
    WireResponse,
    exceptions,
)
from shelfwise.http.redaction import without_secrets
from shelfwise.http.testing import FakeClock, ScriptedWire, respond

NO_CACHE = Policy(cache=CachePolicy(enabled=False)).for_service()
ROUTE = "/api/sales/products/{product_id}/analytics"
PARTS = {"product_id": "PRD-123"}
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class Traced:
    """A client of a scripted wire, and the spans that its calls leave."""

    def __init__(self, *steps: WireResponse | Exception, sampler: Sampler = ALWAYS_ON, **options) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.clock = FakeClock()
        self.wire = ScriptedWire(steps, clock=self.clock)
        options = {"wire": self.wire, "tracing": OpenTelemetryTracing(self.provider)} | options
        self.client = ServiceClient(
            options.pop("target", "http://sales:5001"),
            options.pop("policy", NO_CACHE),
            hooks=NoHooks(),
            name="sales",
            clock=self.clock,
            sleep=self.clock.sleep,
            random=Random(7),
            **options,
        )

    def spans(self, kind: SpanKind) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.kind is kind]

    def sent(self, header: str, number: int = 0) -> list[str]:
        return [value for name, value in self.wire.requests[number].headers if name.lower() == header]


async def test_an_attempt_is_a_client_span_under_an_internal_one_with_the_conventions_attributes():
    traced = Traced(respond(200, http_version="HTTP/2"))
    await traced.client.call("GET", ROUTE, parts=PARTS, params={"days": 30})
    (call,), (attempt,) = traced.spans(SpanKind.INTERNAL), traced.spans(SpanKind.CLIENT)
    assert call.name == attempt.name == f"GET {ROUTE}"
    assert call.parent is None
    assert attempt.parent.span_id == call.context.span_id
    assert attempt.attributes == {
        "http.request.method": "GET",
        "url.full": "http://sales:5001/api/sales/products/PRD-123/analytics?days=30",
        "url.template": ROUTE,
        "server.address": "sales",
        "server.port": 5001,
        "http.response.status_code": 200,
        "network.protocol.version": "2",
    }
    assert call.attributes == {
        "http.request.method": "GET",
        "url.template": ROUTE,
        "service.peer.name": "sales",
        "http.response.status_code": 200,
        "shelfwise.http.cache": "bypass",
    }
    assert {call.status.status_code, attempt.status.status_code} == {StatusCode.UNSET}


async def test_each_attempt_tells_the_peer_its_own_span_in_one_trace():
    traced = Traced(respond(503), respond(200))
    await traced.client.call("GET", ROUTE, parts=PARTS)
    first, second = traced.spans(SpanKind.CLIENT)
    for number, span in enumerate((first, second)):
        (traceparent,) = traced.sent("traceparent", number)
        trace_id, span_id, flags = TRACEPARENT.fullmatch(traceparent).groups()
        assert (int(trace_id, 16), int(span_id, 16)) == (span.context.trace_id, span.context.span_id)
        assert trace.TraceFlags(int(flags, 16)).sampled
    assert first.context.trace_id == second.context.trace_id


async def test_only_attempts_after_the_first_have_a_resend_count():
    traced = Traced(respond(503), exceptions.ConnectError("refused"), respond(200))
    await traced.client.call("GET", ROUTE, parts=PARTS)
    counts = [span.attributes.get("http.request.resend_count") for span in traced.spans(SpanKind.CLIENT)]
    assert counts == [None, 1, 2]


async def test_an_attempts_failure_is_its_error_type_and_a_call_that_recovered_is_no_error():
    traced = Traced(exceptions.ReadTimeout("No answer", sent="maybe"), respond(503), respond(200))
    await traced.client.call("GET", ROUTE, parts=PARTS)
    attempts = traced.spans(SpanKind.CLIENT)
    assert [span.attributes.get("error.type") for span in attempts] == ["ReadTimeout", "503", None]
    assert [span.status.status_code for span in attempts] == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]
    (call,) = traced.spans(SpanKind.INTERNAL)
    assert call.status.status_code is StatusCode.UNSET


async def test_a_404_is_an_error_of_the_attempt_alone_for_only_the_caller_knows_what_it_means():
    traced = Traced(respond(404))
    await traced.client.call("GET", ROUTE, parts=PARTS)
    (call,), (attempt,) = traced.spans(SpanKind.INTERNAL), traced.spans(SpanKind.CLIENT)
    assert (attempt.status.status_code, attempt.attributes["error.type"]) == (StatusCode.ERROR, "404")
    assert call.status.status_code is StatusCode.UNSET


async def test_a_call_that_was_never_sent_is_a_failed_span_without_attempts():
    traced = Traced(*[exceptions.ConnectError("refused")] * 20)
    with pytest.raises(BreakerOpen):
        for _ in range(20):
            try:
                await traced.client.call("GET", ROUTE, parts=PARTS)
            except exceptions.ConnectError:
                traced.exporter.clear()
    (call,) = traced.spans(SpanKind.INTERNAL)
    assert traced.spans(SpanKind.CLIENT) == []
    assert (call.attributes["error.type"], call.attributes["shelfwise.http.reason"]) == ("BreakerOpen", "breaker")
    assert call.status.status_code is StatusCode.ERROR


async def test_a_cancelled_call_and_its_attempt_are_ended_and_marked_but_are_no_errors():
    class Silent(ScriptedWire):
        async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109
            self.requests.append(request)
            return await asyncio.get_running_loop().create_future()

    traced = Traced(wire=Silent())
    task = asyncio.create_task(traced.client.call("POST", "/orders"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    (call,), (attempt,) = traced.spans(SpanKind.INTERNAL), traced.spans(SpanKind.CLIENT)
    assert call.attributes["shelfwise.http.cancelled"] is attempt.attributes["shelfwise.http.cancelled"] is True
    assert {call.status.status_code, attempt.status.status_code} == {StatusCode.UNSET}


async def test_an_answer_from_the_cache_is_a_call_without_attempts():
    traced = Traced(respond(200), policy=Policy().for_service())
    for _ in range(2):
        await traced.client.call("GET", ROUTE, parts=PARTS, subject="u")
    calls = traced.spans(SpanKind.INTERNAL)
    assert [span.attributes["shelfwise.http.cache"] for span in calls] == ["miss", "hit"]
    assert len(traced.spans(SpanKind.CLIENT)) == 1


async def test_a_call_becomes_a_child_of_the_span_that_is_current_where_it_is_made():
    traced = Traced(respond(200))
    with traced.provider.get_tracer("test").start_as_current_span("page", kind=SpanKind.SERVER) as page:
        await traced.client.call("GET", ROUTE, parts=PARTS)
    (call,) = traced.spans(SpanKind.INTERNAL)
    assert call.parent.span_id == page.get_span_context().span_id


async def test_tracestate_travels_and_baggage_stays_at_home():
    traced = Traced(respond(200))
    parent = trace.SpanContext(
        7, 9, is_remote=True, trace_flags=trace.TraceFlags(1), trace_state=trace.TraceState([("v", "1")])
    )
    current = trace.set_span_in_context(trace.NonRecordingSpan(parent), baggage.set_baggage("user", "ann"))
    token = context.attach(current)
    try:
        await traced.client.call("GET", ROUTE, parts=PARTS)
    finally:
        context.detach(token)
    assert traced.sent("tracestate") == ["v=1"]
    assert traced.sent("baggage") == []


async def test_an_unsampled_call_leaves_no_span_and_tells_the_peer_so():
    traced = Traced(respond(503), respond(200), sampler=ParentBased(ALWAYS_OFF))
    await traced.client.call("GET", ROUTE, parts=PARTS)
    assert traced.exporter.get_finished_spans() == ()
    (first,), (second,) = traced.sent("traceparent"), traced.sent("traceparent", 1)
    assert first == second
    assert not trace.TraceFlags(int(TRACEPARENT.fullmatch(first).group(3), 16)).sampled


async def test_our_traceparent_goes_instead_of_one_that_the_caller_gave():
    traced = Traced(respond(200))
    mine = f"00-{7:032x}-{9:016x}-01"
    await traced.client.call("GET", ROUTE, parts=PARTS, headers={"Traceparent": mine, "X-Other": "1"})
    (attempt,) = traced.spans(SpanKind.CLIENT)
    assert [f"{attempt.context.span_id:016x}" in value for value in traced.sent("traceparent")] == [True]
    assert traced.sent("x-other") == ["1"]


async def test_without_tracing_a_callers_own_traceparent_goes_out_as_it_is():
    traced = Traced(respond(200), tracing=NoTracing())
    mine = f"00-{7:032x}-{9:016x}-01"
    await traced.client.call("GET", ROUTE, parts=PARTS, headers={"traceparent": mine})
    assert traced.sent("traceparent") == [mine]


async def test_another_propagator_is_used_as_it_is():
    class Zipkin(TextMapPropagator):
        fields = frozenset({"b3"})

        def extract(self, carrier, context=None, getter=None):
            raise AssertionError("a client extracts nothing")

        def inject(self, carrier, context=None, setter=None) -> None:
            span = trace.get_current_span(context).get_span_context()
            setter.set(carrier, "b3", f"{span.trace_id:032x}-{span.span_id:016x}-1")

    provider = TracerProvider()
    traced = Traced(respond(200), tracing=OpenTelemetryTracing(provider, Zipkin()))
    await traced.client.call("GET", ROUTE, parts=PARTS)
    assert len(traced.sent("b3")) == 1
    assert traced.sent("traceparent") == []


async def test_each_instance_is_named_on_its_own_attempt():
    traced = Traced(*[exceptions.ConnectError("refused")] * 2, respond(200), target="http://a:5001,http://b:5002")
    await traced.client.call("GET", ROUTE, parts=PARTS)
    asked = [
        (span.attributes["server.address"], span.attributes["server.port"]) for span in traced.spans(SpanKind.CLIENT)
    ]
    assert set(asked) == {("a", 5001), ("b", 5002)}
    assert [span.attributes["url.full"] for span in traced.spans(SpanKind.CLIENT)] == [
        f"http://{host}:{port}/api/sales/products/PRD-123/analytics" for host, port in asked
    ]


async def test_the_document_client_names_spans_by_method_alone_and_traces_where_it_is_told_to():
    traced = Traced()
    HTTPClient.configure(
        hooks=NoHooks(),
        tracing=OpenTelemetryTracing(traced.provider),
        wire=lambda _: ScriptedWire([respond(200), respond(200)]),
    )
    try:
        await HTTPClient.get(url="https://example.com/orders/17?access_token=hush")
        await HTTPClient.request("BREW", "https://example.com/pot")
    finally:
        await HTTPClient.aclose()
        HTTPClient.configure()
    get, brew = traced.spans(SpanKind.CLIENT)
    assert (get.name, brew.name) == ("GET", "HTTP")
    assert get.attributes["url.full"] == "https://example.com/orders/17?access_token=REDACTED"
    assert (get.attributes["server.port"], "url.template" in get.attributes) == (443, False)
    assert brew.attributes["http.request.method"] == "_OTHER"
    assert brew.attributes["http.request.method_original"] == "BREW"


@pytest.mark.parametrize("provider", [trace.ProxyTracerProvider(), trace.NoOpTracerProvider()])
async def test_without_an_sdk_nothing_is_traced_and_nothing_sent(provider: trace.TracerProvider):
    traced = Traced(respond(200), tracing=OpenTelemetryTracing(provider))
    await traced.client.call("GET", ROUTE, parts=PARTS)
    assert traced.sent("traceparent") == []


SECRETS = st.sampled_from(
    ["token", "access_token", "apiKey", "password", "X-Goog-Signature", "AWSAccessKeyId", "sig", "client_secret"]
)
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)


@given(
    st.lists(st.tuples(SECRETS, WORDS)),
    st.lists(st.tuples(st.sampled_from(["days", "keyword", "author", "page"]), WORDS)),
    st.randoms(),
)
def test_no_secret_of_a_query_is_written_and_everything_else_is(secrets, harmless, random):
    pairs = [(name, f"hush{value}hush") for name, value in secrets] + harmless
    random.shuffle(pairs)
    written = without_secrets("http://sales/p?" + "&".join(f"{name}={value}" for name, value in pairs))
    expected = [(name, "REDACTED" if value.startswith("hush") else value) for name, value in pairs]
    assert urlsplit(written).query == "&".join(f"{name}={value}" for name, value in expected)


async def test_tracing_that_fails_leaves_no_attempt_counted_as_under_way():
    class Failing:
        def attempt(self, address: str) -> AttemptSpan:
            raise RuntimeError(address)

        def answered(self, status: int, cache: str) -> None: ...

        def failed(self, error: HTTPClientError) -> None: ...

        def cancelled(self) -> None: ...

    class Tracer:
        def started(self, _call: CallInfo) -> Failing:
            return Failing()

    async with ServiceClient("http://sales", wire=ScriptedWire([]), hooks=NoHooks(), tracing=Tracer()) as client:
        with pytest.raises(RuntimeError, match="sales"):
            await client.call("POST", "/p")
        assert [instance["pending"] for instance in client.stats()["instances"]] == [0]
