"""The httpx-shaped face: class methods on pooled clients, one pool per event loop."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import ClassVar, Unpack
from weakref import WeakKeyDictionary

import httpx2

from shelfwise.http.exceptions import HTTPClientError
from shelfwise.http.instrumentation.hooks import Hooks
from shelfwise.http.instrumentation.logs import LogHooks
from shelfwise.http.instrumentation.opentelemetry import OpenTelemetryTracing
from shelfwise.http.instrumentation.tracing import Tracing
from shelfwise.http.policy import Policy
from shelfwise.http.redirects import next_hop
from shelfwise.http.reply import Reply
from shelfwise.http.requests import Addressed, RequestOptions, address, build_request
from shelfwise.http.responses import Response, as_httpx2
from shelfwise.http.service import ServiceClient
from shelfwise.http.stats import ClientStats
from shelfwise.http.strategies.cache import subject_of
from shelfwise.http.strategies.deadline import Deadline
from shelfwise.http.wire import Wire, make_wire

WireFactory = Callable[[Policy], Wire]
_MAX_ORIGINS = 256


class _Pool:
    """All clients of one event loop: one wire, one :class:`ServiceClient` per origin, least recently used."""

    def __init__(self, policy: Policy, wire: Wire, hooks: Hooks, tracing: Tracing) -> None:
        self.policy = policy
        self.wire = wire
        self._hooks = hooks
        self._tracing = tracing
        self._clients: OrderedDict[str, ServiceClient] = OrderedDict()

    def client(self, origin: str) -> ServiceClient:
        client = self._clients.get(origin)
        if client is None:
            client = ServiceClient(origin, self.policy, self.wire, self._hooks, tracing=self._tracing)
            self._clients[origin] = client
            if len(self._clients) > _MAX_ORIGINS:
                self._clients.popitem(last=False)
        else:
            self._clients.move_to_end(origin)
        return client

    def stats(self) -> dict[str, ClientStats]:
        return {origin: client.stats() for origin, client in self._clients.items()}

    async def aclose(self) -> None:
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.aclose()
        await self.wire.aclose()


class HTTPClient:
    """The integration document's client: ``await HTTPClient.get(url=..., headers=..., params=...)``.

    A singleton without an instance: connections are pooled per event loop, made by the first call. Answers are
    ``httpx2.Response``; a 4xx or 5xx is an answer, not an exception.
    """

    _pools: ClassVar["WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool]"] = WeakKeyDictionary()
    _policy: ClassVar[Policy] = Policy()
    _hooks: ClassVar[Hooks | None] = None
    _tracing: ClassVar[Tracing | None] = None
    _wire_factory: ClassVar[WireFactory] = make_wire

    @classmethod
    def configure(
        cls,
        policy: Policy | None = None,
        *,
        hooks: Hooks | None = None,
        tracing: Tracing | None = None,
        wire: WireFactory | None = None,
    ) -> None:
        """Use these from the next call on; what is left out goes back to its default.

        Pools made before are dropped, and close their connections when their calls are done.
        """
        cls._policy = policy if policy is not None else Policy()
        cls._hooks = hooks
        cls._tracing = tracing
        cls._wire_factory = wire if wire is not None else make_wire
        cls._pools = WeakKeyDictionary()

    @classmethod
    async def get(cls, url: str, **options: Unpack[RequestOptions]) -> httpx2.Response:
        return await cls.request("GET", url, **options)

    @classmethod
    async def post(cls, url: str, **options: Unpack[RequestOptions]) -> httpx2.Response:
        return await cls.request("POST", url, **options)

    @classmethod
    async def put(cls, url: str, **options: Unpack[RequestOptions]) -> httpx2.Response:
        return await cls.request("PUT", url, **options)

    @classmethod
    async def patch(cls, url: str, **options: Unpack[RequestOptions]) -> httpx2.Response:
        return await cls.request("PATCH", url, **options)

    @classmethod
    async def delete(cls, url: str, **options: Unpack[RequestOptions]) -> httpx2.Response:
        return await cls.request("DELETE", url, **options)

    @classmethod
    async def head(cls, url: str, **options: Unpack[RequestOptions]) -> httpx2.Response:
        return await cls.request("HEAD", url, **options)

    @classmethod
    async def request(cls, method: str, url: str, **options: Unpack[RequestOptions]) -> httpx2.Response:
        """The answer to one request, with redirects followed and failures retried within the timeout.

        Raises:
            HTTPClientError: there is no answer; it is the ``httpx2`` exception of the same name too.
            httpx2.InvalidURL: the URL cannot be read.
        """
        pool = cls._pool()
        timeout = options.get("timeout")
        deadline = Deadline.after(pool.policy.total_timeout_seconds if timeout is None else timeout)
        hop = build_request(method, url, options)
        history: list[httpx2.Response] = []
        try:
            while True:
                started = time.monotonic()
                reply = await _send(pool, hop, deadline, safe=options.get("safe", False))
                response = Response(reply, hop.request, list(history), time.monotonic() - started)
                following = None
                if pool.policy.follow_redirects and 300 <= reply.status < 400:
                    left = pool.policy.max_redirects - len(history)
                    following = next_hop(hop.request, reply.status, reply.headers, hops_left=left)
                if following is None:
                    return response
                history.append(response)
                hop = address(following)
        except HTTPClientError as error:
            error.request = as_httpx2(hop.request)
            raise

    @classmethod
    def stats(cls) -> dict[str, ClientStats]:
        """Per origin what :meth:`ServiceClient.stats` tells, of the running event loop's pool."""
        pool = cls._pools.get(asyncio.get_running_loop())
        return {} if pool is None else pool.stats()

    @classmethod
    async def aclose(cls) -> None:
        """Close the running event loop's connections; the next call opens new ones."""
        pool = cls._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.aclose()

    @classmethod
    def _pool(cls) -> _Pool:
        loop = asyncio.get_running_loop()
        pool = cls._pools.get(loop)
        if pool is None:
            # A wire knows its loop, so the pools of closed loops would keep themselves alive.
            for closed in [other for other in list(cls._pools) if other.is_closed()]:
                del cls._pools[closed]
            hooks = cls._hooks if cls._hooks is not None else LogHooks()
            tracing = cls._tracing if cls._tracing is not None else OpenTelemetryTracing()
            pool = cls._pools[loop] = _Pool(cls._policy, cls._wire_factory(cls._policy), hooks, tracing)
        return pool


async def _send(pool: _Pool, hop: Addressed, deadline: Deadline, *, safe: bool) -> Reply:
    location, request = hop.location, hop.request
    return await pool.client(location.origin).send(
        request.method,
        location.path,
        location.query,
        headers=request.headers,
        body=request.body,
        subject=subject_of(request.headers) if pool.policy.cache_or_off.enabled else None,
        partition=hop.partition,
        safe=safe,
        deadline=deadline,
    )
