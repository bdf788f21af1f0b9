"""ServiceClient against real servers."""

import asyncio
import signal
import statistics
import time

import msgspec
import pytest

from fixtures.http_peers import ServerProcess, echo_app
from fixtures.servers import running
from shelfwise.http import BreakerPolicy, CachePolicy, InvalidRoute, NoHooks, Policy, ServiceClient, exceptions
from shelfwise.http.testing import FaultProxy

NO_CACHE = Policy(cache=CachePolicy(enabled=False), breaker=BreakerPolicy(open_seconds=1.0)).for_service()


async def test_a_call_goes_out_over_http2_as_its_route_says():
    async with running(echo_app) as server, ServiceClient(server.url + "/api/", hooks=NoHooks()) as client:
        reply = await client.call(
            "GET", "/products/{product_id}/analytics", parts={"product_id": "a/b ü"}, params={"days": 30, "x": None}
        )
    seen = msgspec.json.decode(reply.body)
    assert (reply.status, reply.http_version) == (200, "HTTP/2")
    assert seen["raw_path"] == "/api/products/a%2Fb%20%C3%BC/analytics"
    assert seen["query"] == "days=30"
    assert reply.header("Content-Type") == "application/json"


@pytest.mark.parametrize("part", ["..", ".", ""])
async def test_a_part_cannot_change_the_route(part: str):
    async with ServiceClient("http://127.0.0.1:1", hooks=NoHooks()) as client:
        with pytest.raises(InvalidRoute):
            await client.call("GET", "/products/{product_id}/analytics", parts={"product_id": part})


@pytest.mark.parametrize("path", ["@elsewhere.test/", ".elsewhere.test/", ":80/", ""])
async def test_a_path_cannot_name_another_host(path: str):
    async with ServiceClient("http://127.0.0.1", hooks=NoHooks()) as client:
        with pytest.raises(InvalidRoute):
            await client.send("GET", path)


@pytest.mark.parametrize("target", ["ftp://a", "http://", "http://user:password@a", "http://a?x=1", "a"])
async def test_a_target_is_a_plain_base_url(target: str):
    with pytest.raises(ValueError, match="target"):
        ServiceClient(target)


async def test_a_service_target_follows_no_redirect():
    async with running(echo_app) as server, ServiceClient(server.url, hooks=NoHooks()) as client:
        assert (await client.call("GET", "/status/302")).status == 302


async def test_a_hundred_concurrent_calls_share_one_connection():
    async with running(echo_app) as server, FaultProxy("127.0.0.1", server.port) as proxy:
        policy = Policy(cache=CachePolicy(enabled=False))
        async with ServiceClient(proxy.url, policy, hooks=NoHooks()) as client:
            replies = await asyncio.gather(*(client.call("GET", "/p") for _ in range(100)))
        assert {reply.http_version for reply in replies} == {"HTTP/2"}
        assert proxy.accepted == 1


def test_one_client_serves_one_event_loop_after_another():
    async def once(client: ServiceClient) -> tuple[int, int]:
        replies = await asyncio.gather(*(client.call("GET", "/p", subject="u") for _ in range(5)))
        return replies[0].status, len(replies)

    async def both() -> None:
        async with running(echo_app) as server:
            client = ServiceClient(server.url, hooks=NoHooks())
            assert await asyncio.to_thread(asyncio.run, once(client)) == (200, 5)
            assert await asyncio.to_thread(asyncio.run, once(client)) == (200, 5)
            await client.aclose()

    asyncio.run(both())


async def test_a_frozen_service_opens_the_breaker_and_is_found_again_when_it_goes_on():
    async with ServerProcess() as server, ServiceClient(server.url, NO_CACHE, hooks=NoHooks()) as client:
        assert (await client.call("GET", "/p")).status == 200
        server.send_signal(signal.SIGSTOP)
        errors = []
        while client.stats()["instances"][0]["breaker"] != "open":
            started = time.monotonic()
            with pytest.raises(exceptions.HTTPClientError) as caught:
                await client.call("GET", "/p")
            errors.append(caught.value)
            assert time.monotonic() - started < 2.5
        assert len(errors) <= 3
        assert all(exceptions.failure_kind(error) == "timeout" for error in errors)

        times = []
        for _ in range(50):
            started = time.monotonic()
            with pytest.raises(exceptions.BreakerOpen):
                await client.call("GET", "/p")
            times.append(time.monotonic() - started)
        assert statistics.median(times) < 0.05

        server.send_signal(signal.SIGCONT)
        async with asyncio.timeout(20):
            while True:
                try:
                    reply = await client.call("GET", "/p")
                    break
                except exceptions.HTTPClientError:
                    await asyncio.sleep(0.1)
        assert reply.status == 200
        assert client.stats()["instances"][0]["breaker"] == "closed"


async def test_a_killed_service_is_refused_then_cut_off_and_found_again_at_the_same_address():
    async with ServerProcess() as first:
        client = ServiceClient(first.url, NO_CACHE, hooks=NoHooks())
        assert (await client.call("GET", "/p")).http_version == "HTTP/2"
        port = first.port
    kinds = set()
    for _ in range(4):
        with pytest.raises(exceptions.HTTPClientError) as caught:
            await client.call("GET", "/p")
        kinds.add(exceptions.failure_kind(caught.value))
    assert kinds <= {"connect", "network", "breaker_open"}
    assert "breaker_open" in kinds
    async with ServerProcess(port):
        async with asyncio.timeout(20):
            while True:
                try:
                    reply = await client.call("GET", "/p")
                    break
                except exceptions.HTTPClientError:
                    await asyncio.sleep(0.1)
        assert reply.http_version == "HTTP/2"
        await client.aclose()


async def test_through_resets_and_latency_every_call_ends_within_its_time():
    async with running(echo_app) as server, FaultProxy("127.0.0.1", server.port) as proxy:
        proxy.latency_seconds = 0.005
        async with ServiceClient(proxy.url, NO_CACHE, hooks=NoHooks()) as client:

            async def one(number: int) -> str:
                await asyncio.sleep(number * 0.002)
                if number % 50 == 49:
                    proxy.reset_all()
                started = time.monotonic()
                try:
                    reply = await client.call("GET", "/p/{n}", parts={"n": str(number)})
                except exceptions.HTTPClientError as error:
                    ended = type(error).__name__
                else:
                    assert msgspec.json.decode(reply.body)["path"] == f"/p/{number}"
                    ended = "ok"
                assert time.monotonic() - started < 3.0
                return ended

            ends = await asyncio.gather(*(one(number) for number in range(300)))
        assert ends.count("ok") > 150
