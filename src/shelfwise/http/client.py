"""The httpx-shaped face: class methods on pooled clients, one pool per event loop."""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypedDict, Unpack
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

import httpx2

from shelfwise.http.exceptions import HTTPClientError, UnsupportedProtocol
from shelfwise.http.instrumentation.hooks import Hooks
from shelfwise.http.instrumentation.logs import LogHooks
from shelfwise.http.messages import WireRequest
from shelfwise.http.policy import Policy
from shelfwise.http.redirects import next_hop
from shelfwise.http.reply import Reply
from shelfwise.http.routes import QueryParams, encode_query
from shelfwise.http.service import ServiceClient
from shelfwise.http.stats import ClientStats
from shelfwise.http.strategies.deadline import Deadline
from shelfwise.http.wire.base import Wire
from shelfwise.http.wire.rust import RustWire

HeaderMapping = Mapping[str, str] | Sequence[tuple[str, str]]
WireFactory = Callable[[Policy], Wire]
_MAX_ORIGINS = 256
# The wire frames the message and names the host itself.
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_DECODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class RequestOptions(TypedDict, total=False):
    """What may be said of a request. ``timeout`` is the time of all attempts together, in seconds.

    ``safe`` declares that a POST changes nothing, so that it may be retried.
    """

    headers: HeaderMapping | None
    params: QueryParams | None
    json: object
    content: str | bytes | None
    timeout: float | None
    safe: bool


class _Pool:
    """All clients of one event loop: one wire, one :class:`ServiceClient` per origin, least recently used."""

    def __init__(self, policy: Policy, wire: Wire, hooks: Hooks) -> None:
        self.policy = policy
        self.wire = wire
        self._hooks = hooks
        self._clients: OrderedDict[str, ServiceClient] = OrderedDict()

    def client(self, origin: str) -> ServiceClient:
        client = self._clients.get(origin)
        if client is None:
            client = self._clients[origin] = ServiceClient(origin, self.policy, self.wire, self._hooks)
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
    _wire_factory: ClassVar[WireFactory] = RustWire

    @classmethod
    def configure(
        cls, policy: Policy | None = None, *, hooks: Hooks | None = None, wire: WireFactory | None = None
    ) -> None:
        """Use these from the next call on; what is left out goes back to its default.

        Pools made before are dropped, and close their connections when their calls are done.
        """
        cls._policy = policy if policy is not None else Policy()
        cls._hooks = hooks
        cls._wire_factory = wire if wire is not None else RustWire
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
        total = pool.policy.total_timeout_seconds if timeout is None else timeout
        request = _build_request(method, url, options)
        deadline = Deadline.after(total)
        hop = _wire_request(request)
        history: list[httpx2.Response] = []
        try:
            while True:
                reply = await _send(pool, hop, deadline, safe=options.get("safe", False))
                response = _response(reply, request)
                response.history = list(history)
                following = None
                if pool.policy.follow_redirects:
                    left = pool.policy.max_redirects - len(history)
                    following = next_hop(hop, reply.status, reply.headers, hops_left=left)
                if following is None:
                    return response
                history.append(response)
                hop = following
                request = httpx2.Request(hop.method, hop.url, headers=list(hop.headers), content=hop.body or None)
        except HTTPClientError as error:
            error.request = request
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
            hooks = cls._hooks if cls._hooks is not None else LogHooks()
            pool = cls._pools[loop] = _Pool(cls._policy, cls._wire_factory(cls._policy), hooks)
        return pool


async def _send(pool: _Pool, request: WireRequest, deadline: Deadline, *, safe: bool) -> Reply:
    parts = urlsplit(request.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UnsupportedProtocol("The URL must begin with http:// or https:// and name a host")
    subject, partition = _whose(request)
    return await pool.client(f"{parts.scheme}://{parts.netloc}").send(
        request.method,
        parts.path or "/",
        parts.query,
        headers=request.headers,
        body=request.body,
        subject=subject,
        partition=partition,
        safe=safe,
        deadline=deadline,
    )


def _whose(request: WireRequest) -> tuple[str, str]:
    """Subject and partition of a request, from the headers that say who asks and for which tenant."""
    found = {name.lower(): value for name, value in request.headers}
    subject = "\n".join(found.get(name, "") for name in ("authorization", "cookie"))
    return subject, found.get("x-tenant-id", "")


def _build_request(method: str, url: str, options: RequestOptions) -> httpx2.Request:
    headers = options.get("headers")
    query = encode_query(options.get("params"))
    if query:
        url = f"{url}{'&' if '?' in url else '?'}{query}"
    request = httpx2.Request(
        method.upper(),
        url,
        headers=list(headers.items()) if isinstance(headers, Mapping) else headers,
        json=options.get("json"),
        content=options.get("content"),
    )
    user = request.url.userinfo
    if user:
        # Out of the URL, so that it reaches no log line, no message and no metric.
        if "authorization" not in request.headers:
            name, _, password = user.decode("ascii").partition(":")
            credentials = f"{unquote(name)}:{unquote(password)}".encode()
            request.headers["authorization"] = f"Basic {base64.b64encode(credentials).decode('ascii')}"
        request.url = request.url.copy_with(username=None, password=None)
    return request


def _wire_request(request: httpx2.Request) -> WireRequest:
    headers = [pair for pair in request.headers.multi_items() if pair[0].lower() not in _FRAMING]
    return WireRequest(request.method, str(request.url).partition("#")[0], headers, request.content)


def _response(reply: Reply, request: httpx2.Request) -> httpx2.Response:
    # The body is decoded already; the headers of its encoded form would have it decoded twice.
    dropped = frozenset[str]() if request.method == "HEAD" else _DECODED
    headers = [pair for pair in reply.headers if pair[0] not in dropped]
    if reply.cache.status in {"hit", "stale"}:
        headers.append(("age", str(int(reply.cache.age_seconds))))
        headers.append(("cache-status", reply.cache.cache_status()))
    return httpx2.Response(
        reply.status,
        headers=headers,
        content=reply.body,
        request=request,
        extensions={"http_version": reply.http_version.encode("ascii")},
    )
