"""Retries and hedges are a share of the load, so that a failing peer is not pushed further down."""

from collections import Counter, deque

from shelfwise.http.policy import BudgetPolicy
from shelfwise.http.strategies.window import SlidingWindow

_CALLS, _SPENT = range(2)


class RetryBudget:
    """A sliding window of calls made and extra attempts spent.

    One is spent while ``spent < ratio * calls + reserve_per_second * window``. A spent one stays in the window at
    least as long as the calls that paid for it, so no call pays twice: over n whole windows they never exceed
    ``ratio * calls + n * reserve``. Memory: ten buckets, and the extra attempts of one window.
    """

    def __init__(self, policy: BudgetPolicy) -> None:
        self._policy = policy
        self._window = SlidingWindow(policy.window_seconds, 2)
        self._spends: deque[tuple[float, str]] = deque()
        self._spent_by: Counter[str] = Counter()
        self._latest: str | None = None
        self._latest_at = self._another_at = float("-inf")

    def call(self, now: float, partition: str) -> None:
        """Count a call (its first attempt)."""
        self._window.add(now, _CALLS)
        if partition != self._latest:
            self._another_at = self._latest_at
            self._latest = partition
        self._latest_at = now

    def spend(self, now: float, partition: str) -> bool:
        """Charge one extra attempt, if there is budget for it."""
        self._expire(now)
        allowance = self._allowance()
        if self._window.totals[_SPENT] + 1 > allowance:
            return False
        # Somebody who calls alone may have it all; as soon as another calls too, neither may.
        if now - self._another_at < self._policy.window_seconds and self._spent_by[partition] + 1 > max(
            self._policy.partition_share * allowance, 1.0
        ):
            return False
        self._window.add(now, _SPENT)
        self._spends.append((now, partition))
        self._spent_by[partition] += 1
        return True

    def left(self, now: float) -> float:
        """Extra attempts that could be made now."""
        self._expire(now)
        return max(self._allowance() - self._window.totals[_SPENT], 0.0)

    def _allowance(self) -> float:
        reserve = self._policy.reserve_per_second * self._policy.window_seconds
        return self._policy.ratio * self._window.totals[_CALLS] + reserve

    def _expire(self, now: float) -> None:
        self._window.expire(now)
        while self._spends and now - self._spends[0][0] >= self._policy.window_seconds:
            _, partition = self._spends.popleft()
            self._spent_by[partition] -= 1
            if not self._spent_by[partition]:
                del self._spent_by[partition]
