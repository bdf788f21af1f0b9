"""A client that is told "too much" refuses part of its own calls, before they cost the peer anything.

The probability of a refusal is that of Beyer et al., "Site Reliability Engineering", 2016, chapter 21, equation 1::

    max(0, (requests - K * accepts) / (requests + 1))

Only answers are requests here: a timeout or a refused connection says nothing of load and is the breaker's matter.
"""

from collections import OrderedDict
from collections.abc import Callable

from shelfwise.http.policy import ThrottlePolicy
from shelfwise.http.strategies.window import SlidingWindow

_BUCKETS_PER_WINDOW = 24
#: So often at least one attempt passes: without answers nobody would learn that the peer has recovered.
_ATTEMPT_EVERY_SECONDS = 1.0
#: After so long without an answer that says overload, half of what is remembered of overload is forgotten, and again.
_FORGET_HALF_AFTER_SECONDS = 1.0
_ACCEPTED, _OVERLOADED = range(2)
_MAX_PARTITIONS = 1024


class TargetThrottle:
    """A throttle for all calls to a target, and one more for each partition that was told 429.

    503 and REFUSED_STREAM speak of the peer. 429 speaks of who calls: were it counted for all, one partition that calls
    too often would have the calls of the others refused. Of the partitions the latest 1,024 that heard it are known.
    """

    def __init__(self, policy: ThrottlePolicy, uniform: Callable[[], float]) -> None:
        self._policy = policy
        self._uniform = uniform
        self._whole = Throttle(policy, uniform)
        self._own: OrderedDict[str, Throttle] = OrderedDict()

    def admit(self, now: float, partition: str) -> bool:
        """Whether to make the call; False: refuse it here."""
        if self._own:
            own = self._own.get(partition)
            if own is not None and not own.admit(now):
                return False
        return self._whole.admit(now)

    def answered(self, now: float, partition: str, *, overloaded: bool) -> None:
        """The peer answered, with 503 or REFUSED_STREAM (``overloaded``) or with anything else but 429."""
        self._whole.answered(now, overloaded=overloaded)
        if self._own and not overloaded:
            own = self._own.get(partition)
            if own is not None:
                own.answered(now, overloaded=False)

    def told_too_many(self, now: float, partition: str) -> None:
        """The peer answered with 429."""
        own = self._own.get(partition)
        if own is None:
            own = self._own[partition] = Throttle(self._policy, self._uniform)
            if len(self._own) > _MAX_PARTITIONS:
                self._own.popitem(last=False)
        else:
            self._own.move_to_end(partition)
        own.answered(now, overloaded=True)

    def clear(self) -> None:
        """Forget everything: the peer has shown that it is well, as a half-open breaker's probe does."""
        self._whole.clear()
        self._own.clear()

    def rejection_probability(self, now: float) -> float:
        """The share of calls refused at this moment, from 0 to 1, for the partition of whom most are."""
        return max(throttle.rejection_probability(now) for throttle in (self._whole, *self._own.values()))


class Throttle:
    """The answers of the last window, and whether the next call is let through.

    Calls refused here are not requests, so a peer that takes ``a`` of ``r`` calls a second is asked ``sqrt(K * a * r)``
    times. The formula alone lets a peer that has recovered wait: after two minutes of 429s it takes 25 s until 95 %
    pass. So each second of nothing but good answers halves what is remembered of overload (4 s then), and :meth:`clear`
    empties the window.
    """

    def __init__(self, policy: ThrottlePolicy, uniform: Callable[[], float]) -> None:
        self._policy = policy
        self._uniform = uniform
        self._window = SlidingWindow(policy.window_seconds, 2, buckets=_BUCKETS_PER_WINDOW)
        self._forget_half_at = float("inf")
        self._passed_at = float("-inf")

    def admit(self, now: float) -> bool:
        """Whether to make the call; False: refuse it here."""
        if not self._window.totals[_OVERLOADED]:
            return True
        probability = self.rejection_probability(now)
        due = now - self._passed_at >= _ATTEMPT_EVERY_SECONDS
        if due or probability == 0.0 or self._uniform() >= probability:
            self._passed_at = now
            return True
        return False

    def answered(self, now: float, *, overloaded: bool) -> None:
        """The peer answered, saying overload or anything else."""
        self._window.add(now, _OVERLOADED if overloaded else _ACCEPTED)
        if overloaded:
            self._forget_half_at = now + _FORGET_HALF_AFTER_SECONDS
            return
        # Only while it throttles: without need nothing is forgotten early.
        if now >= self._forget_half_at and self._probability() > 0.0:
            self._window.halve(_OVERLOADED)
            self._forget_half_at = now + _FORGET_HALF_AFTER_SECONDS

    def clear(self) -> None:
        """Forget the window: the peer has shown that it is well, as a half-open breaker's probe does."""
        self._window.clear()

    def rejection_probability(self, now: float) -> float:
        """The share of calls refused at this moment, from 0 to 1."""
        self._window.expire(now)
        return self._probability()

    def _probability(self) -> float:
        policy = self._policy
        accepts, overloaded = self._window.totals
        requests = accepts + overloaded
        if requests < policy.minimum_answers:
            return 0.0
        excess = (requests - policy.multiplier * accepts) / (requests + 1)
        return min(max(excess, 0.0), policy.max_rejection)
