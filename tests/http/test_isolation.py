"""Who shares a client with others gets none of their answers and none of their trouble."""

import asyncio
from random import Random

from shelfwise.http import CachePolicy, LimiterPolicy, NoHooks, Policy, RateLimited, Reply, ServiceClient, WireRequest
from shelfwise.http.testing import FakeClock, ScriptedWire, SimulatedClock, Step, respond


async def test_a_tenant_whose_calls_are_too_many_costs_another_none_of_its_own():
    def answer(request: WireRequest) -> Step:
        return respond(429 if ("t", "noisy") in request.headers else 200)

    clock = FakeClock()
    wire, policy = ScriptedWire([], clock=clock, then=answer), Policy(cache=CachePolicy(enabled=False)).for_service()
    client = ServiceClient("http://sales", policy, wire, NoHooks(), clock=clock, random=Random(7), sleep=clock.sleep)
    refused = 0
    for turn in range(1000):
        tenant = "noisy" if turn % 10 else "quiet"
        try:
            await client.call("GET", "/p", partition=tenant, headers={"t": tenant})
        except RateLimited:
            assert tenant == "noisy"
            refused += 1
    assert refused > 500


async def test_without_a_subject_calls_whose_headers_differ_get_each_their_own_answer():
    client = ServiceClient("http://sales", wire=ScriptedWire([respond(200, b"a"), respond(200, b"b")]), hooks=NoHooks())
    calls = [await client.call("GET", "/p", headers={"X-Api-Key": key}) for key in "abab"]
    assert [reply.body for reply in calls] == [b"a", b"b", b"a", b"b"]


async def test_a_call_that_joined_one_with_too_little_time_for_the_rate_limit_waits_for_its_own_turn():
    clock = SimulatedClock(0.0)
    client = ServiceClient(
        "http://sales",
        Policy(limiter=LimiterPolicy(rate_per_second=1, burst=1)).for_service(),
        ScriptedWire([respond(200), respond(200)], clock=clock),
        NoHooks(),
        clock=clock,
        sleep=clock.sleep,
    )
    await client.call("GET", "/other")
    calls = [asyncio.ensure_future(client.call("GET", "/p", timeout=seconds)) for seconds in (0.1, 1.5)]
    await clock.run(1.1)
    hasty, patient = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(hasty, RateLimited)
    assert isinstance(patient, Reply)


def test_what_is_secret_is_in_no_representation():
    policy = Policy(proxy="http://user:hush@proxy.test", redis_url="redis://:hush@redis.test", tls_client_key=b"hush")
    request = WireRequest("POST", "http://sales/p?token=hush", (("authorization", "Bearer hush"),), b"hush")
    assert "hush" not in f"{policy!r} {request!r}"
    assert "POST http://sales/p" in repr(request)
