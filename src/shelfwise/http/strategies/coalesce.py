"""One flight for equal requests in the air."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs the first of equal calls as a task of its own, and lets the others wait for it.

    The leader is shielded: a waiter that is cancelled or out of time leaves it running for the others. At most
    ``max_flights`` are in the table; a call beyond that runs for itself.
    """

    def __init__(self, *, max_flights: int = 4096) -> None:
        self._flights: dict[object, asyncio.Task[T]] = {}
        self._max_flights = max_flights

    def __len__(self) -> int:
        return len(self._flights)

    def joined(self, key: object) -> "asyncio.Task[T] | None":
        """The flight under way for ``key`` on this event loop, if any."""
        task = self._flights.get(key)
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            return None
        return task

    def lead(self, key: object, start: Callable[[], Coroutine[None, None, T]]) -> "asyncio.Task[T] | None":
        """Begin the flight for ``key``; None when the table is full."""
        if len(self._flights) >= self._max_flights and key not in self._flights:
            return None
        task = asyncio.get_running_loop().create_task(start())
        self._flights[key] = task
        task.add_done_callback(lambda done: self._landed(key, done))
        return task

    async def wait(self, task: "asyncio.Task[T]", seconds: float | None) -> bool:
        """Whether the flight ended within ``seconds``; a waiter that is cancelled leaves it in the air.

        As ``asyncio.wait`` on one task, at a third of the price.
        """
        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def wake(_: object = None) -> None:
            if not ended.done():
                ended.set_result(None)

        task.add_done_callback(wake)
        timer = None if seconds is None else loop.call_later(seconds, wake)
        try:
            await ended
        finally:
            task.remove_done_callback(wake)
            if timer is not None:
                timer.cancel()
        return task.done()

    def _landed(self, key: object, task: "asyncio.Task[T]") -> None:
        if self._flights.get(key) is task:
            del self._flights[key]
        if not task.cancelled():
            task.exception()  # every waiter may have gone: the failure is theirs, not the event loop's

    async def aclose(self) -> None:
        """Cancel what is in the air and wait until it is down."""
        loop = asyncio.get_running_loop()
        tasks = [task for task in self._flights.values() if task.get_loop() is loop]
        self._flights.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
