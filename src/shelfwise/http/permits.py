"""Waiting for a permit, first come first served."""

import asyncio
from collections import OrderedDict

from shelfwise.http.strategies.concurrency import ConcurrencyLimit
from shelfwise.http.strategies.deadline import Clock


class Permits:
    """The permits of a concurrency limit and the queue for them, on one event loop.

    Somebody waits only while no permit is free, so a newcomer that finds one overtakes nobody. A permit that was
    granted to a waiter at the moment of its cancellation goes to the next one.
    """

    def __init__(self, limit: ConcurrencyLimit, clock: Clock, *, max_waiters: int) -> None:
        self._limit = limit
        self._clock = clock
        self._max_waiters = max_waiters
        self._waiters: OrderedDict[asyncio.Future[bool], None] = OrderedDict()

    @property
    def limit(self) -> int:
        return self._limit.limit

    @property
    def in_flight(self) -> int:
        return self._limit.in_flight

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    def try_acquire(self) -> bool:
        """Take a permit if one is free; cheaper than :meth:`acquire`, which is needed where this fails."""
        return self._limit.acquire(self._clock())

    async def acquire(self, timeout_seconds: float) -> bool:
        """Take a permit; False: none came within ``timeout_seconds``, or too many wait already."""
        if self.try_acquire():
            return True
        if len(self._waiters) >= self._max_waiters or timeout_seconds <= 0.0:
            return False
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiters[waiter] = None
        timer = loop.call_later(timeout_seconds, self._give_up, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            self._waiters.pop(waiter, None)
            if not waiter.cancelled() and waiter.result():
                self.release(0.0, ignored=True)
            raise
        finally:
            timer.cancel()

    def release(self, rtt_seconds: float, *, dropped: bool = False, ignored: bool = False) -> None:
        """Give a permit back (see :meth:`ConcurrencyLimit.release`); whoever waits longest gets it."""
        now = self._clock()
        self._limit.release(now, rtt_seconds, dropped=dropped, ignored=ignored)
        while self._waiters and self._limit.acquire(now):
            waiter, _ = self._waiters.popitem(last=False)
            if waiter.done():  # cancelled, and its task has not run yet to leave the queue
                self._limit.release(now, 0.0, dropped=False, ignored=True)
            else:
                waiter.set_result(True)

    def _give_up(self, waiter: "asyncio.Future[bool]") -> None:
        if not waiter.done():
            del self._waiters[waiter]
            waiter.set_result(False)
