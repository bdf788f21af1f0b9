"""The order of the strategies, by script and in simulated time."""

import asyncio
from collections.abc import Callable
from random import Random

import pytest

from shelfwise.http import (
    BreakerOpen,
    BudgetExhausted,
    CacheInfo,
    CachePolicy,
    Deadline,
    DeadlineExceeded,
    NoHooks,
    Policy,
    Reply,
    ServiceClient,
    exceptions,
    failure_kind,
)
from shelfwise.http.policy import BreakerPolicy, BudgetPolicy
from shelfwise.http.strategies.retry import Retry
from shelfwise.http.testing import FakeClock, ScriptedWire, SimulatedClock, Step, respond

NO_CACHE = Policy(cache=CachePolicy(enabled=False)).for_service()
REFUSED = exceptions.ConnectError("Connection refused", sent="no")


class Setup:
    """A client on a fake clock with a scripted wire."""

    def __init__(self, *steps: Step, policy: Policy | None = None, then: Callable[..., Step] | None = None) -> None:
        self.clock = FakeClock()
        self.wire = ScriptedWire(steps, clock=self.clock, then=then)
        self.client = ServiceClient(
            "http://sales", policy, self.wire, NoHooks(), clock=self.clock, random=Random(7), sleep=self.clock.sleep
        )

    async def get(self, route: str = "/p", **options: object) -> Reply:
        return await self.client.call("GET", route, **options)  # type: ignore[arg-type]


async def test_a_503_is_tried_again_and_the_good_answer_returned():
    setup = Setup(respond(503), respond(200, b"good"))
    reply = await setup.get()
    assert (reply.status, reply.body, reply.attempts) == (200, b"good", 2)


@pytest.mark.parametrize(
    ("first", "sent"),
    [(exceptions.ReadError("Reset", sent="maybe"), "maybe"), (respond(503), "yes"), (REFUSED, "no")],
)
async def test_a_call_is_unsent_only_when_none_of_its_attempts_was_sent(first: Step, sent: str):
    setup = Setup(first, *[exceptions.ConnectError("Connection refused", sent="no") for _ in range(3)])
    with pytest.raises(exceptions.ConnectError) as caught:
        await setup.client.call("PUT", "/p")
    assert caught.value.sent == sent


async def test_a_5xx_that_outlasts_its_two_retries_is_the_answer():
    setup = Setup(respond(500), respond(502), respond(503, b"sorry"))
    reply = await setup.get()
    assert (reply.status, reply.body, reply.attempts, reply.reason) == (503, b"sorry", 3, "attempts")


async def test_a_network_failure_that_outlasts_three_retries_is_raised_with_its_reason():
    setup = Setup(*[exceptions.ConnectError("Connection refused") for _ in range(4)])
    with pytest.raises(exceptions.ConnectError) as caught:
        await setup.get()
    assert (caught.value.reason, caught.value.attempts, caught.value.sent) == ("attempts", 4, "no")


async def test_a_post_without_a_key_is_not_sent_twice_when_it_may_have_arrived():
    setup = Setup(exceptions.ReadError("reset", sent="maybe"))
    with pytest.raises(exceptions.ReadError) as caught:
        await setup.client.call("POST", "/orders", body=b"{}")
    assert caught.value.reason == "unsafe_method"
    assert len(setup.wire.requests) == 1


@pytest.mark.parametrize(
    ("headers", "safe", "error"),
    [
        ({"Idempotency-Key": "k"}, False, exceptions.ReadError("reset", sent="maybe")),
        ({}, True, exceptions.ReadError("reset", sent="maybe")),
        ({}, False, exceptions.ConnectError("refused", sent="no")),
    ],
)
async def test_a_post_is_repeated_with_a_key_when_declared_safe_or_when_unsent(headers, safe, error):
    setup = Setup(error, respond(201))
    assert (await setup.client.call("POST", "/orders", body=b"{}", headers=headers, safe=safe)).status == 201


async def test_the_rest_of_the_time_travels_as_grpc_timeout():
    setup = Setup(0.4, respond(503), respond(200), policy=Policy(total_timeout_seconds=2.0))
    await setup.get()
    first, second = (dict(request.headers)["grpc-timeout"] for request in setup.wire.requests)
    assert first == "1980m"
    assert int(second[:-1]) < 1600


async def test_an_attempt_has_half_a_second_and_the_call_two():
    setup = Setup(*[10.0] * 10)
    started = setup.clock()
    with pytest.raises((exceptions.ReadTimeout, DeadlineExceeded)) as caught:
        await setup.get()
    assert setup.clock() - started <= 2.0 + 1e-9
    assert len(setup.wire.requests) in {3, 4}
    assert failure_kind(caught.value) == "timeout"


async def test_the_callers_deadline_bounds_the_call_and_its_end_is_named():
    setup = Setup(*[10.0] * 10)
    with pytest.raises(DeadlineExceeded) as caught:
        await setup.get(deadline=Deadline.after(0.3, setup.clock))
    assert (caught.value.reason, caught.value.sent) == ("deadline", "maybe")
    assert len(setup.wire.requests) == 1


async def test_a_deadline_that_has_passed_sends_nothing():
    setup = Setup()
    deadline = Deadline.after(0.1, setup.clock)
    setup.clock.advance(1)
    with pytest.raises(DeadlineExceeded) as caught:
        await setup.get(deadline=deadline)
    assert caught.value.sent == "no"
    assert setup.wire.requests == []


async def test_a_dead_instance_opens_its_breaker_and_calls_then_fail_without_the_wire():
    setup = Setup(then=lambda _: REFUSED, policy=NO_CACHE)
    for _ in range(2):
        with pytest.raises(exceptions.ConnectError):
            await setup.get()
    sent = len(setup.wire.requests)
    assert sent == 5
    with pytest.raises(BreakerOpen) as caught:
        await setup.get()
    assert (caught.value.reason, caught.value.sent) == ("breaker", "no")
    assert len(setup.wire.requests) == sent
    assert setup.client.stats()["instances"][0]["breaker"] == "open"


async def test_timeouts_that_ring_late_because_this_process_was_held_up_open_no_breaker():
    clock = FakeClock()

    class HeldUp:
        async def send(self, request, timeout):  # noqa: ASYNC109
            clock.advance(timeout + 0.3)
            raise exceptions.ReadTimeout("No answer", sent="maybe")

        async def aclose(self):
            pass

    client = ServiceClient("http://sales", NO_CACHE, HeldUp(), NoHooks(), clock=clock, sleep=clock.sleep)
    for _ in range(10):
        with pytest.raises(exceptions.HTTPClientError):
            await client.call("GET", "/p")
    assert client.stats()["instances"][0]["breaker"] == "closed"


async def test_a_504_to_a_caller_in_a_hurry_says_nothing_of_the_instance_and_any_other_opens_the_breaker():
    hurried, patient = Setup(then=lambda _: respond(504)), Setup(then=lambda _: respond(504))
    for _ in range(10):
        assert (await hurried.get(timeout=0.1)).status == 504
    assert hurried.client.stats()["instances"][0]["breaker"] == "closed"
    with pytest.raises(BreakerOpen):
        for _ in range(10):
            await patient.get()


async def test_after_five_seconds_a_probe_closes_it():
    up = False
    setup = Setup(then=lambda _: respond(200) if up else REFUSED, policy=NO_CACHE)
    for _ in range(3):
        with pytest.raises(exceptions.HTTPClientError):
            await setup.get()
    up = True
    setup.clock.advance(5.6)
    assert (await setup.get()).status == 200
    assert setup.client.stats()["instances"][0]["breaker"] == "closed"


async def test_a_cancelled_call_counts_as_nothing():
    forever = asyncio.Event()

    class Hanging(ScriptedWire):
        async def send(self, request, timeout):  # noqa: ASYNC109
            await forever.wait()
            raise AssertionError

    client = ServiceClient("http://sales", NO_CACHE, Hanging(), NoHooks())
    for _ in range(30):
        task = asyncio.ensure_future(client.call("GET", "/p"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    stats = client.stats()
    assert (stats["instances"][0]["breaker"], stats["in_flight"], stats["failures"]) == ("closed", 0, {})


async def test_a_spent_budget_is_named_with_the_failure_under_it():
    policy = Policy(budget=BudgetPolicy(ratio=0, reserve_per_second=0)).for_service()
    setup = Setup(REFUSED, policy=policy)
    with pytest.raises(BudgetExhausted) as caught:
        await setup.get()
    assert caught.value.last_error is REFUSED
    assert (caught.value.reason, failure_kind(caught.value)) == ("budget", "connect")


async def test_a_retry_after_longer_than_the_call_stops_retries_until_then():
    setup = Setup(
        respond(503, headers=[("retry-after", "20")]), respond(503), respond(503), respond(200), policy=NO_CACHE
    )
    assert (await setup.get()).reason == "deadline"
    assert (await setup.get()).reason == "limiter"
    setup.clock.advance(21)
    assert (await setup.get()).status == 200


async def test_equal_calls_in_the_air_are_one_request():
    setup = Setup(respond(200, b"one"))
    replies = await asyncio.gather(*(setup.get(partition="t", subject="u") for _ in range(50)))
    assert {reply.body for reply in replies} == {b"one"}
    assert len(setup.wire.requests) == 1


async def test_calls_that_differ_in_tenant_subject_or_language_are_not():
    setup = Setup(then=lambda _: respond(200))
    await asyncio.gather(
        setup.get(partition="a", subject="u"),
        setup.get(partition="b", subject="u"),
        setup.get(partition="a", subject="v"),
        setup.get(partition="a", subject="u", headers={"accept-language": "de"}),
    )
    assert len(setup.wire.requests) == 4


async def test_the_cancellation_of_the_first_caller_does_not_end_the_flight():
    setup = Setup(respond(200, b"one"))
    first = asyncio.ensure_future(setup.get(subject="u"))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(setup.get(subject="u"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).body == b"one"
    assert len(setup.wire.requests) == 1


async def test_a_waiter_with_more_time_than_the_leader_asks_again():
    setup = Setup(0.3, respond(200, b"late"), respond(200, b"again"))
    leader = asyncio.ensure_future(setup.get(subject="u", timeout=0.1))
    await asyncio.sleep(0)
    waiter = asyncio.ensure_future(setup.get(subject="u"))
    with pytest.raises(DeadlineExceeded):
        await leader
    assert (await waiter).status == 200


async def test_a_repeated_get_is_answered_from_the_cache_with_its_age():
    setup = Setup(respond(200, b"x"))
    await setup.get(subject="u")
    setup.clock.advance(4)
    reply = await setup.get(subject="u")
    assert (reply.cache.status, reply.cache.is_stale, reply.attempts) == ("hit", False, 0)
    assert reply.cache.age_seconds == pytest.approx(4)
    assert reply.cache.cache_status().startswith("shelfwise; hit; ttl=")


async def test_a_safe_post_is_cached_by_its_body():
    setup = Setup(respond(200, b"1"), respond(200, b"2"))
    for body, expected in ((b'["a"]', b"1"), (b'["b"]', b"2"), (b'["a"]', b"1")):
        reply = await setup.client.call("POST", "/query", body=body, safe=True, subject="u")
        assert reply.body == expected


async def test_a_call_with_credentials_but_no_subject_is_never_cached():
    setup = Setup(respond(200, b"1"), respond(200, b"2"))
    bodies = [(await setup.get(headers={"Authorization": "Bearer t"})).body for _ in range(2)]
    assert bodies == [b"1", b"2"]


async def test_a_stale_answer_is_served_while_it_is_fetched_anew():
    setup = Setup(respond(200, b"old"), respond(200, b"new"))
    await setup.get(subject="u")
    setup.clock.advance(15)
    reply = await setup.get(subject="u")
    assert (reply.body, reply.cache.stale_reason) == (b"old", "revalidate")
    for _ in range(5):
        await asyncio.sleep(0)
    reply = await setup.get(subject="u")
    assert (reply.body, reply.cache.status) == (b"new", "hit")


@pytest.mark.parametrize("trouble", [REFUSED, respond(503), respond(500)])
async def test_a_stale_answer_is_served_when_the_peer_cannot_be_asked(trouble: Step):
    up = True
    setup = Setup(then=lambda _: respond(200, b"old") if up else trouble)
    await setup.get(subject="u")
    up = False
    setup.clock.advance(100)
    reply = await setup.get(subject="u")
    assert (reply.body, reply.cache.status, reply.cache.stale_reason) == (b"old", "stale", "error")
    assert reply.cache.age_seconds >= 100
    setup.clock.advance(250)
    if isinstance(trouble, Exception):
        with pytest.raises(exceptions.HTTPClientError):
            await setup.get(subject="u")
    else:
        assert (await setup.get(subject="u")).status == trouble.status  # type: ignore[union-attr]


async def test_one_lost_connection_is_one_failure_however_many_calls_it_carried():
    lost: list[Step] = []
    for _ in range(50):
        lost += [0.001, exceptions.WriteError("connection lost", sent="maybe")]
    setup = Setup(*lost, respond(200), policy=NO_CACHE)
    calls = [asyncio.ensure_future(setup.client.call("POST", "/p")) for _ in range(50)]
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(end, exceptions.WriteError) for end in ended)
    assert setup.client.stats()["instances"][0]["breaker"] == "closed"
    assert (await setup.get()).status == 200


async def test_no_cache_asks_anew_and_no_store_leaves_no_trace():
    setup = Setup(respond(200, b"1"), respond(200, b"2"), respond(200, b"3"))
    await setup.get(subject="u")
    assert (await setup.get(subject="u", headers={"Cache-Control": "no-cache"})).body == b"2"
    assert (await setup.get(subject="u", headers={"Cache-Control": "no-store"})).body == b"3"
    assert (await setup.get(subject="u")).body == b"2"


async def test_an_invalidated_tag_asks_anew():
    setup = Setup(respond(200, b"1"), respond(200, b"2"))
    await setup.get(subject="u", tags=["product:1"])
    assert setup.client.invalidate("product:1") == 1
    assert (await setup.get(subject="u", tags=["product:1"])).body == b"2"


async def test_closing_ends_what_is_in_the_air():
    class Hanging(ScriptedWire):
        async def send(self, request, timeout):  # noqa: ASYNC109
            await asyncio.Event().wait()
            raise AssertionError

    client = ServiceClient("http://sales", None, Hanging(), NoHooks())
    call = asyncio.ensure_future(client.call("GET", "/p", subject="u"))
    await asyncio.sleep(0)
    await client.aclose()
    with pytest.raises(exceptions.ReadError, match="closed"):
        await call


@pytest.mark.parametrize("calls_per_second", [2, 20, 200])
async def test_in_a_storm_attempts_stay_within_a_fifth_of_the_calls_and_three_a_second(calls_per_second: int):
    """The peer fails every call for a minute; the breaker is held shut, so that the budget stands alone."""
    shut = BreakerPolicy(consecutive_failures=10**9, minimum_calls=10**9)
    policy = Policy(cache=CachePolicy(enabled=False), breaker=shut).for_service()
    clock = SimulatedClock()
    wire = ScriptedWire(then=lambda _: respond(500))
    client = ServiceClient("http://sales", policy, wire, NoHooks(), clock=clock, random=Random(7), sleep=clock.sleep)
    seconds = 60
    calls: list[asyncio.Task[Reply]] = []
    for number in range(calls_per_second * seconds):
        calls.append(asyncio.ensure_future(client.call("GET", "/p", partition=str(number % 3))))
        await clock.run(1 / calls_per_second)
    attempts = len(wire.requests)
    assert len(calls) < attempts <= 1.2 * len(calls) + 3 * seconds
    await clock.run(2)
    assert {call.result().status for call in calls} == {500}


async def test_hooks_hear_of_the_call_its_retries_and_the_breaker():
    heard: list[str] = []

    class Listening(NoHooks):
        def retrying(self, call: object, retry: Retry) -> None:
            heard.append(f"retry {retry.retry_class}")

        def breaker_changed(self, target: str, instance: str, state: str) -> None:
            heard.append(f"{target} {instance} {state}")

        def failed(self, call: object, error: Exception, seconds: float) -> None:
            heard.append(type(error).__name__)

    clock = FakeClock()
    wire = ScriptedWire(then=lambda _: REFUSED)
    client = ServiceClient("http://sales", NO_CACHE, wire, Listening(), clock=clock, sleep=clock.sleep, name="s")
    for _ in range(2):
        with pytest.raises(exceptions.ConnectError):
            await client.call("GET", "/p")
    expected = ["retry network"] * 3 + ["ConnectError", "s http://sales open", "ConnectError"]
    assert heard == expected


def test_an_answer_of_the_network_is_not_stale():
    assert not CacheInfo("miss", 0.0, None, 0.0, None).is_stale
