"""A rate per partition: the generic cell rate algorithm (ITU-T I.371, annex A) with reservations.

Each partition has a theoretical arrival time (TAT), by which the calls so far are used up at the agreed rate. A call
may be sent ``burst - 1`` intervals before it, and moves it on by one interval.
"""

from collections import OrderedDict

from shelfwise.http.policy import LimiterPolicy

#: A wait below it is rounding: a burst in full must not be refused over the last digit of a clock.
_GRAIN_SECONDS = 1e-6
#: Which allowance newcomers share when there are too many partitions.
_OVERFLOW = object()


class RateLimiter:
    """A target's allowances. In any t seconds a partition sends at most ``burst + rate_per_second * t`` calls."""

    def __init__(self, policy: LimiterPolicy) -> None:
        if policy.rate_per_second is not None and policy.rate_per_second <= 0:
            raise ValueError("rate_per_second: give a number above 0, or None for no limit")
        if policy.burst < 1:
            raise ValueError("burst: give 1 or more, else no call may ever be made")
        self._max_partitions = policy.max_partitions
        self._interval_seconds = 0.0 if policy.rate_per_second is None else 1.0 / policy.rate_per_second
        self._tolerance_seconds = (policy.burst - 1) * self._interval_seconds
        self._arrivals: OrderedDict[object, float] = OrderedDict()

    def __len__(self) -> int:
        """Partitions that are remembered: at most ``max_partitions`` and the one that the others share."""
        return len(self._arrivals)

    def reserve(self, now: float, partition: str, max_wait_seconds: float) -> float | None:
        """Seconds to wait before sending, and the call is charged; None: longer than allowed, and nothing is charged.

        Waits of one partition end in the order of the calls. A caller that does not send after all has spent its turn.
        """
        if self._interval_seconds == 0.0:
            return 0.0
        key: object = partition
        arrival = self._arrivals.get(key)
        if arrival is None:
            key = self._place_for(partition, now)
            # Who shared until now takes the debts along: a place of its own is no second burst.
            arrival = self._arrivals.get(_OVERFLOW, now)
        arrival = max(arrival, now)
        wait = arrival - self._tolerance_seconds - now
        if wait < _GRAIN_SECONDS:
            wait = 0.0
        if wait > max_wait_seconds:
            return None
        self._arrivals[key] = arrival + self._interval_seconds
        return wait

    def _place_for(self, partition: str, now: float) -> object:
        """The key under which a partition that is not remembered is to be.

        Looks at two old ones each time, so those whose allowance is whole again go before the table is full of them.
        """
        for _ in range(min(2, len(self._arrivals))):
            key, arrival = self._arrivals.popitem(last=False)
            if arrival > now:
                self._arrivals[key] = arrival
        remembered = len(self._arrivals) - (_OVERFLOW in self._arrivals)
        return partition if remembered < self._max_partitions else _OVERFLOW
