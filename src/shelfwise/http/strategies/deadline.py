"""The time a call may take, and what is left of it."""

import time
from bisect import insort
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
    milliseconds = int((seconds - TRANSIT_SECONDS) * 1000)
    return f"{min(max(milliseconds, 1), _GRPC_TIMEOUT_MAX_MILLISECONDS)}m"


class LatencyWindow:
    """The latest latencies, at most ``size`` of them and none older than ``max_age_seconds``."""

    __slots__ = ("_max_age_seconds", "_samples")

    def __init__(self, *, size: int = 256, max_age_seconds: float = 10.0) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=size)
        self._max_age_seconds = max_age_seconds

    def record(self, now: float, seconds: float) -> None:
        self._samples.append((now, seconds))

    def quantile(self, now: float, probability: float) -> float | None:
        """The nearest-rank quantile of the fresh samples, or None without any."""
        fresh: list[float] = []
        for at, seconds in reversed(self._samples):
            if now - at > self._max_age_seconds:
                break
            insort(fresh, seconds)
        if not fresh:
            return None
        return fresh[min(int(probability * len(fresh)), len(fresh) - 1)]
