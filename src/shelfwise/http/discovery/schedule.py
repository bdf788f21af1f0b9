"""When to look addresses up again, and which set holds meanwhile: a state machine without a clock of its own."""

from collections.abc import Iterable

from shelfwise.http.policy import DiscoveryPolicy


class Schedule:
    """Keeps the last good set through failures; after a failure it tries again soon, then less often."""

    def __init__(self, policy: DiscoveryPolicy) -> None:
        self._policy = policy
        self._retry_seconds = policy.retry_seconds
        self.addresses: tuple[str, ...] = ()
        self.due_at = float("-inf")
        self.failures_in_a_row = 0

    def succeeded(self, now: float, addresses: Iterable[str], ttl_seconds: float) -> bool:
        """Takes what was found; says whether it differs from what was known. Nothing found is a failure."""
        found = tuple(sorted(set(addresses)))
        if not found:
            self.failed(now)
            return False
        changed = found != self.addresses
        self.addresses = found
        self.failures_in_a_row = 0
        self._retry_seconds = self._policy.retry_seconds
        self.due_at = now + min(max(ttl_seconds, self._policy.min_ttl_seconds), self._policy.max_ttl_seconds)
        return changed

    def failed(self, now: float) -> None:
        self.failures_in_a_row += 1
        self.due_at = now + self._retry_seconds
        self._retry_seconds = min(self._retry_seconds * 2.0, self._policy.max_retry_seconds)
