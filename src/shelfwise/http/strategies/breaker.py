"""A breaker per instance: after enough failures, calls fail at once and a few probes look for recovery."""

from collections.abc import Callable
from typing import Literal

from shelfwise.http.policy import BreakerPolicy
from shelfwise.http.strategies.window import SlidingWindow

BreakerState = Literal["closed", "open", "half_open"]
Outcome = Literal["success", "failure", "ignored"]
_CALLS, _FAILURES, _SLOW = range(3)


class Breaker:
    """States: closed -> open (for a while, doubling) -> half open (a few probes) -> closed or open again.

    A probe's success closes it and clears the window. Opening again within a window of having closed counts as
    the same trouble: the open time goes on doubling.
    """

    def __init__(self, policy: BreakerPolicy, uniform: Callable[[], float]) -> None:
        self._policy = policy
        self._uniform = uniform
        self._window = SlidingWindow(policy.window_seconds, 3)
        self._consecutive = 0
        self._open_until: float | None = None
        self._next_open_seconds = policy.open_seconds
        self._closed_at = float("-inf")
        self._probes = 0
        self._generation = 0

    def state(self, now: float) -> BreakerState:
        if self._open_until is None:
            return "closed"
        return "open" if now < self._open_until else "half_open"

    def acquire(self, now: float) -> int | None:
        """A permit for one attempt, to be given back to :meth:`release`; None: refused."""
        if self._open_until is None:
            return self._generation
        if now < self._open_until or self._probes >= self._policy.half_open_probes:
            return None
        self._probes += 1
        return self._generation

    def release(self, permit: int, outcome: Outcome, now: float, *, slow: bool = False) -> bool:
        """Report how the attempt of ``permit`` ended; says whether the breaker opened or closed on it.

        ``ignored`` (the caller went away) counts as nothing.
        """
        if permit == self._generation:  # one from before the last change of state says nothing about now
            self._count(outcome, now, slow=slow)
            return permit != self._generation
        return False

    def _count(self, outcome: Outcome, now: float, *, slow: bool) -> None:
        if self._open_until is not None:
            self._probes -= 1
            if outcome == "failure":
                self._open(now)
            elif outcome == "success":
                self._close(now)
            return
        if outcome == "ignored":
            return
        window = self._window
        window.add(now, _CALLS)
        if slow:
            window.add(now, _SLOW)
        if outcome == "failure":
            window.add(now, _FAILURES)
            self._consecutive += 1
        else:
            self._consecutive = 0
            if not slow:
                return
        if self._should_open():
            self._open(now)

    def retry_in(self, now: float) -> float:
        """Seconds until the next probe may be made."""
        return max((self._open_until or now) - now, 0.0)

    def _should_open(self) -> bool:
        policy = self._policy
        if self._consecutive >= policy.consecutive_failures:
            return True
        calls, failures, slow = self._window.totals
        if calls < policy.minimum_calls:
            return False
        return failures >= policy.failure_ratio * calls or slow >= policy.slow_ratio * calls

    def _open(self, now: float) -> None:
        policy = self._policy
        calm = self._open_until is None and now - self._closed_at > policy.window_seconds
        if calm:
            self._next_open_seconds = policy.open_seconds
        jitter = 1.0 + policy.open_jitter * (2.0 * self._uniform() - 1.0)
        self._open_until = now + self._next_open_seconds * jitter
        self._next_open_seconds = min(self._next_open_seconds * 2.0, policy.max_open_seconds)
        self._begin_anew()

    def _close(self, now: float) -> None:
        self._open_until = None
        self._closed_at = now
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._generation += 1
        self._probes = 0
        self._consecutive = 0
        self._window.clear()


def outcome_of(status: int) -> Outcome:
    """What a status says of the instance: 429 and other 4xx are answers of a healthy one."""
    return "failure" if status in {500, 502, 503, 504} else "success"
