"""Second attempts beside slow first ones, in simulated time."""

import asyncio
from collections.abc import Callable
from random import Random

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from shelfwise.http import (
    BudgetPolicy,
    CachePolicy,
    CallInfo,
    HedgePolicy,
    NoHooks,
    OpenTelemetryTracing,
    Policy,
    RetryPolicy,
    ServiceClient,
    Tracing,
    WireRequest,
    WireResponse,
    exceptions,
)
from shelfwise.http.hedged import TimerHandle
from shelfwise.http.testing import SimulatedClock, respond

NO_CACHE = CachePolicy(enabled=False)
QUICK, SLOW = 0.01, 0.3


class Hedges(NoHooks):
    def __init__(self) -> None:
        self.heard: list[CallInfo] = []

    def hedging(self, call: CallInfo) -> None:
        self.heard.append(call)


class Pair:
    """A client of two instances; ``script`` names how long each coming attempt takes, or how it fails.

    Once it is used up, attempts are quick.
    """

    def __init__(self, policy: Policy | None = None, tracing: Tracing | None = None) -> None:
        self.clock = SimulatedClock(0.0)
        self.script: list[float | Exception] = []
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.before_answering: Callable[[str], object] = lambda _host: None
        self.before_hedging: Callable[[], object] = lambda: None
        self.hooks = Hedges()
        self.client = ServiceClient(
            "http://a,http://b",
            policy if policy is not None else Policy(cache=NO_CACHE).for_service(),
            self,
            self.hooks,
            tracing=tracing,
            clock=self.clock,
            random=Random(5),
            sleep=self.clock.sleep,
            call_later=self.call_later,
        )

    def call_later(self, seconds: float, callback: Callable[[], None]) -> TimerHandle:
        def ring() -> None:
            self.before_hedging()
            callback()

        return self.clock.call_later(seconds, ring)

    async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109 - the seam
        host = request.url.removeprefix("http://").partition("/")[0]
        self.begun.append(host)
        step = self.script.pop(0) if self.script else QUICK
        try:
            await self.clock.sleep(step if isinstance(step, float) else 2 * QUICK)
        except asyncio.CancelledError:
            self.ended.append(f"{host} cancelled")
            raise
        self.ended.append(host)
        if isinstance(step, Exception):
            raise step
        self.before_answering(host)
        return respond(200, host.encode())

    async def aclose(self) -> None:
        pass

    async def call(
        self, *script: float | Exception, method: str = "GET", seconds: float = 1.0
    ) -> "asyncio.Task[bytes]":
        """One call under ``script``, after ``seconds`` of simulated time."""
        self.begun.clear()
        self.ended.clear()
        self.script = list(script)
        task = asyncio.ensure_future(self._body(method))
        await self.clock.run(seconds)
        return task

    async def _body(self, method: str) -> bytes:
        return (await self.client.call(method, "/p")).body

    async def learn(self) -> None:
        """The 95th percentile of latencies is 10 ms, and no call so far took longer than that: none was hedged."""
        for _ in range(50):
            (await self.call(QUICK, method="PUT", seconds=0.02)).result()
        for _ in range(50):
            (await self.call(0.9 * QUICK, seconds=0.02)).result()
        assert self.client.stats()["hedges"] == 0


async def test_a_slow_first_attempt_loses_to_its_rival_on_the_other_instance_and_is_cancelled():
    pair = Pair()
    await pair.learn()
    task = await pair.call(SLOW, QUICK, seconds=0.05)
    first, rival = pair.begun
    assert first != rival
    assert task.result() == rival.encode()
    assert pair.ended == [rival, f"{first} cancelled"]
    assert (len(pair.hooks.heard), pair.client.stats()["hedges"]) == (1, 1)


async def test_a_first_attempt_that_still_wins_cancels_its_rival():
    pair = Pair()
    await pair.learn()
    task = await pair.call(0.02, SLOW, seconds=0.05)
    first, rival = pair.begun
    assert task.result() == first.encode()
    assert pair.ended == [first, f"{rival} cancelled"]


async def test_a_first_attempt_that_fails_waits_for_the_rival_that_is_under_way():
    pair = Pair()
    await pair.learn()
    task = await pair.call(exceptions.ReadError("Reset", sent="maybe"), 0.05, seconds=0.1)
    first, rival = pair.begun
    assert task.result() == rival.encode()
    assert pair.ended == [first, rival]
    assert pair.client.stats()["retries"] == 0


async def test_when_both_fail_the_call_is_retried_as_without_a_hedge():
    pair = Pair()
    await pair.learn()
    broken = [exceptions.ReadError("Reset", sent="maybe") for _ in range(2)]
    task = await pair.call(*broken, seconds=1)
    assert len(pair.begun) == 3
    assert task.result() == pair.begun[2].encode()
    assert (pair.client.stats()["retries"], pair.client.stats()["hedges"]) == (1, 1)


async def test_in_a_trace_hedge_and_retry_are_numbered_on_and_a_loser_is_no_error():
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    pair = Pair(tracing=OpenTelemetryTracing(provider))
    await pair.learn()
    exporter.clear()

    def attempts() -> dict[int, StatusCode]:
        return {
            span.attributes.get("http.request.resend_count", 0): span.status.status_code
            for span in exporter.get_finished_spans()
            if span.kind is SpanKind.CLIENT
        }

    await pair.call(SLOW, QUICK, seconds=0.05)
    assert attempts() == {0: StatusCode.UNSET, 1: StatusCode.UNSET}
    exporter.clear()
    await pair.call(*[exceptions.ReadError("Reset", sent="maybe") for _ in range(2)], seconds=1)
    assert attempts() == {0: StatusCode.ERROR, 1: StatusCode.ERROR, 2: StatusCode.UNSET}


async def test_a_hedged_call_may_have_arrived_when_one_of_its_attempts_may():
    pair = Pair(Policy(cache=NO_CACHE, retry=RetryPolicy(max_retries=0)).for_service())
    await pair.learn()
    errors = [exceptions.ConnectError("Refused", sent="no"), exceptions.ReadError("Reset", sent="maybe")]
    task = await pair.call(*errors, seconds=0.1)
    with pytest.raises(exceptions.ConnectError) as caught:
        task.result()
    assert (len(pair.begun), caught.value.sent) == (2, "maybe")


async def test_a_callers_cancellation_ends_both_attempts_and_stays_a_cancellation():
    pair = Pair()
    await pair.learn()
    task = await pair.call(SLOW, SLOW, seconds=0.05)
    assert len(pair.begun) == 2
    task.cancel()
    await pair.clock.run(0.01)
    assert task.cancelled()
    assert sorted(pair.ended) == ["a cancelled", "b cancelled"]
    assert [instance["pending"] for instance in pair.client.stats()["instances"]] == [0, 0]


async def test_a_cancellation_in_the_moment_that_the_rival_is_made_leaves_no_instance_busy():
    pair = Pair()
    await pair.learn()
    pair.begun.clear()
    pair.script = [SLOW, SLOW]
    task = asyncio.ensure_future(pair._body("GET"))
    pair.before_hedging = task.cancel
    await pair.clock.run(0.1)
    assert task.cancelled()
    assert len(pair.begun) == 1
    assert [instance["pending"] for instance in pair.client.stats()["instances"]] == [0, 0]


async def test_a_cancellation_in_the_moment_that_the_rival_wins_is_not_lost():
    pair = Pair()
    await pair.learn()

    pair.begun.clear()
    pair.ended.clear()
    pair.script = [SLOW, QUICK]
    task = asyncio.ensure_future(pair._body("GET"))
    pair.before_answering = lambda _host: task.cancel()
    await pair.clock.run(0.1)
    assert pair.ended == [pair.begun[1], f"{pair.begun[0]} cancelled"]
    assert task.cancelled()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_what_changes_something_is_never_hedged(method: str):
    pair = Pair()
    await pair.learn()
    await pair.call(SLOW, method=method)
    assert len(pair.begun) == 1


async def test_without_latencies_there_is_no_hedge():
    pair = Pair()
    for _ in range(15):
        await pair.call(0.9 * QUICK, seconds=0.02)
    await pair.call(SLOW)
    assert len(pair.begun) == 1


async def test_hedges_are_at_most_a_twentieth_of_the_calls():
    pair = Pair()
    await pair.learn()
    for _ in range(100):
        await pair.call(0.02, 0.02, seconds=0.05)
    assert 1 <= pair.client.stats()["hedges"] <= 0.05 * 150


async def test_a_spent_retry_budget_leaves_nothing_for_hedges():
    pair = Pair(Policy(cache=NO_CACHE, budget=BudgetPolicy(ratio=0.0, reserve_per_second=0.0)).for_service())
    await pair.learn()
    await pair.call(SLOW)
    assert len(pair.begun) == 1


async def test_hedging_can_be_switched_off():
    pair = Pair(Policy(cache=NO_CACHE, hedge=HedgePolicy(max_share=0.0)).for_service())
    await pair.learn()
    await pair.call(SLOW)
    assert len(pair.begun) == 1
