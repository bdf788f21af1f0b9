"""The wire itself: from a request to a connection of its origin."""

import asyncio
from collections.abc import AsyncGenerator

from shelfwise.http.exceptions import UnsupportedProtocol
from shelfwise.http.messages import WireRequest, WireResponse
from shelfwise.http.policy import Policy
from shelfwise.http.wire.asyncio_wire.connector import Connector
from shelfwise.http.wire.asyncio_wire.exchange import Exchange
from shelfwise.http.wire.asyncio_wire.fields import Origin
from shelfwise.http.wire.asyncio_wire.pool import OriginPool
from shelfwise.http.wire.base import Wire, WireUsage
from shelfwise.http.wire.origins import OriginTable

_MAX_ORIGINS = 1024
_CLOSE_SECONDS = 0.5


class AsyncioWire(Wire):
    """HTTP/2 and HTTP/1.1 on the transports of the running event loop, which it belongs to from the first call on.

    TLS negotiates by ALPN. A plain ``http://`` origin is spoken to in HTTP/2 with prior knowledge; only once its
    SETTINGS are here is a request sent, and a peer that says something else, or nothing, is spoken to in HTTP/1.1.
    So no request is ever sent twice, and what was not written is known to be unsent.

    Raises:
        ValueError: the policy has a proxy, which this wire does not speak to.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy or Policy()
        if self._policy.proxy is not None:
            raise ValueError("wire: asyncio does not speak to a proxy; use rust")
        self._connector = Connector(self._policy)
        self._origins = OriginTable()
        self._pools: dict[str, OriginPool] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._life: AsyncGenerator[None, None] | None = None

    async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109 - the seam
        base, target = _split(request.url)
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            await self._begin(loop)
        pool = self._pools.get(base)
        if pool is None:
            pool = self._make_pool(base)
        exchange = Exchange(loop, request, target, timeout)
        pool.submit(exchange)
        try:
            return await exchange.future
        finally:
            exchange.abandon()

    async def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pools = {}
        self._life = _closing_at_the_end(self._pools)
        await anext(self._life)

    def _make_pool(self, base: str) -> OriginPool:
        scheme, _, authority = base.partition("://")
        if scheme not in {"http", "https"}:
            raise UnsupportedProtocol(f"The URL must begin with http:// or https://, not {scheme!r}")
        if len(self._pools) >= _MAX_ORIGINS:
            for unused in [key for key, pool in self._pools.items() if pool.unused]:
                del self._pools[unused]
        pool = self._pools[base] = OriginPool(Origin(scheme, authority), self._policy, self._connector, self._origins)
        return pool

    def usage(self) -> WireUsage:
        pools = self._pools.values()
        return WireUsage(
            sum(pool.connections for pool in pools),
            sum(pool.streams for pool in pools),
            sum(pool.waiting for pool in pools),
        )

    async def aclose(self) -> None:
        if self._life is not None and self._loop is asyncio.get_running_loop():
            self._loop, life = None, self._life
            await life.aclose()


async def _closing_at_the_end(pools: dict[str, OriginPool]) -> AsyncGenerator[None, None]:
    """Closes the connections in ``pools`` when it is closed itself.

    The event loop does that with every asynchronous generator before it ends, so connections do not outlive it.
    """
    try:
        yield
    finally:
        ends = [end for pool in pools.values() for end in pool.close()]
        if ends:
            await asyncio.wait(ends, timeout=_CLOSE_SECONDS)
        for pool in pools.values():
            pool.abort()
        pools.clear()
        if ends:
            await asyncio.wait(ends)


def _split(url: str) -> tuple[str, str]:
    """Scheme and authority together, and the path with its query, as they stand in ``url``."""
    slash = url.find("/", url.find("://") + 3)
    question = url.find("?")
    if slash < 0 or 0 <= question < slash:
        return (url, "/") if question < 0 else (url[:question], "/" + url[question:])
    return url[:slash], url[slash:]
