"""Discovery against a real DNS server: expiry, instances that come and go, and a resolver that is down."""

import asyncio
import time

import pytest

from fixtures.dns_server import DnsServer
from fixtures.http_peers import echo_app
from fixtures.servers import free_port, running
from shelfwise.http import CachePolicy, ConnectError, DiscoveryPolicy, NoHooks, Policy, ServiceClient


@pytest.fixture
def dns_server(tmp_path):
    server = DnsServer(tmp_path)
    yield server
    server.stop()


def policy(server: DnsServer, **more) -> Policy:
    discovery = DiscoveryPolicy(dns_server=server.address, lookup_timeout_seconds=0.5, **more)
    return Policy(cache=CachePolicy(enabled=False), discovery=discovery).for_service(connect_timeout_seconds=2.0)


def addresses(client: ServiceClient) -> list[str]:
    return sorted(instance["address"] for instance in client.stats()["instances"])


async def until(client: ServiceClient, *wanted: str) -> float:
    started = time.monotonic()
    async with asyncio.timeout(20):
        while addresses(client) != sorted(wanted):
            await asyncio.sleep(0.05)
    return time.monotonic() - started


async def test_addresses_are_found_called_and_followed_when_their_ttl_is_over(dns_server):
    await dns_server.serve("host-record=sales.test,127.0.0.1,2")
    async with running(echo_app) as server:
        client = ServiceClient(f"dns://sales.test:{server.port}", policy(dns_server), hooks=NoHooks())
        assert (await client.call("GET", "/p")).status == 200
        first = f"http://127.0.0.1:{server.port}"
        assert addresses(client) == [first]
        await dns_server.serve("host-record=sales.test,127.0.0.1,2", "host-record=sales.test,127.0.0.2,2")
        await until(client, first, f"http://127.0.0.2:{server.port}")
        await dns_server.serve("host-record=sales.test,127.0.0.1,2")
        await until(client, first)
        assert (await client.call("GET", "/p")).status == 200
        await client.aclose()


async def test_a_ttl_is_waited_for_before_the_server_is_asked_again(dns_server):
    await dns_server.serve("host-record=sales.test,127.0.0.1,30")
    async with running(echo_app) as server:
        client = ServiceClient(f"dns://sales.test:{server.port}", policy(dns_server), hooks=NoHooks())
        await client.call("GET", "/p")
        await dns_server.serve("host-record=sales.test,127.0.0.2,30")
        await asyncio.sleep(2.5)
        assert addresses(client) == [f"http://127.0.0.1:{server.port}"]
        await client.aclose()


async def test_srv_records_bring_ports_and_the_lowest_priority_goes_first(dns_server):
    async with running(echo_app) as one, running(echo_app) as two:
        hosts = ["host-record=one.test,127.0.0.1,2", "host-record=two.test,127.0.0.1,2"]
        main, spare = (
            f"srv-host=_sales._tcp.test,one.test,{one.port},10,5",
            f"srv-host=_sales._tcp.test,two.test,{two.port},20,5",
        )
        await dns_server.serve("local-ttl=1", *hosts, main, spare)
        client = ServiceClient("dns+srv://_sales._tcp.test", policy(dns_server), hooks=NoHooks())
        assert (await client.call("GET", "/p")).status == 200
        assert addresses(client) == [f"http://127.0.0.1:{one.port}"]
        await dns_server.serve("local-ttl=1", *hosts, spare)
        await until(client, f"http://127.0.0.1:{two.port}")
        assert (await client.call("GET", "/p")).status == 200
        await client.aclose()


@pytest.mark.parametrize("how", ["stopped", "paused", "empty"])
async def test_the_last_good_set_outlives_the_resolver(dns_server, how):
    await dns_server.serve("host-record=sales.test,127.0.0.1,1")
    async with running(echo_app) as server:
        client = ServiceClient(f"dns://sales.test:{server.port}", policy(dns_server), hooks=NoHooks())
        await client.call("GET", "/p")
        if how == "stopped":
            dns_server.stop()
        elif how == "paused":
            dns_server.pause()
        else:
            await dns_server.serve()
        async with asyncio.timeout(20):
            while client.stats()["discovery_error"] is None:
                assert (await client.call("GET", "/p")).status == 200
                await asyncio.sleep(0.05)
        assert (await client.call("GET", "/p")).status == 200
        await dns_server.serve("host-record=sales.test,127.0.0.2,1")
        await until(client, f"http://127.0.0.2:{server.port}")
        assert client.stats()["discovery_error"] is None
        await client.aclose()


async def test_without_a_resolver_from_the_start_a_call_ends_in_time_and_says_why(dns_server):
    discovery = DiscoveryPolicy(dns_server=f"127.0.0.1:{free_port()}", lookup_timeout_seconds=0.5)
    impatient = Policy(discovery=discovery).for_service(connect_timeout_seconds=1.5)
    client = ServiceClient("dns://sales.test:5001", impatient, hooks=NoHooks())
    with pytest.raises(ConnectError, match=r"No instance of sales\.test:5001 is known"):
        await client.call("GET", "/p")
    await client.aclose()
