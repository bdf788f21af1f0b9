"""Where the CPU time of one typed call goes, with every default strategy on and a wire that answers at once.

    python benchmarks/http_client/profile_call.py [--seconds 10] [--cached] [--folded FILE]

Samples the stack by CPU time (SIGPROF), which other work on the machine does not disturb and which, unlike a tracing
profiler, does not make small functions look large. Prints the cost of a call, how many Python and C functions it calls
and each function's share; ``--folded`` writes the stacks for flamegraph.pl or speedscope.
"""

import argparse
import asyncio
import cProfile
import pstats
import signal
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.http_client.clients import HIT, STUB, Contender, in_memory

SAMPLE_SECONDS = 0.001
BATCH, BATCHES = 2_000, 15
SHOWN = 25
Stack = tuple[CodeType, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="CPU time to sample")
    parser.add_argument("--cached", action="store_true", help="profile a hit of the cache instead")
    parser.add_argument("--folded", type=Path, help="write the folded stacks to this file")
    arguments = parser.parse_args()
    stacks = asyncio.run(_profile(HIT if arguments.cached else STUB, arguments.seconds))
    _print_shares(stacks)
    if arguments.folded is not None:
        lines = (f"{';'.join(map(_label, stack))} {count}\n" for stack, count in stacks.items())
        arguments.folded.write_text("".join(lines))


async def _profile(name: str, seconds: float) -> Counter[Stack]:
    contender = next(each for each in in_memory() if each.name == name)
    await _calls(contender, BATCH)
    costs = [await _cost_microseconds(contender) for _ in range(BATCHES)]
    print(f"{name}: {statistics.median(costs):.1f} us of CPU a call (least of {BATCHES} batches {min(costs):.1f})")
    print(f"{await _functions_a_call(contender):.0f} function calls, the same every time")
    stacks = await _sample(contender, seconds)
    await contender.aclose()
    return stacks


async def _calls(contender: Contender, count: int) -> None:
    for _ in range(count):
        await contender.call()


async def _cost_microseconds(contender: Contender) -> float:
    started = time.process_time()
    await _calls(contender, BATCH)
    return (time.process_time() - started) / BATCH * 1e6


async def _functions_a_call(contender: Contender) -> float:
    profile = cProfile.Profile()
    profile.enable()
    await _calls(contender, BATCH)
    profile.disable()
    total: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]  # typeshed leaves it out
    return total / BATCH


async def _sample(contender: Contender, seconds: float) -> Counter[Stack]:
    stacks: Counter[Stack] = Counter()

    def sample(_signal: int, frame: FrameType | None) -> None:
        stacks[_stack(frame)] += 1

    before = signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
    until = time.process_time() + seconds
    try:
        while time.process_time() < until:
            await _calls(contender, BATCH)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return stacks


def _stack(frame: FrameType | None) -> Stack:
    """From the call outwards in, without the event loop and this script around it."""
    found: list[CodeType] = []
    while frame is not None and frame.f_code is not _calls.__code__:
        found.append(frame.f_code)
        frame = frame.f_back
    return tuple(reversed(found))


def _print_shares(stacks: Counter[Stack]) -> None:
    own: Counter[CodeType] = Counter()
    total: Counter[CodeType] = Counter()
    for stack, count in stacks.items():
        if stack:
            own[stack[-1]] += count
        total.update(dict.fromkeys(stack, count))
    samples = max(stacks.total(), 1)
    print(f"\n{samples} samples\n{'own':>7}{'with callees':>15}  function")
    for code, count in own.most_common(SHOWN):
        print(f"{count / samples:7.1%}{total[code] / samples:15.1%}  {_label(code)}")


def _label(code: CodeType) -> str:
    path = Path(code.co_filename)
    return f"{code.co_qualname} ({path.parent.name}/{path.name}:{code.co_firstlineno})"


if __name__ == "__main__":
    main()
