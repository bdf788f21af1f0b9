"""The calls that Sales itself makes: events to Inventory, and questions of forecast runs.

Only the relay and forecast runs use it; no request handler of Sales ever calls Inventory.
"""

from collections.abc import Mapping

from shelfwise.http import (
    BreakerPolicy,
    CachePolicy,
    Hooks,
    HTTPClientError,
    Policy,
    RetryPolicy,
    ServiceClient,
    Tracing,
)
from shelfwise.platform.problems import UnavailableError

_TIMEOUT_SECONDS = 10.0
#: The relay tries again by itself, after 5 s at most: an open breaker must not make it wait longer than that.
_DELIVERY = Policy(
    total_timeout_seconds=_TIMEOUT_SECONDS,
    connect_timeout_seconds=2.0,
    follow_redirects=False,
    retry=RetryPolicy(connect_timeout_retries=1, network_error_retries=1, server_error_retries=0, max_retries=1),
    breaker=BreakerPolicy(open_seconds=0.5, max_open_seconds=2.0),
    cache=CachePolicy(enabled=False),
)


class NotDeliveredError(UnavailableError):
    """Inventory did not take the events; the outbox keeps them."""


class NoAnswerError(UnavailableError):
    """Inventory has no answer to a question."""


class Peers:
    """One client of Inventory, made when it is first used."""

    def __init__(self, inventory_url: str, *, hooks: Hooks | None = None, tracing: Tracing | None = None) -> None:
        self._inventory_url = inventory_url
        self._hooks = hooks
        self._tracing = tracing
        self._inventory: ServiceClient | None = None

    async def post_to_inventory(self, path: str, *, body: bytes, headers: Mapping[str, str], tenant_id: str) -> bytes:
        """The body of Inventory's answer.

        Raises:
            NotDeliveredError: the answer is not a 2xx.
            HTTPClientError: there is no answer.
        """
        if self._inventory is None:
            self._inventory = ServiceClient(
                self._inventory_url, _DELIVERY, hooks=self._hooks, tracing=self._tracing, name="inventory"
            )
        reply = await self._inventory.call("POST", path, headers=headers, body=body, partition=tenant_id)
        if not 200 <= reply.status < 300:
            raise NotDeliveredError(f"Inventory answered {reply.status}.")
        return reply.body

    async def ask_inventory(self, path: str, *, body: bytes, headers: Mapping[str, str], tenant_id: str) -> bytes:
        """The body of Inventory's answer to a question that changes nothing.

        Raises:
            NoAnswerError: there is none, or it is not a 2xx.
        """
        try:
            return await self.post_to_inventory(path, body=body, headers=headers, tenant_id=tenant_id)
        except (HTTPClientError, NotDeliveredError) as error:
            raise NoAnswerError(f"Inventory has no answer: {type(error).__name__}") from error

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._inventory is not None:
            await self._inventory.aclose()
            self._inventory = None
