"""Retries are a share of the load, so that a failing peer is not pushed further down."""

from collections import deque

from shelfwise.http.policy import BudgetPolicy

_BUCKETS_PER_WINDOW = 10


class _Bucket:
    __slots__ = ("calls", "first_partition", "index", "several_partitions", "spent", "spent_by_partition")

    def __init__(self, index: int) -> None:
        self.index = index
        self.calls = 0
        self.spent = 0
        self.spent_by_partition: dict[str, int] = {}
        self.first_partition: str | None = None
        self.several_partitions = False


class RetryBudget:
    """A sliding window of calls made and retries spent.

    A retry is spent while ``spent < ratio * calls + reserve_per_second * window``. A retry stays in the window at
    least as long as the calls that paid for it, so no call pays twice: over n whole windows retries never exceed
    ``ratio * calls + n * reserve``. Memory: ten buckets, each with at most as many partitions as it has retries.
    """

    def __init__(self, policy: BudgetPolicy) -> None:
        self._policy = policy
        self._bucket_seconds = policy.window_seconds / _BUCKETS_PER_WINDOW
        self._buckets: deque[_Bucket] = deque()

    def call(self, now: float, partition: str) -> None:
        """Count a call (its first attempt)."""
        bucket = self._current(now)
        bucket.calls += 1
        if bucket.first_partition is None:
            bucket.first_partition = partition
        elif bucket.first_partition != partition:
            bucket.several_partitions = True

    def spend(self, now: float, partition: str) -> bool:
        """Charge one retry, if there is budget for it."""
        bucket = self._current(now)
        allowance = self._allowance()
        spent = sum(b.spent for b in self._buckets)
        if spent + 1 > allowance:
            return False
        if self._is_shared():
            own = sum(b.spent_by_partition.get(partition, 0) for b in self._buckets)
            if own + 1 > max(self._policy.partition_share * allowance, 1.0):
                return False
        bucket.spent += 1
        bucket.spent_by_partition[partition] = bucket.spent_by_partition.get(partition, 0) + 1
        return True

    def left(self, now: float) -> float:
        """Retries that could be made now."""
        self._current(now)
        return max(self._allowance() - sum(b.spent for b in self._buckets), 0.0)

    def _allowance(self) -> float:
        reserve = self._policy.reserve_per_second * self._policy.window_seconds
        return self._policy.ratio * sum(b.calls for b in self._buckets) + reserve

    def _is_shared(self) -> bool:
        names = {b.first_partition for b in self._buckets if b.first_partition is not None}
        return len(names) > 1 or any(b.several_partitions for b in self._buckets)

    def _current(self, now: float) -> _Bucket:
        index = int(now / self._bucket_seconds)
        while self._buckets and self._buckets[0].index <= index - _BUCKETS_PER_WINDOW:
            self._buckets.popleft()
        if not self._buckets or self._buckets[-1].index < index:
            self._buckets.append(_Bucket(index))
        return self._buckets[-1]
