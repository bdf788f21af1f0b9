"""The instances that answer for a target, each with its own breaker, and the choice among them."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from shelfwise.http.permits import Permits
from shelfwise.http.policy import Policy
from shelfwise.http.strategies.balancer import Ejections, Load, two_choices
from shelfwise.http.strategies.breaker import Breaker, Outcome
from shelfwise.http.strategies.concurrency import concurrency_limit
from shelfwise.http.strategies.deadline import Clock, LatencyWindow


class Instance:
    """One address that answers for the target, with what is known of its health."""

    def __init__(self, address: str, policy: Policy, uniform: Callable[[], float], clock: Clock) -> None:
        self.address = address
        self.breaker = Breaker(policy.breaker, uniform)
        self.latency = LatencyWindow()
        self.load = Load(policy.balancer)
        limit = concurrency_limit(policy.concurrency, policy.max_connections)
        self.permits = Permits(limit, clock, max_waiters=policy.concurrency.max_waiters)
        self._last_break_at = float("-inf")

    def broke(self, started: float, now: float) -> bool:
        """Whether a broken exchange is news: one connection, lost or never made, is one failure for all its calls."""
        news = started >= self._last_break_at
        if news:
            self._last_break_at = now
        return news


class Pick(msgspec.Struct, frozen=True):
    """An instance chosen for one attempt, with its breaker's permit."""

    instance: Instance
    permit: int


class InstanceSet:
    """At least one instance. With exactly one, choosing costs nothing and nobody is left out."""

    def __init__(self, addresses: Iterable[str], policy: Policy, uniform: Callable[[], float], clock: Clock) -> None:
        self._policy = policy
        self._uniform = uniform
        self._clock = clock
        self._ejections = Ejections(policy.balancer)
        self._all: list[Instance] = []
        self._latency = LatencyWindow()
        self.replace(addresses)

    def replace(self, addresses: Iterable[str]) -> None:
        """These from now on: who stays keeps its state, who is gone loses it when its last call has ended.

        An empty set would leave nobody to ask, so it changes nothing.
        """
        wanted = list(dict.fromkeys(addresses))
        if wanted:
            known = {instance.address: instance for instance in self._all}
            self._all = [
                known[address] if address in known else Instance(address, self._policy, self._uniform, self._clock)
                for address in wanted
            ]

    def __iter__(self) -> Iterator[Instance]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def acquire(self, now: float, avoid: Instance | None = None) -> Pick | None:
        """An instance and its breaker's permit, not ``avoid`` if there is another; None: every breaker refuses."""
        if len(self._all) == 1:
            instance = self._all[0]
            permit = instance.breaker.acquire(now)
            if permit is None:
                return None
            pick = Pick(instance, permit)
        else:
            found = self._choose(now, avoid)
            if found is None:
                return None
            pick = found
        pick.instance.load.pending += 1
        return pick

    def release(self, pick: Pick, outcome: Outcome, now: float, seconds: float, *, slow: bool = False) -> bool:
        """How the attempt ended and how long it took; says whether the instance's breaker changed its state.

        An attempt that was given up counts as nothing, unless it had taken longer than usual already: who always loses
        to a hedge must not look as quick as before.
        """
        load = pick.instance.load
        load.pending -= 1
        if len(self._all) > 1 and (outcome != "ignored" or seconds > load.average > 0.0):
            loads = [other.load for other in self._all]
            if not self._ejections.judge(load, loads, now, seconds, failed=outcome == "failure"):
                load.observe(now, seconds)
        return pick.instance.breaker.release(pick.permit, outcome, now, slow=slow)

    def answered(self, instance: Instance, now: float, seconds: float) -> None:
        """An answer came after ``seconds``."""
        instance.latency.record(now, seconds)
        if len(self._all) > 1:
            self._latency.record(now, seconds)

    def latency(self, now: float, probability: float) -> float | None:
        """A quantile of the target's answers of late, in seconds."""
        window = self._all[0].latency if len(self._all) == 1 else self._latency
        return window.quantile(now, probability)

    def samples(self, now: float) -> int:
        """How many answers of late :meth:`latency` rests on."""
        window = self._all[0].latency if len(self._all) == 1 else self._latency
        return window.count(now)

    def retry_in(self, now: float) -> float:
        """Seconds until the first breaker lets an attempt through."""
        return min(instance.breaker.retry_in(now) for instance in self._all)

    def ejected(self, instance: Instance, now: float) -> bool:
        return now < instance.load.ejected_until

    def _choose(self, now: float, avoid: Instance | None) -> Pick | None:
        candidates = [instance for instance in self._all if instance is not avoid] if avoid in self._all else self._all
        # A breaker that is due for a probe goes first: nothing else would ever close it while others are faster.
        for instance in candidates:
            if instance.breaker.state(now) == "half_open":
                permit = instance.breaker.acquire(now)
                if permit is not None:
                    return Pick(instance, permit)
        closed = [instance for instance in candidates if instance.breaker.state(now) == "closed"]
        welcome = [instance for instance in closed if not self.ejected(instance, now)] or closed
        if welcome:
            instance = welcome[two_choices([one.load for one in welcome], now, self._uniform)]
            permit = instance.breaker.acquire(now)
            assert permit is not None, "a closed breaker lets everybody through"
            return Pick(instance, permit)
        if avoid is not None and candidates is not self._all:
            permit = avoid.breaker.acquire(now)
            if permit is not None:
                return Pick(avoid, permit)
        return None
