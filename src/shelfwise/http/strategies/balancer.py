"""Which instance a call goes to: power of two choices over peak-EWMA latency, and outliers left out for a while.

Peak EWMA is Finagle's load metric: a latency above the average counts at once, one below it only as fast as the average
decays. Cost is the average times the calls under way plus one. Two instances are drawn at random and the cheaper one
is taken (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001).
"""

import math
from collections.abc import Callable, Sequence
from statistics import median

from shelfwise.http.policy import BalancerPolicy

#: Above every latency: what is under way at an instance that never answered yet keeps others away from it.
_UNKNOWN_SECONDS = 1e6


class Load:
    """What is known of one instance's load: latency as peak EWMA, and the calls under way."""

    __slots__ = ("_at", "_decay_seconds", "_seconds", "bad_in_a_row", "eject_seconds", "ejected_until", "pending")

    def __init__(self, policy: BalancerPolicy) -> None:
        self._decay_seconds = policy.decay_seconds
        self._seconds = 0.0
        self._at = 0.0
        self.pending = 0
        self.bad_in_a_row = 0
        self.ejected_until = float("-inf")
        self.eject_seconds = policy.eject_seconds

    def observe(self, now: float, seconds: float) -> None:
        weight = self._weight(now)
        if seconds > self._seconds * weight:
            self._seconds = seconds
        else:
            self._seconds = self._seconds * weight + seconds * (1.0 - weight)
        self._at = now

    def seconds(self, now: float) -> float:
        """The latency to expect; fades without new observations, so that a shunned instance is tried again."""
        return self._seconds * self._weight(now)

    @property
    def average(self) -> float:
        """The average as of the last observation, in seconds; 0 before any."""
        return self._seconds

    def cost(self, now: float) -> float:
        seconds = self.seconds(now)
        if seconds == 0.0:
            return _UNKNOWN_SECONDS * self.pending
        return seconds * (self.pending + 1)

    def forget(self) -> None:
        """Start as a newcomer, who gets one call to show itself."""
        self._seconds = 0.0
        self.bad_in_a_row = 0

    def _weight(self, now: float) -> float:
        return math.exp(min(self._at - now, 0.0) / self._decay_seconds)


class Ejections:
    """Leaves out instances that are slow or failing beside their siblings: at most half, and never the last."""

    def __init__(self, policy: BalancerPolicy) -> None:
        self._policy = policy

    def judge(self, load: Load, loads: Sequence[Load], now: float, seconds: float, *, failed: bool) -> bool:
        """Takes one ended attempt into account; says whether ``load`` is now left out.

        One bad attempt is chance; as many in a row as the policy says are not, where siblings do better.
        """
        policy = self._policy
        if now < load.ejected_until:
            return True
        siblings = [other for other in loads if other is not load and now >= other.ejected_until]
        if not siblings:
            return False
        # As last observed: a rare caller must not find everybody slow because the averages have faded.
        known = [other.average for other in siblings if other.average > 0.0]
        usual = median(known) if known else math.inf
        slow = seconds > max(policy.slow_factor * usual, policy.slow_floor_seconds)
        healthier = any(other.bad_in_a_row == 0 for other in siblings)
        load.bad_in_a_row = load.bad_in_a_row + 1 if (failed or slow) else 0
        if not failed and not slow:
            load.eject_seconds = policy.eject_seconds
        if load.bad_in_a_row < policy.bad_in_a_row or not healthier:
            return False
        left_out = sum(now < other.ejected_until for other in loads)
        if left_out + 1 > len(loads) // 2:
            return False
        load.ejected_until = now + load.eject_seconds
        load.eject_seconds = min(load.eject_seconds * 2.0, policy.max_eject_seconds)
        load.forget()
        return True


def two_choices(loads: Sequence[Load], now: float, uniform: Callable[[], float]) -> int:
    """The index of the cheaper of two different instances drawn at random."""
    count = len(loads)
    if count == 1:
        return 0
    first = int(uniform() * count) % count
    second = (first + 1 + int(uniform() * (count - 1)) % (count - 1)) % count
    return first if loads[first].cost(now) <= loads[second].cost(now) else second
