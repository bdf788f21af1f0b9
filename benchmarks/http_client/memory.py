"""Whether memory stays flat over many calls, each for another product and one of a hundred tenants."""

import asyncio
import gc
import os
import statistics
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict

import uvloop

from benchmarks.http_client import machine
from benchmarks.http_client.clients import DECODE, ROUTE, UNCACHED, StubWire
from shelfwise.http import AsyncioWire, Policy, ServiceClient

CONCURRENT = 20
REDUCTION = 10


class Setting(NamedTuple):
    """``warm_up`` calls fill the windows, the tables and the cache, after which nothing may grow."""

    name: str
    wire: Literal["stub", "real"]
    policy: Policy
    calls: int
    warm_up: int


SETTINGS = (
    Setting("stub wire, cache off", "stub", UNCACHED, 1_000_000, 100_000),
    Setting("stub wire, cache on, no key twice", "stub", Policy().for_service(), 1_000_000, 100_000),
    Setting("real wire, cache off", "real", UNCACHED, 100_000, 10_000),
)
# The smallest object that every call could leave over takes 16 bytes. Tables that are full are rebuilt now and then,
# which is a step; what leaks grows in every tenth of the run.
LIMIT_BYTES_A_CALL, LIMIT_STEPS_BYTES = 8, 8 * 1024 * 1024
TENTHS = 10


class Outcome(TypedDict):
    """``rss_bytes`` before the calls and after each tenth of them."""

    setting: str
    calls: int
    rss_bytes: list[int]
    flat: bool


def run(*, full: bool) -> list[Outcome]:
    """RSS before and after the calls of each setting, a tenth of them unless ``full``."""
    client_core, server_core = machine.cores()
    machine.pin(client_core)
    outcomes: list[Outcome] = []
    with (
        machine.Server("HTTP/2", server_core) as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        for setting in SETTINGS:
            outcome = runner.run(_grown(setting, server.url, setting.calls if full else setting.calls // REDUCTION))
            outcomes.append(outcome)
            said = "flat" if outcome["flat"] else "NOT FLAT"
            print(
                f"{setting.name:36}{outcome['calls']:>10,} calls: RSS {outcome['rss_bytes'][0]:,} bytes before, "
                f"{outcome['rss_bytes'][-1]:,} after: {said}"
            )
    return outcomes


async def _grown(setting: Setting, url: str, calls: int) -> Outcome:
    wire = AsyncioWire(setting.policy) if setting.wire == "real" else StubWire()
    async with ServiceClient(url, setting.policy, wire) as client:
        await _many(client, 0, setting.warm_up)
        rss = [_rss_bytes()]
        for tenth in range(TENTHS):
            first = setting.warm_up + tenth * calls // TENTHS
            await _many(client, first, first + calls // TENTHS)
            rss.append(_rss_bytes())
    await wire.aclose()
    growth = [after - before for before, after in pairwise(rss)]
    flat = statistics.median(growth) <= LIMIT_BYTES_A_CALL * calls / TENTHS and rss[-1] - rss[0] <= max(
        LIMIT_BYTES_A_CALL * calls, LIMIT_STEPS_BYTES
    )
    return {"setting": setting.name, "calls": calls, "rss_bytes": rss, "flat": flat}


async def _many(client: ServiceClient, first: int, last: int) -> None:
    numbers = iter(range(first, last))

    async def worker() -> None:
        for number in numbers:
            reply = await client.call(
                "GET",
                ROUTE,
                parts={"product_id": f"PRD-{number}"},
                params={"days": 30},
                partition=f"tenant-{number % 100}",
                subject="user",
            )
            DECODE(reply.body)

    await asyncio.gather(*(worker() for _ in range(CONCURRENT)))


def _rss_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
