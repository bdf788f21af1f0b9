"""One call of each client: a GET, its answer read whole and decoded to a struct, as each is used when speed matters.

Every client has one session, keeps its connections and may have at least 100 of them; the peers get the URL as one
string, our typed path expands its route and query each time.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple

import aiohttp
import httpx
import httpx2
import msgspec
import niquests
import pyqwest
from pyreqwest.client import ClientBuilder

from benchmarks.http_client.machine import PATH, Protocol
from benchmarks.http_client.server import BODY, HEADERS
from shelfwise.http import (
    AsyncioWire,
    CachePolicy,
    HTTPClient,
    Policy,
    RustWire,
    ServiceClient,
    Wire,
    WireRequest,
    WireResponse,
)
from shelfwise.http.policy import HTTP2Mode

ROUTE = "/api/sales/products/{product_id}/analytics"
CONNECTIONS = 100
TYPED, FACE, BARE = "shelfwise typed", "shelfwise httpx2.Response", "shelfwise bare wire"
TYPED_ON_RUST, BARE_RUST = "shelfwise typed on the Rust wire", "shelfwise Rust wire"
STUB, HIT = "shelfwise on a stub wire", "shelfwise cache hit"
UNCACHED = Policy(cache=CachePolicy(enabled=False)).for_service()


class Sales(msgspec.Struct):
    product_id: str
    total_quantity_sold: int
    total_revenue: float
    average_daily_sales: float
    sales_trend: str
    last_sale_date: str
    period: int


class Contender(NamedTuple):
    name: str
    call: Callable[[], Awaitable[Sales]]
    aclose: Callable[[], Awaitable[None]]


DECODE = msgspec.json.Decoder(Sales).decode


class StubWire(Wire):
    """Answers at once and in memory, so that what a call costs is what the pipeline costs."""

    def __init__(self) -> None:
        headers = (*HEADERS, ("content-length", str(len(BODY))), ("server", "stub"))
        self._response = WireResponse(200, headers, BODY, "HTTP/2")

    async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ARG002, ASYNC109 - the seam
        return self._response

    async def aclose(self) -> None:
        pass


def contenders(url: str, protocol: Protocol) -> list[Contender]:
    """Every client that speaks ``protocol``; they must be made and used in one event loop."""
    http2 = protocol == "HTTP/2"
    ours: HTTP2Mode = "auto" if http2 else "off"
    everywhere = [
        _typed(TYPED, ServiceClient(url, replace(UNCACHED, http2=ours))),
        _face(url, Policy(http2=ours)),
        _bare_wire(BARE, url, AsyncioWire(Policy(http2=ours))),
        _typed(TYPED_ON_RUST, ServiceClient(url, replace(UNCACHED, http2=ours, wire="rust"))),
        _bare_wire(BARE_RUST, url, RustWire(Policy(http2=ours))),
        _pyqwest(url, http2=http2),
        _pyreqwest(url, http2=http2),
        _niquests(url, http2=http2),
        _httpx2(url, http2=http2),
        _httpx(url, http2=http2),
    ]
    return everywhere if http2 else [*everywhere, _aiohttp(url)]


def in_memory() -> list[Contender]:
    """The pipeline without a network: every strategy on, then a hit of the cache; both over a stub."""
    return [
        _typed(STUB, ServiceClient("http://stub", UNCACHED, StubWire())),
        _typed(HIT, ServiceClient("http://stub", Policy().for_service(), StubWire())),
    ]


def _typed(name: str, client: ServiceClient) -> Contender:
    async def call() -> Sales:
        reply = await client.call(
            "GET", ROUTE, parts={"product_id": "PRD-123"}, params={"days": 30}, partition="tenant", subject="user"
        )
        return DECODE(reply.body)

    return Contender(name, call, client.aclose)


def _face(url: str, policy: Policy) -> Contender:
    class Client(HTTPClient):
        """A configuration and connections of its own, for each protocol."""

    Client.configure(policy)
    target = url + PATH

    async def call() -> Sales:
        return DECODE((await Client.get(url=target)).content)

    return Contender(FACE, call, Client.aclose)


def _bare_wire(name: str, url: str, wire: Wire) -> Contender:
    target = url + PATH

    async def call() -> Sales:
        return DECODE((await wire.send(WireRequest("GET", target, (), b""), 2)).body)

    return Contender(name, call, wire.aclose)


def _pyqwest(url: str, *, http2: bool) -> Contender:
    version = pyqwest.HTTPVersion.HTTP2 if http2 else pyqwest.HTTPVersion.HTTP1
    transport = pyqwest.HTTPTransport(
        http_version=version,
        pool_max_idle_per_host=CONNECTIONS,  # by default it keeps two of the connections and opens the rest anew
        enable_otel=False,
        enable_gzip=False,
        enable_brotli=False,
        enable_zstd=False,
    )
    client, target = pyqwest.Client(transport), url + PATH

    async def call() -> Sales:
        return DECODE((await client.get(target)).content)

    return Contender("pyqwest", call, transport.aclose)


def _pyreqwest(url: str, *, http2: bool) -> Contender:
    builder = ClientBuilder()
    client = (builder.http2_prior_knowledge() if http2 else builder.http1_only()).build()
    target = url + PATH

    async def call() -> Sales:
        response = await client.get(target).build().send()
        return DECODE(await response.bytes())

    return Contender("pyreqwest", call, client.close)


def _niquests(url: str, *, http2: bool) -> Contender:
    session = niquests.AsyncSession(
        pool_maxsize=CONNECTIONS, disable_http1=http2, disable_http2=not http2, disable_http3=True
    )
    target = url + PATH

    async def call() -> Sales:
        return DECODE((await session.get(target)).content or b"")

    return Contender("niquests", call, session.close)


def _httpx2(url: str, *, http2: bool) -> Contender:
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    client, target = httpx2.AsyncClient(http1=not http2, http2=http2, limits=limits), url + PATH

    async def call() -> Sales:
        return DECODE((await client.get(target)).content)

    return Contender("httpx2", call, client.aclose)


def _httpx(url: str, *, http2: bool) -> Contender:
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    client, target = httpx.AsyncClient(http1=not http2, http2=http2, limits=limits), url + PATH

    async def call() -> Sales:
        return DECODE((await client.get(target)).content)

    return Contender("httpx", call, client.aclose)


def _aiohttp(url: str) -> Contender:
    session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
    target = url + PATH

    async def call() -> Sales:
        async with session.get(target) as response:
            return DECODE(await response.read())

    return Contender("aiohttp", call, session.close)
