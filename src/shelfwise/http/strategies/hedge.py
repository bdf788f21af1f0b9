"""A second attempt beside a slow first one (Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013)."""

from shelfwise.http.policy import HedgePolicy
from shelfwise.http.strategies.window import SlidingWindow

_CALLS, _HEDGES = range(2)


class Hedging:
    """Says for each call when to hedge it, and keeps hedges a small share of the calls.

    Hedges stay in the window at least as long as the calls that allowed them, so they are never more than
    ``max_share`` of all calls that could be hedged, over any length of time since the start.
    """

    def __init__(self, policy: HedgePolicy) -> None:
        self._policy = policy
        self._window = SlidingWindow(policy.window_seconds, 2)

    def delay(
        self,
        now: float,
        *,
        instances: int,
        method_safe: bool,
        p50_seconds: float | None,
        p95_seconds: float | None,
        samples: int,
        remaining_seconds: float,
    ) -> float | None:
        """Seconds after which to hedge the call that begins now; None: not at all.

        Ask once per call. ``p95_seconds`` is the target's latency at the policy's ``quantile``, ``p50_seconds`` its
        median and ``samples`` how many fresh latencies both rest on. A hedge that would have less than the median
        left of ``remaining_seconds`` is not planned.
        """
        policy = self._policy
        if instances < 2 or not method_safe or policy.max_share <= 0.0:
            return None
        self._window.add(now, _CALLS)
        if p95_seconds is None or samples < policy.minimum_samples:
            return None
        if p95_seconds + (p50_seconds or 0.0) >= remaining_seconds:
            return None
        return p95_seconds

    def spend(self, now: float) -> bool:
        """Charge the hedge that is due now; False: too many of late. The retry budget must be asked as well."""
        self._window.expire(now)
        calls, hedges = self._window.totals
        if hedges + 1 > self._policy.max_share * calls:
            return False
        self._window.add(now, _HEDGES)
        return True
