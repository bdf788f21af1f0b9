"""The time a call may take, and what is left of it."""

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Self

Clock = Callable[[], float]
TRANSIT_SECONDS = 0.02
"""Kept back from the time that the peer is told, for the way there and back."""
_GRPC_TIMEOUT_MAX_MILLISECONDS = 99_999_999


class Deadline(NamedTuple):
    """A point on the monotonic clock; hand it down so that nested calls share one time."""

    at: float

    @classmethod
    def after(cls, seconds: float, clock: Clock = time.monotonic) -> Self:
        return cls(clock() + seconds)

    def remaining(self, clock: Clock = time.monotonic) -> float:
        return self.at - clock()


def grpc_timeout(seconds: float) -> str:
    """The ``grpc-timeout`` header for a peer that has ``seconds``: at most eight digits and a unit."""
    milliseconds = (seconds - TRANSIT_SECONDS) * 1000
    if not 1 <= milliseconds <= _GRPC_TIMEOUT_MAX_MILLISECONDS:
        milliseconds = 1 if milliseconds < 1 else _GRPC_TIMEOUT_MAX_MILLISECONDS
    return f"{int(milliseconds)}m"


class LatencyWindow:
    """The latest latencies, at most ``size`` of them and none older than ``max_age_seconds``.

    Recording costs an append. Quantiles are of the samples of at most ``SORTED_SECONDS`` ago: a call asks for one about
    as often as it records, and would otherwise sort them all each time.
    """

    SORTED_SECONDS = 0.05
    __slots__ = ("_max_age_seconds", "_samples", "_sorted", "_sorted_at")

    def __init__(self, *, size: int = 256, max_age_seconds: float = 10.0) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=size)
        self._max_age_seconds = max_age_seconds
        self._sorted: list[float] = []
        self._sorted_at = float("-inf")

    def record(self, now: float, seconds: float) -> None:
        self._samples.append((now, seconds))

    def count(self, now: float) -> int:
        """How many samples are fresh."""
        self._expire(now)
        return len(self._samples)

    def quantile(self, now: float, probability: float) -> float | None:
        """The nearest-rank quantile of the fresh samples, or None without any."""
        if now >= self._sorted_at + self.SORTED_SECONDS or not self._sorted:
            self._expire(now)
            self._sorted = sorted(seconds for _, seconds in self._samples)
            self._sorted_at = now
        count = len(self._sorted)
        return self._sorted[min(int(probability * count), count - 1)] if count else None

    def _expire(self, now: float) -> None:
        samples = self._samples
        while samples and now - samples[0][0] > self._max_age_seconds:
            samples.popleft()
