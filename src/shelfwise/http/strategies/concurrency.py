"""How many calls may be under way at once: as many as the peer takes without queueing them.

Gradient2 of Netflix's concurrency-limits (``Gradient2Limit``, averaged over sample windows as in its
``WindowedLimit``): where the latency of now rises above that of long, calls wait in the peer's queue, so fewer go out.
"""

from typing import Protocol

from shelfwise.http.policy import ConcurrencyPolicy

#: Answers quicker than this are not measured, as in WindowedLimit: the clock's grain would be most of them.
_MIN_RTT_SECONDS = 1e-4
_WARM_UP_SAMPLES = 10


class ConcurrencyLimit(Protocol):
    """A limit on calls under way, and their count."""

    @property
    def limit(self) -> int: ...

    @property
    def in_flight(self) -> int: ...

    def acquire(self, now: float) -> bool:
        """Take a permit, to be given back to :meth:`release`; False: none is free."""

    def release(self, now: float, rtt_seconds: float, *, dropped: bool, ignored: bool) -> None:
        """Give a permit back, saying how the call ended.

        ``dropped``: it failed as calls to an overloaded peer do (timeout, connection error, 429, 503). ``ignored``: it
        says nothing of the peer, as when the caller went away.
        """


class FixedLimit:
    """A plain semaphore's count."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_flight = 0

    def acquire(self, now: float) -> bool:  # noqa: ARG002 - the protocol's
        if self.in_flight >= self.limit:
            return False
        self.in_flight += 1
        return True

    def release(self, now: float, rtt_seconds: float, *, dropped: bool, ignored: bool) -> None:  # noqa: ARG002
        self.in_flight -= 1


class Gradient2:
    """A limit between ``policy.min_limit`` and ``max_limit``.

    After each sample window: ``gradient = clamp(tolerance * long / short, 0.5, 1)`` and ``limit = (1 - smoothing) *
    limit + smoothing * (limit * gradient + queue_size)``, unless fewer calls than half of the limit were under way.
    ``short`` is the window's mean latency, ``long`` an exponential average of all windows'.

    Netflix's leaves drops out, so a peer that refuses quickly looks quick. Here a drop counts as a call that took twice
    the tolerated latency, however long it took: a quarter of all calls may drop before the limit falls.
    """

    __slots__ = (
        "_drops", "_ends_at", "_estimate", "_long", "_max_in_flight", "_max_limit", "_policy", "_rtt_sum", "_samples",
        "in_flight", "limit",
    )  # fmt: skip

    def __init__(self, policy: ConcurrencyPolicy, max_limit: int) -> None:
        self._policy = policy
        self._max_limit = max_limit
        initial = max_limit if policy.initial_limit is None else policy.initial_limit
        self._estimate = float(min(max(initial, policy.min_limit), max_limit))
        self.limit = int(self._estimate)
        self.in_flight = 0
        self._long = _LongAverage(policy.long_average_samples)
        self._ends_at = float("-inf")
        self._samples = self._drops = self._max_in_flight = 0
        self._rtt_sum = 0.0

    def acquire(self, now: float) -> bool:  # noqa: ARG002 - the protocol's
        if self.in_flight >= self.limit:
            return False
        self.in_flight += 1
        return True

    def release(self, now: float, rtt_seconds: float, *, dropped: bool, ignored: bool) -> None:
        if not ignored:
            if dropped:
                self._drops += 1
            elif rtt_seconds >= _MIN_RTT_SECONDS:
                self._samples += 1
                self._rtt_sum += rtt_seconds
            self._max_in_flight = max(self._max_in_flight, self.in_flight)
            if now >= self._ends_at and self._samples + self._drops >= self._policy.minimum_samples:
                self._adjust()
                self._ends_at = now + self._policy.sample_seconds
                self._samples = self._drops = self._max_in_flight = 0
                self._rtt_sum = 0.0
        self.in_flight -= 1

    def _adjust(self) -> None:
        gradient = self._gradient()
        if self._max_in_flight < self._estimate / 2:
            return  # the caller wants no more: nothing is learned of what the peer would take
        policy = self._policy
        wanted = self._estimate * gradient + policy.queue_size
        estimate = self._estimate * (1.0 - policy.smoothing) + wanted * policy.smoothing
        self._estimate = min(max(estimate, policy.min_limit), self._max_limit)
        self.limit = int(self._estimate)

    def _gradient(self) -> float:
        """From 0.5 (far slower than usual) to 1 (nobody queues); the window's good calls become part of the usual."""
        tolerance = self._policy.tolerance
        if self._samples:
            self._long.add(self._rtt_sum / self._samples)
        long = self._long.seconds
        if long == 0.0:
            return 0.5  # nothing but drops since the beginning
        short = (self._rtt_sum + self._drops * 2.0 * tolerance * long) / (self._samples + self._drops)
        if long > 2.0 * short:
            self._long.seconds *= 0.95  # back to normal after a long overload, without waiting for the average
        return max(0.5, min(1.0, tolerance * long / short))


class _LongAverage:
    """``ExpAvgMeasurement`` of concurrency-limits: a mean of the first samples, then an exponential average."""

    __slots__ = ("_count", "_factor", "_sum", "seconds")

    def __init__(self, samples: int) -> None:
        self._factor = 2.0 / (samples + 1)
        self._count = 0
        self._sum = 0.0
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        if self._count < _WARM_UP_SAMPLES:
            self._count += 1
            self._sum += seconds
            self.seconds = self._sum / self._count
        else:
            self.seconds += (seconds - self.seconds) * self._factor


def concurrency_limit(policy: ConcurrencyPolicy, max_limit: int) -> ConcurrencyLimit:
    """The limit that ``policy`` names; ``max_limit`` is the client's ``max_connections``."""
    if policy.kind == "gradient2":
        return Gradient2(policy, max_limit)
    return FixedLimit(max_limit if policy.initial_limit is None else min(policy.initial_limit, max_limit))
