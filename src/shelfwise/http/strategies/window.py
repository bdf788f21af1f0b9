"""Counting what happened of late."""

from collections import deque


class SlidingWindow:
    """Counters over the last ``seconds``, kept in equal buckets that leave one by one.

    ``totals[i]`` is the sum of counter i over the window as of the last :meth:`add` or :meth:`expire`. The window is
    between ``seconds`` less one bucket and ``seconds`` long.
    """

    __slots__ = ("_bucket", "_bucket_ends_at", "_bucket_seconds", "_buckets", "_count", "totals")

    def __init__(self, seconds: float, counters: int, *, buckets: int = 10) -> None:
        self._count = buckets
        self._bucket_seconds = seconds / buckets
        self.totals = [0] * counters
        self._buckets: deque[tuple[int, list[int]]] = deque()
        self._bucket: list[int] = []
        self._bucket_ends_at = float("-inf")

    def add(self, now: float, counter: int) -> None:
        """Count one more of ``counter``."""
        if now >= self._bucket_ends_at:
            self._begin_bucket(now)
        self._bucket[counter] += 1
        self.totals[counter] += 1

    def expire(self, now: float) -> None:
        """Let go of what is older than the window."""
        if now >= self._bucket_ends_at:
            self._drop_before(int(now / self._bucket_seconds))

    def halve(self, counter: int) -> None:
        """Forget half of what ``counter`` has counted, and of each bucket's odd one too."""
        for _, bucket in self._buckets:
            forgotten = (bucket[counter] + 1) // 2
            bucket[counter] -= forgotten
            self.totals[counter] -= forgotten

    def clear(self) -> None:
        """Forget everything."""
        self._buckets.clear()
        self._bucket_ends_at = float("-inf")
        for counter in range(len(self.totals)):
            self.totals[counter] = 0

    def _begin_bucket(self, now: float) -> None:
        index = int(now / self._bucket_seconds)
        self._drop_before(index)
        self._bucket = [0] * len(self.totals)
        self._buckets.append((index, self._bucket))
        self._bucket_ends_at = (index + 1) * self._bucket_seconds

    def _drop_before(self, index: int) -> None:
        while self._buckets and self._buckets[0][0] <= index - self._count:
            _, gone = self._buckets.popleft()
            for counter, value in enumerate(gone):
                self.totals[counter] -= value
