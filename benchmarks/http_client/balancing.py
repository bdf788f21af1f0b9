"""Three real instances, one of which turns slow and recovers: what the calls and the traffic look like meanwhile.

    python benchmarks/http_client/balancing.py [--seconds 10] [--rate 300] [--check]

Calls leave at a steady rate, whatever the answers do. Prints per second the share that the slow instance got, and
writes results/balancing.json. The bar: with one of three slow, p99 below 1.5 x that of all healthy, its traffic gone
within 2 s, and back after its recovery, which ends the run.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx2
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.environment import environment as environment_of
from benchmarks.http_client import machine
from shelfwise.http import CachePolicy, HTTPClientError, NoHooks, Policy, ServiceClient

INSTANCES = 3
SLOW_MILLISECONDS = 200
WARM_UP_SECONDS = 5
GONE_WITHIN_SECONDS = 2
GONE_SHARE, BACK_SHARE, P99_RATIO = 0.05, 0.2, 1.5
# A peak of 200 ms fades to a millisecond in 53 s (time constant 10 s), and who was left out may wait as long again.
RECOVERY_PATIENCE_SECONDS = 120
BACK_IN_A_ROW = 3


class Phase(NamedTuple):
    """``counts`` are what each instance got, per second; ``failed`` calls, by exception, have no latency."""

    p50_milliseconds: float
    p99_milliseconds: float
    calls: int
    failed: dict[str, int]
    counts: list[list[int]]

    @property
    def shares(self) -> list[float]:
        """What the first instance, which is the slow one, got of each second's traffic."""
        return [got[0] / max(sum(got), 1) for got in self.counts]


class Bench:
    """Calls at a steady rate through one client, and what each instance itself has counted."""

    def __init__(self, urls: list[str], rate: float) -> None:
        self._urls = urls
        self._rate = rate
        policy = Policy(cache=CachePolicy(enabled=False)).for_service()
        self._client = ServiceClient(",".join(urls), policy, hooks=NoHooks())  # failures are counted, not logged
        self._control = httpx2.AsyncClient(http1=False, http2=True)

    async def slow(self, milliseconds: int) -> None:
        (await self._control.get(f"{self._urls[0]}/delay/{milliseconds}")).raise_for_status()

    async def phase(self, seconds: int, *, until_back: bool = False) -> Phase:
        latencies: list[float] = []
        failed: Counter[str] = Counter()
        counts: list[list[int]] = []

        async def call() -> None:
            started = time.perf_counter()
            try:
                await self._client.call("GET", "/api/sales/products/{id}/analytics", parts={"id": "PRD-1"})
            except HTTPClientError as error:
                failed[type(error).__name__] += 1
            else:
                latencies.append(time.perf_counter() - started)

        async with asyncio.TaskGroup() as calls:
            for _ in range(seconds):
                before = await self._counts()
                started = time.perf_counter()
                for number in range(int(self._rate)):
                    calls.create_task(call())
                    await asyncio.sleep(max(0.0, started + (number + 1) / self._rate - time.perf_counter()))
                counts.append([after - count for after, count in zip(await self._counts(), before, strict=True)])
                if until_back and _back(counts):
                    break
        latencies.sort()
        median, late = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
        return Phase(median * 1e3, late * 1e3, len(latencies), dict(failed), counts)

    async def _counts(self) -> list[int]:
        return [int((await self._control.get(f"{url}/count")).text) for url in self._urls]

    async def aclose(self) -> None:
        await self._client.aclose()
        await self._control.aclose()


def _back(counts: list[list[int]]) -> bool:
    latest = counts[-BACK_IN_A_ROW:]
    return len(latest) == BACK_IN_A_ROW and all(got[0] >= BACK_SHARE * sum(got) for got in latest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="how long the instance is slow")
    parser.add_argument("--rate", type=float, default=300, help="calls a second")
    parser.add_argument("--check", action="store_true", help="end with status 1 when a line is not met")
    arguments = parser.parse_args()
    environment = environment_of(machine.PACKAGES)
    client_core, server_core = machine.cores()
    machine.pin(client_core)
    with ExitStack() as stack, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        servers = [stack.enter_context(machine.Server("HTTP/2", server_core, "slowable")) for _ in range(INSTANCES)]
        bench = Bench([server.url for server in servers], arguments.rate)
        phases = runner.run(_phases(bench, arguments.seconds))
    verdicts = _judge(phases)
    for name, phase in phases.items():
        print(f"{name:12} p50 {phase.p50_milliseconds:.1f} ms, p99 {phase.p99_milliseconds:.1f} ms, ", end="")
        print(f"{phase.calls} answers, failed {phase.failed or 'none'}, share by second: ", end="")
        print(" ".join(f"{share:.0%}" for share in phase.shares))
    for text, met in verdicts.items():
        print(f"{text}: {'met' if met else 'not met'}")
    report = {name: phase._asdict() for name, phase in phases.items()}
    path = Path(__file__).parent / "results" / "balancing.json"
    path.write_text(json.dumps({"environment": environment, "phases": report, "bar": verdicts}, indent=1) + "\n")
    print(f"written: {path}")
    if arguments.check and not all(verdicts.values()):
        raise SystemExit(1)


async def _phases(bench: Bench, seconds: int) -> dict[str, Phase]:
    try:
        await bench.phase(WARM_UP_SECONDS)
        healthy = await bench.phase(seconds)
        await bench.slow(SLOW_MILLISECONDS)
        one_slow = await bench.phase(seconds)
        await bench.slow(0)
        recovered = await bench.phase(RECOVERY_PATIENCE_SECONDS, until_back=True)
    finally:
        await bench.aclose()
    return {"healthy": healthy, "one slow": one_slow, "recovered": recovered}


def _judge(phases: dict[str, Phase]) -> dict[str, bool]:
    healthy, slow, recovered = phases.values()
    ratio = slow.p99_milliseconds / healthy.p99_milliseconds
    gone = max(slow.shares[GONE_WITHIN_SECONDS:], default=1.0)
    failed = sum(sum(phase.failed.values()) for phase in phases.values())
    waited = len(recovered.counts) - BACK_IN_A_ROW
    return {
        f"p99 with one slow is {ratio:.2f} x that of all healthy (below {P99_RATIO})": ratio < P99_RATIO,
        f"after {GONE_WITHIN_SECONDS} s the slow one got at most {gone:.1%} (at most {GONE_SHARE:.0%})": gone
        <= GONE_SHARE,
        f"{waited} s after its recovery it has {BACK_SHARE:.0%} or more again": _back(recovered.counts),
        f"{failed} calls failed (none)": failed == 0,
    }


if __name__ == "__main__":
    main()
