"""A small HTTP/1.1 load generator: keep-alive connections, one request at a time on each, latencies kept whole.

Ours rather than wrk's so that a benchmark runs where only Python is; it costs about 60 us of CPU a request, which is
part of what it measures when client and server share cores.
"""

import asyncio
import time
from dataclasses import dataclass, field


@dataclass
class Load:
    """What one run saw. ``seconds`` are latencies of single requests, in the order in which they ended."""

    concurrency: int
    wall_seconds: float
    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.wall_seconds if self.wall_seconds else 0.0

    def percentile(self, share: float) -> float:
        """The latency, in seconds, that ``share`` of the requests did not exceed."""
        ordered = sorted(self.seconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")

    def summary(self) -> dict[str, object]:
        """The figures as they go to JSON."""
        return {
            "concurrency": self.concurrency,
            "requests": len(self.seconds),
            "requests_per_second": round(self.per_second, 1),
            "p50_ms": round(self.percentile(0.50) * 1000, 3),
            "p99_ms": round(self.percentile(0.99) * 1000, 3),
            "max_ms": round(max(self.seconds, default=float("nan")) * 1000, 3),
            "statuses": self.statuses,
        }


async def run(host: str, port: int, requests: list[bytes], *, concurrency: int, seconds: float) -> Load:
    """Sends the requests in turn over ``concurrency`` connections for ``seconds``."""
    load = Load(concurrency, 0.0)
    started = time.perf_counter()
    until = started + seconds
    await asyncio.gather(
        *(_connection(host, port, requests[number:] + requests[:number], until, load) for number in range(concurrency))
    )
    load.wall_seconds = time.perf_counter() - started
    return load


async def _connection(host: str, port: int, requests: list[bytes], until: float, load: Load) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    number = 0
    while (begun := time.perf_counter()) < until:
        writer.write(requests[number % len(requests)])
        status = await asyncio.wait_for(_answer(reader), 30)
        load.seconds.append(time.perf_counter() - begun)
        load.statuses[status] = load.statuses.get(status, 0) + 1
        number += 1
    writer.close()
    await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), None)
    if length is not None:
        await reader.readexactly(length)
    else:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    return int(lines[0].split()[1])
