"""A slow first attempt gets a rival on another instance; the first good answer counts, and the loser is cancelled."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Protocol

from shelfwise.http.calls import Call, Outcome
from shelfwise.http.exceptions import HTTPClientError, furthest
from shelfwise.http.instances import InstanceSet, Pick
from shelfwise.http.instrumentation.hooks import Hooks
from shelfwise.http.policy import HedgePolicy
from shelfwise.http.sender import Sender
from shelfwise.http.stats import Counters
from shelfwise.http.strategies.budget import RetryBudget
from shelfwise.http.strategies.deadline import Clock
from shelfwise.http.strategies.hedge import Hedging


class TimerHandle(Protocol):
    def cancel(self) -> None: ...


CallLater = Callable[[float, Callable[[], None]], TimerHandle]


class HedgedSender:
    """Sends first attempts, with a rival where the policy, the load and the retry budget allow one."""

    def __init__(
        self,
        sender: Sender,
        policy: HedgePolicy,
        budget: RetryBudget,
        instances: InstanceSet,
        hooks: Hooks,
        counters: Counters,
        clock: Clock,
        call_later: CallLater | None,
    ) -> None:
        self._sender = sender
        self._hedging = Hedging(policy)
        self._quantile = policy.quantile
        self._budget = budget
        self._instances = instances
        self._hooks = hooks
        self._counters = counters
        self._clock = clock
        self._call_later = call_later

    async def send(self, call: Call, pick: Pick, now: float) -> Outcome:
        """The first attempt of ``call``, at ``pick``."""
        instances = self._instances
        delay = self._hedging.delay(
            now,
            instances=len(instances),
            method_safe=call.read_only,
            p50_seconds=instances.latency(now, 0.5),
            p95_seconds=instances.latency(now, self._quantile),
            samples=instances.samples(now),
            remaining_seconds=call.ends_at - now,
        )
        if delay is None:
            return await self._sender.send(call, pick)
        race = _Race(lambda: self._rival(call, pick))
        call_later = self._call_later if self._call_later is not None else asyncio.get_running_loop().call_later
        timer = call_later(delay, race.begin)
        try:
            return await race.run(self._sender.send(call, pick))
        finally:
            timer.cancel()

    async def _rival(self, call: Call, first: Pick) -> Outcome | None:
        """The second attempt; None: there is no other instance, or one of the three purses does not allow it.

        It picks its instance as it begins, so one that is cancelled before that has nothing to give back.
        """
        now = self._clock()
        pick = self._sender.pick(now, first.instance)
        if pick is None:
            return None
        if pick.instance is first.instance or not (
            self._hedging.spend(now) and self._budget.spend(now, call.partition)
        ):
            self._sender.put_back(pick, now)
            return None
        self._counters.hedges += 1
        self._hooks.hedging(call.info)
        return await self._sender.send(call, pick)


class _Race:
    """Runs the first attempt in the caller's own task, so that the many calls without a rival cost no task more.

    A rival that wins cancels the caller's wait for the first attempt and takes that cancellation back, as
    ``asyncio.timeout`` does; one by the caller itself stays one.
    """

    def __init__(self, rival: Callable[[], Coroutine[None, None, Outcome | None]]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling_before = task.cancelling()
        self._make_rival = rival
        self._rival: asyncio.Task[Outcome | None] | None = None
        self._first_ended = False
        self._winner: Outcome | None = None

    def begin(self) -> None:
        if self._first_ended:
            return
        self._rival = asyncio.get_running_loop().create_task(self._make_rival())
        self._rival.add_done_callback(self._rival_ended)

    def _rival_ended(self, rival: "asyncio.Task[Outcome | None]") -> None:
        if rival.cancelled() or rival.exception() is not None:
            return
        outcome = rival.result()
        if not self._first_ended and outcome is not None and outcome.is_good:
            self._winner = outcome
            self._task.cancel()

    async def run(self, first: Coroutine[None, None, Outcome]) -> Outcome:
        """The better outcome of ``first`` and its rival, if there came to be one."""
        try:
            outcome = await first
        except asyncio.CancelledError:
            if self._winner is not None and self._task.uncancel() <= self._cancelling_before:
                return self._winner
            raise
        else:
            self._first_ended = True
            return outcome if outcome.is_good or self._rival is None else await self._second_chance(outcome)
        finally:
            self._first_ended = True
            if self._rival is not None:
                self._rival.cancel()

    async def _second_chance(self, failed: Outcome) -> Outcome:
        """The rival's answer, unless that is none either."""
        assert self._rival is not None
        try:
            other = await self._rival
        except HTTPClientError:
            return failed
        if other is None or not other.is_good:
            if other is not None and failed.error is not None:
                failed.error.sent = furthest(failed.error.sent, other.sent)
            return failed
        return other
