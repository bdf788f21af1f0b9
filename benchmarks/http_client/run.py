"""Requests per second of the client and its peers, interleaved, against one server on another core.

    python benchmarks/http_client/run.py [--calls 2000] [--rounds 3]

Each round runs every client once at each concurrency; the median round counts. Every call decodes its body.
Writes results/latest.json beside this file.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import msgspec
import pyqwest
import uvloop
from pyreqwest.client import ClientBuilder

from shelfwise.http import CachePolicy, HTTPClient, NoHooks, Policy, RustWire, ServiceClient, WireRequest

HERE = Path(__file__).parent
CONCURRENCY = (1, 20, 100)
Call = Callable[[], Awaitable[None]]


class Sales(msgspec.Struct):
    product_id: str
    total_quantity_sold: int
    average_daily_sales: float


DECODE = msgspec.json.Decoder(Sales).decode
PATH = "/api/sales/products/PRD-123/analytics?days=30"


def contenders(url: str) -> dict[str, Call]:
    """One call of each client, decoded; all over HTTP/2 on a warm connection."""
    policy = Policy(cache=CachePolicy(enabled=False))
    service = ServiceClient(url, policy.for_service(attempt_timeout_seconds=2), hooks=NoHooks())
    cached = ServiceClient(url, hooks=NoHooks())
    wire = RustWire()
    bare_pyqwest = pyqwest.HTTPTransport(
        http_version=pyqwest.HTTPVersion.HTTP2, enable_otel=False, enable_gzip=False, enable_brotli=False
    )
    bare_pyreqwest = ClientBuilder().http2_prior_knowledge().build()
    plain = httpx2.AsyncClient(http1=False, http2=True)
    HTTPClient.configure(policy, hooks=NoHooks())
    route, parts, params = "/api/sales/products/{id}/analytics", {"id": "PRD-123"}, {"days": 30}

    async def typed() -> None:
        DECODE((await service.call("GET", route, parts=parts, params=params, subject="u")).body)

    async def hit() -> None:
        DECODE((await cached.call("GET", route, parts=parts, params=params, subject="u")).body)

    async def face() -> None:
        DECODE((await HTTPClient.get(url=url + PATH)).content)

    async def over_wire() -> None:
        DECODE((await wire.send(WireRequest("GET", url + PATH, (), b""), 2)).body)

    async def with_pyqwest() -> None:
        response = await bare_pyqwest.execute(pyqwest.Request("GET", url + PATH))
        DECODE(b"".join([bytes(chunk) async for chunk in response.content]))

    async def with_pyreqwest() -> None:
        DECODE(await (await bare_pyreqwest.get(url + PATH).build().send()).bytes())

    async def with_httpx2() -> None:
        DECODE((await plain.get(url + PATH)).content)

    return {
        "shelfwise typed": typed,
        "shelfwise httpx2 face": face,
        "shelfwise bare wire": over_wire,
        "shelfwise cache hit": hit,
        "pyqwest": with_pyqwest,
        "pyreqwest": with_pyreqwest,
        "httpx2": with_httpx2,
    }


async def measure(call: Call, calls: int, concurrency: int) -> dict[str, float]:
    latencies: list[float] = []

    async def worker(count: int) -> None:
        for _ in range(count):
            started = time.perf_counter()
            await call()
            latencies.append(time.perf_counter() - started)

    await call()
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    await asyncio.gather(*(worker(max(calls // concurrency, 1)) for _ in range(concurrency)))
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    latencies.sort()
    spent = used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime
    return {
        "requests_per_second": len(latencies) / seconds,
        "cpu_microseconds_per_call": spent / len(latencies) * 1e6,
        "p50_milliseconds": latencies[len(latencies) // 2] * 1e3,
        "p99_milliseconds": latencies[int(len(latencies) * 0.99)] * 1e3,
    }


async def run(url: str, calls: int, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    clients = contenders(url)
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for _ in range(rounds):
        for concurrency in CONCURRENCY:
            for name, call in clients.items():
                found.setdefault((name, concurrency), []).append(await measure(call, calls, concurrency))
    return {
        name: {
            str(concurrency): {
                key: round(statistics.median(result[key] for result in found[name, concurrency]), 3)
                for key in found[name, concurrency][0]
            }
            for concurrency in CONCURRENCY
        }
        for name in clients
    }


def serve(port: int, core: int) -> subprocess.Popen[bytes]:
    command = ["granian", "--interface", "asgi", "--port", str(port), "--no-log", "--loop", "uvloop"]
    command = [sys.executable, "-m", *command, "--working-dir", str(HERE), "server:app"]
    return subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, {core}))  # noqa: PLW1509 - Linux only


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = serve(port, cores[-1])
    try:
        os.sched_setaffinity(0, {cores[0]})
        time.sleep(2)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            results = runner.run(run(f"http://127.0.0.1:{port}", arguments.calls, arguments.rounds))
    finally:
        server.terminate()
        server.wait()
    report = {
        "python": platform.python_version(),
        "cores": len(cores),
        "calls": arguments.calls,
        "rounds": arguments.rounds,
        "results": results,
    }
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "latest.json").write_text(json.dumps(report, indent=2) + "\n")
    for name, by_concurrency in results.items():
        row = "  ".join(
            f"{c:>3}: {r['requests_per_second']:8.0f}/s {r['cpu_microseconds_per_call']:6.0f} us"
            for c, r in by_concurrency.items()
        )
        print(f"{name:24} {row}")


if __name__ == "__main__":
    main()
