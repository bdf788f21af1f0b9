"""Time that moves only when told to."""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count


class FakeClock:
    """A monotonic clock that moves only when told to, or when somebody sleeps on it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass on this clock, and other tasks run."""
        self.now += seconds
        await asyncio.sleep(0)


class SimulatedClock(FakeClock):
    """A clock for many tasks at once: who sleeps on it, or is to be called later, has its turn in :meth:`run`."""

    def __init__(self, now: float = 1000.0) -> None:
        super().__init__(now)
        self._timers: list[tuple[float, int, SimulatedTimer]] = []
        self._order = count()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> "SimulatedTimer":
        timer = SimulatedTimer(callback)
        heappush(self._timers, (self.now + seconds, next(self._order), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self.call_later(seconds, lambda: None if woken.done() else woken.set_result(None))
        await woken

    async def run(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        end = self.now + seconds
        await _settle()
        while self._timers and self._timers[0][0] <= end:
            at, _, timer = heappop(self._timers)
            self.now = max(self.now, at)
            if not timer.cancelled:
                timer.callback()
                await _settle()
        self.now = end


class SimulatedTimer:
    """What :meth:`SimulatedClock.call_later` gives back."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


async def _settle() -> None:
    """Let every task run until it waits for something other than its turn."""
    for _ in range(20):
        await asyncio.sleep(0)
