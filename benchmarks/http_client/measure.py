"""Slices of measurement: every client for a moment, in rounds, in an order of its own each round."""

import asyncio
import gc
import resource
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import NamedTuple

from benchmarks.http_client.clients import Contender, Sales
from benchmarks.http_client.machine import Server

CONCURRENCY = (1, 20, 100)
IN_MEMORY = "in memory"
EXPECTED = Sales("PRD-123", 150, 180000.0, 5.0, "increasing", "2024-01-15T10:00:00Z", 30)


class Cell(NamedTuple):
    """What is measured: ``protocol`` is one of HTTP, or ``in memory``."""

    client: str
    protocol: str
    concurrency: int


class Slice(NamedTuple):
    """One client at one concurrency in one round; what is busy is the share of the time that it computed."""

    requests_per_second: float
    cpu_microseconds: float
    p50_milliseconds: float
    p99_milliseconds: float
    client_busy: float
    server_busy: float


Found = dict[Cell, list[Slice]]


async def rounds(
    clients: Mapping[str, Sequence[Contender]],
    servers: Mapping[str, Server],
    *,
    count: int,
    seconds: float,
    random: Random,
    progress: Callable[[int], None],
) -> Found:
    """Per cell one slice of each round; ``clients`` and ``servers`` are by protocol."""
    found: Found = {}
    for number in range(count):
        for concurrency in random.sample(CONCURRENCY, len(CONCURRENCY)):
            turns = [
                (contender, protocol)
                for protocol, all_of_it in clients.items()
                for contender in all_of_it
                if concurrency == 1 or protocol != IN_MEMORY
            ]
            for contender, protocol in random.sample(turns, len(turns)):
                taken = await _slice(contender, servers.get(protocol), concurrency, seconds)
                found.setdefault(Cell(contender.name, protocol, concurrency), []).append(taken)
        progress(number + 1)
    return found


async def _slice(contender: Contender, server: Server | None, concurrency: int, seconds: float) -> Slice:
    gc.collect()
    await _warm_up(contender, concurrency)
    latencies: list[float] = []
    busy = 0.0 if server is None else server.cpu_seconds()
    cpu, started = cpu_seconds(), time.perf_counter()
    await asyncio.gather(*(_worker(contender.call, started + seconds, latencies) for _ in range(concurrency)))
    elapsed, used = time.perf_counter() - started, cpu_seconds() - cpu
    busy = 0.0 if server is None else server.cpu_seconds() - busy
    latencies.sort()
    count = len(latencies)
    return Slice(
        count / elapsed,
        used / count * 1e6,
        latencies[count // 2] * 1e3,
        latencies[int(count * 0.99)] * 1e3,
        used / elapsed,
        busy / elapsed,
    )


async def _warm_up(contender: Contender, concurrency: int) -> None:
    """Open the connections, and see that the answer is the right one."""
    for answer in await asyncio.gather(*(contender.call() for _ in range(concurrency))):
        if answer != EXPECTED:
            raise SystemExit(f"{contender.name} read {answer}")


async def _worker(call: Callable[[], Awaitable[object]], until: float, latencies: list[float]) -> None:
    started = time.perf_counter()
    while started < until:
        await call()
        ended = time.perf_counter()
        latencies.append(ended - started)
        started = ended


def cpu_seconds() -> float:
    """The CPU time of this process, all threads of it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
