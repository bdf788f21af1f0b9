"""A watched file: changed, emptied, spoilt, gone and back."""

import asyncio
import json

import pytest

from fixtures.http_peers import echo_app
from fixtures.servers import running
from shelfwise.http import CachePolicy, ConnectError, DiscoveryPolicy, NoHooks, Policy, ServiceClient

POLICY = Policy(
    cache=CachePolicy(enabled=False),
    discovery=DiscoveryPolicy(min_ttl_seconds=0.05, file_poll_seconds=0.05, retry_seconds=0.05, max_retry_seconds=0.1),
).for_service(connect_timeout_seconds=1.0)


def addresses(client: ServiceClient) -> list[str]:
    return sorted(instance["address"] for instance in client.stats()["instances"])


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_what_the_file_lists_is_called_and_a_spoilt_file_changes_nothing(tmp_path):
    listed = tmp_path / "instances"
    async with running(echo_app) as one, running(echo_app) as two:
        listed.write_text(f"# Sales\n{one.url}  # the first\n\n")
        client = ServiceClient(f"file://{listed}", POLICY, hooks=NoHooks(), name="sales")
        assert (await client.call("GET", "/p")).status == 200
        listed.write_text(json.dumps([one.url, two.url]))
        await until(lambda: addresses(client) == sorted([one.url, two.url]))
        for spoilt in ("", "[", '["ftp://a"]', '{"a": 1}', "[1]", 20000 * "[", f"{one.url}/path"):
            listed.write_text(spoilt)
            await until(lambda: client.stats()["discovery_error"] is not None)
            assert addresses(client) == sorted([one.url, two.url])
            assert (await client.call("GET", "/p")).status == 200
            listed.write_text(f"{one.url}\n{two.url}\n")
            await until(lambda: client.stats()["discovery_error"] is None)
        listed.unlink()
        await until(lambda: client.stats()["discovery_error"] is not None)
        listed.write_text(two.url)
        await until(lambda: addresses(client) == [two.url])
        await client.aclose()


async def test_a_file_that_is_not_there_is_named(tmp_path):
    client = ServiceClient(f"file://{tmp_path}/none", POLICY, hooks=NoHooks())
    with pytest.raises(ConnectError, match="none"):
        await client.call("GET", "/p")
    await client.aclose()
