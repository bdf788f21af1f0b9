"""Everything at once: resets, 503s and latency between the client and a real server in a process of its own."""

import asyncio
import time
from collections import Counter
from random import Random

import msgspec
import psutil
import pytest

from fixtures.http_peers import ServerProcess
from fixtures.sizes import STATED
from shelfwise.http import CachePolicy, HTTPClientError, NoHooks, Policy, ServiceClient
from shelfwise.http.policy import HTTP2Mode, WireKind
from shelfwise.http.testing import FaultProxy

CALLS, CONCURRENT = (10_000, 200) if STATED else (1_500, 100)
DEADLINE_SECONDS = 2.0
#: A busy machine's event loop may look at the time this much too late.
SLACK_SECONDS = 1.5


def sockets_to(port: int) -> int:
    """This process' open connections to ``port``."""
    return sum(
        1
        for connection in psutil.Process().net_connections(kind="tcp")
        if connection.raddr and connection.raddr.port == port and connection.status == psutil.CONN_ESTABLISHED
    )


class Load:
    """Calls numbered from 0, some hundred at a time; ``ends`` counts how they ended, ``wrong`` the bad answers."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client
        self._numbers = iter(range(CALLS))
        self.ends: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.longest_seconds = 0.0

    async def run(self) -> None:
        await asyncio.gather(*(self._worker() for _ in range(CONCURRENT)))

    async def _worker(self) -> None:
        for number in self._numbers:
            began = time.monotonic()
            try:
                reply = await self._client.call("GET", "/flaky/{number}", parts={"number": str(number)})
            except HTTPClientError as error:
                self.ends[type(error).__name__] += 1
            else:
                self.ends[str(reply.status)] += 1
                if reply.status == 200 and msgspec.json.decode(reply.body)["path"] != f"/flaky/{number}":
                    self.wrong.append(f"{number}: {reply.body!r}")
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("http2", ["on", "off"])
@pytest.mark.parametrize("wire", ["rust", "asyncio"])
async def test_every_call_ends_in_its_time_right_or_with_an_error_of_the_tree_and_nothing_is_left(
    wire: WireKind, http2: HTTP2Mode
):
    before = asyncio.all_tasks()
    async with ServerProcess() as server, FaultProxy("127.0.0.1", server.port, random=Random(1)) as proxy:
        policy = Policy(wire=wire, http2=http2, cache=CachePolicy(enabled=False)).for_service(
            call_timeout_seconds=DEADLINE_SECONDS
        )
        client = ServiceClient(proxy.url, policy, hooks=NoHooks(), random=Random(2))
        await client.call("GET", "/")
        proxy.reset_probability, proxy.latency_seconds, proxy.latency_jitter_seconds = 0.1, 0.005, 0.01
        load = Load(client)
        await load.run()
        print(wire, http2, dict(load.ends), f"longest {load.longest_seconds:.2f} s", client.stats())
        assert load.ends.total() == CALLS
        assert load.wrong == []
        assert set(load.ends) <= {"200", "503"} | {error.__name__ for error in tree(HTTPClientError)}
        assert load.ends["200"] > 0
        assert load.longest_seconds < DEADLINE_SECONDS + SLACK_SECONDS
        assert proxy.resets > 0
        stats = client.stats()
        assert (stats["in_flight"], [one["pending"] for one in stats["instances"]]) == (0, [0])
        proxy.reset_probability = 0.0
        await recovered(client)
        await client.aclose()
        async with asyncio.timeout(30):
            while sockets_to(proxy.port):
                await asyncio.sleep(0.05)
    async with asyncio.timeout(30):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.05)


async def recovered(client: ServiceClient) -> None:
    """Returns when ten calls in a row got an answer."""
    good = 0
    async with asyncio.timeout(120):
        while good < 10:
            try:
                good = good + 1 if (await client.call("GET", "/")).status == 200 else 0
            except HTTPClientError:
                good = 0
                await asyncio.sleep(0.2)


def tree(root: type[HTTPClientError]) -> set[type[HTTPClientError]]:
    found: set[type[HTTPClientError]] = {root}
    for child in root.__subclasses__():
        found |= tree(child)
    return found
