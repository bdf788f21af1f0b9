"""Who shares a client with others gets none of their answers and none of their trouble."""

from random import Random

from shelfwise.http import CachePolicy, NoHooks, Policy, RateLimited, ServiceClient, WireRequest
from shelfwise.http.testing import FakeClock, ScriptedWire, Step, respond


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


def test_what_is_secret_is_in_no_representation():
    policy = Policy(proxy="http://user:hush@proxy.test", redis_url="redis://:hush@redis.test", tls_client_key=b"hush")
    request = WireRequest("POST", "http://sales/p?token=hush", (("authorization", "Bearer hush"),), b"hush")
    assert "hush" not in f"{policy!r} {request!r}"
    assert "POST http://sales/p" in repr(request)
