"""Our client and its peers against one server on another core, interleaved, and whether the bar is met.

    python benchmarks/http_client/run.py            # about two minutes
    python benchmarks/http_client/run.py --full     # the stated sizes: about a quarter of an hour
    python benchmarks/http_client/run.py --memory [--full]

Writes results/latest.json, .svg and .png beside this file; with ``--memory`` results/memory.json. With ``--check`` it
ends with status 1 when a line of the bar is not met.
"""

import argparse
import asyncio
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from random import Random

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.environment import environment as environment_of
from benchmarks.http_client import machine, memory, plot, report
from benchmarks.http_client.clients import contenders, in_memory
from benchmarks.http_client.measure import IN_MEMORY, Found, rounds

RESULTS = Path(__file__).parent / "results"
SHORT, FULL = (7, 0.2), (15, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the stated sizes")
    parser.add_argument("--memory", action="store_true", help="measure memory over many calls instead of speed")
    parser.add_argument("--rounds", type=int, help="how often each client has its turn (7, in full 15)")
    parser.add_argument("--seconds", type=float, help="how long a turn is (0.2, in full 1)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the folder to write to")
    parser.add_argument("--check", action="store_true", help="end with status 1 when a line is not met")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    if arguments.memory:
        met = _memory(arguments.output, full=arguments.full)
    else:
        count, seconds = FULL if arguments.full else SHORT
        met = _speed(arguments.output, arguments.rounds or count, arguments.seconds or seconds)
    if arguments.check and not met:
        raise SystemExit(1)


def _memory(output: Path, *, full: bool) -> bool:
    environment = environment_of(machine.PACKAGES)
    outcomes = memory.run(full=full)
    _write(output / "memory.json", {"environment": environment, "reduced": not full, "results": outcomes})
    return all(outcome["flat"] for outcome in outcomes)


def _speed(output: Path, count: int, seconds: float) -> bool:
    environment = environment_of(machine.PACKAGES)
    client_core, server_core = machine.cores()
    machine.pin(client_core)
    with ExitStack() as stack, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        servers: dict[str, machine.Server] = {
            protocol: stack.enter_context(machine.Server(protocol, server_core)) for protocol in machine.PROTOCOLS
        }
        found = runner.run(_measure(servers, count, seconds))
    judged = report.verdicts(found)
    report.print_figures(found)
    report.print_verdicts(judged)
    settings = {"rounds": count, "seconds": seconds}
    results = {"bar": report.verdict_rows(judged), "results": report.rows(found)}
    _write(output / "latest.json", {"environment": environment, **settings, **results})
    caption = (
        f"{environment['cpu']}, Python {environment['python']}, {count} rounds of {seconds:g} s, {environment['at']}"
    )
    plot.draw(found, caption, output / "latest")
    return all(verdict.met for verdict in judged)


async def _measure(servers: dict[str, machine.Server], count: int, seconds: float) -> Found:
    everybody = {protocol: contenders(server.url, server.protocol) for protocol, server in servers.items()}
    everybody[IN_MEMORY] = in_memory()
    try:
        return await rounds(
            everybody,
            servers,
            count=count,
            seconds=seconds,
            random=Random(),
            progress=lambda done: print(f"round {done} of {count}", file=sys.stderr),
        )
    finally:
        for contender in [each for some in everybody.values() for each in some]:
            await contender.aclose()


def _write(path: Path, report: dict[str, object]) -> None:
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
