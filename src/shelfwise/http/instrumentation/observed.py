"""What instrumentation may ask a client at any time."""

from typing import Protocol

from shelfwise.http.policy import Policy
from shelfwise.http.stats import ClientStats
from shelfwise.http.wire.base import Wire


class ObservedClient(Protocol):
    """What a client shows of itself; ``owns_wire``: nobody else sends by its wire."""

    @property
    def name(self) -> str: ...

    @property
    def policy(self) -> Policy: ...

    @property
    def wire(self) -> Wire: ...

    @property
    def owns_wire(self) -> bool: ...

    def stats(self) -> ClientStats: ...
