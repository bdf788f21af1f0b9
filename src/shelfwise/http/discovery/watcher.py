"""Keeps a target's instances up to date in the background."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from shelfwise.http.discovery.lookups import Lookup, LookupFailedError
from shelfwise.http.discovery.schedule import Schedule
from shelfwise.http.policy import DiscoveryPolicy
from shelfwise.http.strategies.deadline import Clock

_LOG = logging.getLogger("shelfwise.http.discovery")


class Watcher:
    """Looks up, tells ``changed`` of every new set, and sleeps until the next lookup is due.

    The first caller starts it, so it lives on the caller's event loop; whoever waits for the first set waits no
    longer than its own time.
    """

    def __init__(
        self,
        name: str,
        lookup: Lookup,
        changed: Callable[[Sequence[str]], None],
        policy: DiscoveryPolicy,
        *,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._lookup = lookup
        self._changed = changed
        self._policy = policy
        self._clock = clock
        self._sleep = sleep
        self._schedule = Schedule(policy)
        self._first = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.last_error: str | None = None

    @property
    def running(self) -> bool:
        """Whether instances are known and the task that keeps them up to date is alive."""
        return self.known and self._task is not None and not self._task.done()

    @property
    def known(self) -> bool:
        return self._first.is_set()

    @property
    def failures_in_a_row(self) -> int:
        return self._schedule.failures_in_a_row

    async def ready(self, seconds: float) -> bool:
        """Whether instances are known, after at most ``seconds``."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())
        if not self.known:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(seconds, 0.0)):
                    await self._first.wait()
        return self.known

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self.look_up()
            await self._sleep(max(self._schedule.due_at - self._clock(), 0.0))

    async def look_up(self) -> None:
        """One lookup; a failure leaves the last good set in place and is told once until it is over."""
        schedule = self._schedule
        try:
            async with asyncio.timeout(2 * self._policy.lookup_timeout_seconds):
                found = await self._lookup()
            if not found.addresses:
                raise LookupFailedError("no instance")  # noqa: TRY301 - the same as any other failure
        except (LookupFailedError, TimeoutError) as error:
            if schedule.failures_in_a_row == 0:
                _LOG.warning("Cannot look up %s: %s", self._name, error or "no answer in time")
            schedule.failed(self._clock())
            self.last_error = str(error) or "no answer in time"
            return
        if schedule.failures_in_a_row > 0:
            _LOG.warning("Can look up %s again", self._name)
        self.last_error = None
        if schedule.succeeded(self._clock(), found.addresses, found.ttl_seconds):
            self._changed(schedule.addresses)
        self._first.set()
