"""What the slices say: the bar's table, and the figures as JSON."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from benchmarks.http_client.clients import BARE, FACE, HIT, STUB, TYPED
from benchmarks.http_client.measure import IN_MEMORY, Cell, Found, Slice

Figure = Callable[[Slice], float]
Direction = Literal["at least", "at most", "below"]
H1, H2 = "HTTP/1.1", "HTTP/2"
AT_20, AT_100 = 20, 100
MICROSECONDS = "us of CPU a call"


def rate(taken: Slice) -> float:
    return taken.requests_per_second


def cost(taken: Slice) -> float:
    return taken.cpu_microseconds


def p99(taken: Slice) -> float:
    return taken.p99_milliseconds


class Spread(NamedTuple):
    """The median decides; the least and the greatest of the rounds say how far it can be trusted."""

    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.median:9.2f} ({self.lowest:.2f} .. {self.highest:.2f})"


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the bar: a figure of ours beside that of a peer, taken within each round; ``peer`` None: alone."""

    text: str
    ours: Cell
    peer: Cell | None
    figure: Figure
    direction: Direction
    limit: float

    def judge(self, found: Found) -> "Verdict":
        values = self._per_round(found)
        by_cpu = None
        if self.peer is not None and self.figure is rate:
            pairs = zip(found[self.ours], found[self.peer], strict=True)
            by_cpu = spread([cost(theirs) / cost(mine) for mine, theirs in pairs])
        return Verdict(self, spread(values), by_cpu)

    def met(self, value: float) -> bool:
        if self.direction == "at least":
            return value >= self.limit
        return value < self.limit if self.direction == "below" else value <= self.limit

    def _per_round(self, found: Found) -> list[float]:
        """Of every round the ratio, for a cost the difference, or the figure itself when there is no peer."""
        ours = [self.figure(taken) for taken in found[self.ours]]
        if self.peer is None:
            return ours
        pairs = zip(ours, (self.figure(taken) for taken in found[self.peer]), strict=True)
        if self.figure is cost:
            return [mine - theirs for mine, theirs in pairs]
        return [mine / theirs for mine, theirs in pairs]


class Verdict(NamedTuple):
    """``by_cpu`` is the same ratio by the CPU time of a call, which other work on the machine disturbs less."""

    bar: Bar
    by_clock: Spread
    by_cpu: Spread | None

    @property
    def met_by_clock(self) -> bool:
        return self.bar.met(self.by_clock.median)

    @property
    def met_by_cpu(self) -> bool:
        return self.by_cpu is None or self.bar.met(self.by_cpu.median)

    @property
    def met(self) -> bool:
        return self.met_by_clock and self.met_by_cpu

    def __str__(self) -> str:
        if self.met_by_clock == self.met_by_cpu or self.by_cpu is None:
            return "met" if self.met else "not met"
        return "met by the clock only" if self.met_by_clock else "met by CPU time only"


def _bars() -> list[Bar]:
    aiohttp20, aiohttp100 = Cell("aiohttp", H1, AT_20), Cell("aiohttp", H1, AT_100)
    stub, hit = Cell(STUB, IN_MEMORY, 1), Cell(HIT, IN_MEMORY, 1)
    bars: list[Bar] = []
    # HTTP/2 is what the client speaks by default to a peer that can; HTTP/1.1 is held to the same bar.
    for protocol in (H2, H1):
        typed20, typed100 = Cell(TYPED, protocol, AT_20), Cell(TYPED, protocol, AT_100)
        face20, bare20 = Cell(FACE, protocol, AT_20), Cell(BARE, protocol, AT_20)
        httpx = Cell("httpx", protocol, AT_20)
        bars += [
            Bar(f"typed {protocol} / aiohttp, requests/s", typed20, aiohttp20, rate, "at least", 1.3),
            Bar(f"typed {protocol} / httpx {protocol}, requests/s", typed20, httpx, rate, "at least", 10),
            Bar(f"httpx2.Response {protocol} / aiohttp, requests/s", face20, aiohttp20, rate, "at least", 0.9),
            Bar(f"typed - bare wire {protocol}, {MICROSECONDS}", typed20, bare20, cost, "at most", 15),
            Bar(f"p99 of 100, typed {protocol} / aiohttp", typed100, aiohttp100, p99, "below", 1),
        ]
    bars.append(Bar(f"typed on a stub wire, {MICROSECONDS}", stub, None, cost, "at most", 15))
    bars.append(Bar(f"cache hit, {MICROSECONDS}", hit, None, cost, "at most", 15))
    return bars


BARS = _bars()


def verdicts(found: Found) -> list[Verdict]:
    return [bar.judge(found) for bar in BARS]


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def rows(found: Found) -> list[dict[str, object]]:
    """Per cell the median of every figure, with the least and the greatest of the rounds."""
    ordered = sorted(found, key=lambda cell: (cell.protocol, cell.concurrency, cell.client))
    return [{**cell._asdict(), **_figures(found[cell])} for cell in ordered]


def _figures(slices: list[Slice]) -> dict[str, object]:
    return {name: _rounded(spread([getattr(taken, name) for taken in slices])) for name in Slice._fields}


def verdict_rows(judged: list[Verdict]) -> list[dict[str, object]]:
    return [
        {
            "bar": verdict.bar.text,
            "wanted": _wanted(verdict.bar),
            "by_clock": _rounded(verdict.by_clock),
            "by_cpu": None if verdict.by_cpu is None else _rounded(verdict.by_cpu),
            "verdict": str(verdict),
        }
        for verdict in judged
    ]


def _rounded(values: Spread) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values._asdict().items()}


def _wanted(bar: Bar) -> str:
    return f"{bar.direction} {bar.limit:g}"


def print_figures(found: Found) -> None:
    """Medians, a line per client: requests a second, CPU and p99 at each concurrency."""
    for protocol in dict.fromkeys(cell.protocol for cell in found):
        print(f"\n{protocol}: requests/s | us of CPU a call | p99 ms")
        levels = sorted({cell.concurrency for cell in found if cell.protocol == protocol})
        print(f"{'concurrent':26}" + "".join(f"{level:>28}" for level in levels))
        for client in dict.fromkeys(cell.client for cell in found if cell.protocol == protocol):
            figures = ""
            for level in levels:
                slices = found[Cell(client, protocol, level)]
                speed, cpu, late = (statistics.median(map(figure, slices)) for figure in (rate, cost, p99))
                figures += f"{speed:>12.0f} |{cpu:6.1f} |{late:6.2f}"
            print(f"{client:26}{figures}")
    _print_busy(found)


def _print_busy(found: Found) -> None:
    """Whether the figures are the clients': the server must have had time left, and nobody else the client's core."""
    busy = {cell: statistics.median(taken.server_busy for taken in slices) for cell, slices in found.items()}
    most = max(busy, key=busy.__getitem__)
    print(
        f"\nThe server used at most {busy[most]:.0%} of its core, for {most.client} at {most.concurrency} concurrent."
    )
    had = {
        f"{cell.client} {cell.protocol}": statistics.median(taken.client_busy for taken in slices)
        for cell, slices in found.items()
        if cell.concurrency == AT_20
    }
    least = min(had, key=had.__getitem__)
    print(f"At {AT_20} concurrent every client had at least {had[least]:.0%} of its core ({least}). Where it is")
    print("well below 100%, other work took the rest, and the clock favours clients with several threads.")


def print_verdicts(judged: list[Verdict]) -> None:
    head = ("the bar: medians of the ratios within each round", "wanted", "by the clock (min .. max)", "by CPU time")
    print("\n{:52}{:>13}  {:32}{:32}".format(*head))
    for verdict in judged:
        by_cpu = "" if verdict.by_cpu is None else str(verdict.by_cpu)
        print(f"{verdict.bar.text:52}{_wanted(verdict.bar):>13}  {verdict.by_clock!s:32}{by_cpu:32}{verdict}")
