"""The default wire: pyqwest, a Rust HTTP/1.1 and HTTP/2 client."""

import asyncio
import atexit
import os
import time
from urllib.parse import urlsplit

import pyqwest

from shelfwise.http.exceptions import (
    ConnectError,
    ConnectTimeout,
    HTTPClientError,
    PoolTimeout,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    UnsupportedProtocol,
    WriteError,
)
from shelfwise.http.messages import WireRequest, WireResponse
from shelfwise.http.policy import Policy
from shelfwise.http.wire.base import Timer, Wire, WireUsage
from shelfwise.http.wire.decode import ACCEPT_ENCODING, BodyReader, is_bodiless
from shelfwise.http.wire.origins import OriginTable, Protocol, Verdict, probe
from shelfwise.http.wire.peers import Peers
from shelfwise.http.wire.rust_failures import raise_mapped

# Without an explicit proxy the Rust client would take one from the environment. A proxy that is excluded for every
# host is explicit and never used.
_NO_PROXY = pyqwest.Proxy("http://127.0.0.1:9", no_proxy="*,0.0.0.0/0,::/0")
_IDLE_SECONDS = 90.0
_SETTLE_SECONDS = 0.02
# Longer would cost more than it saves: at 0.1 s a call took 45 us more than at 0.005 s.
_LINGER_SECONDS = 0.005
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


def _settle_at_exit() -> None:
    """Let the Rust threads let go of their last Python objects.

    CPython before 3.14 ends a thread that asks for the interpreter's lock during shutdown by unwinding it, which
    a Rust thread answers with abort(): 2 of 40 short scripts exited with status 134 without this pause.
    """
    time.sleep(_SETTLE_SECONDS)


class _Runtime:
    """The Rust client's threads, of which there is one set in a process, and none in one that was forked from it."""

    begun = False
    lost = False

    @classmethod
    def begin(cls) -> None:
        if not cls.begun:
            cls.begun = True
            atexit.register(_settle_at_exit)
            os.register_at_fork(after_in_child=cls._forked)

    @classmethod
    def _forked(cls) -> None:
        cls.lost = True


class _LoopState:
    """What belongs to one event loop: the slots of HTTP/1.1, and the responses that linger.

    A response over HTTP/2 is complete when every byte that it announced is here. Asking once more for the end of its
    stream costs a quarter of a whole call, so nobody asks; but to let go of a response before its END_STREAM is in
    sends RST_STREAM, and a peer may take many of those for an attack. So it is kept a moment longer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, max_connections: int) -> None:
        self.loop = loop
        self.slots = asyncio.Semaphore(max_connections)
        self._finished: list[pyqwest.Response] = []
        self._leaving: list[pyqwest.Response] = []

    def linger(self, response: pyqwest.Response) -> None:
        if not self._finished and not self._leaving:
            self.loop.call_later(_LINGER_SECONDS, self._turn)
        self._finished.append(response)

    def _turn(self) -> None:
        self._leaving, self._finished = self._finished, []
        if self._leaving:
            self.loop.call_later(_LINGER_SECONDS, self._turn)


class RustWire(Wire):
    """pyqwest behind the :class:`Wire` seam.

    TLS negotiates by ALPN. A plain ``http://`` origin is spoken to in HTTP/2 with prior knowledge; when the first
    exchange breaks, the peer is asked with a bare connection preface whether it speaks HTTP/2 at all, and if it
    answers in HTTP/1.1 the request is sent again in HTTP/1.1. Behind one address there may be several peers, of
    which the one that broke off had understood the request: so only what is idempotent is tried in this way, and
    for any other method the peer is asked first.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy or Policy()
        self._origins = OriginTable()
        self._peers = Peers()
        self._transports: dict[tuple[str, int], pyqwest.HTTPTransport] = {}
        self._turn = 0
        self._probes: dict[str, asyncio.Task[Verdict]] = {}
        self._loop_state: _LoopState | None = None
        self._streams = 0
        self._waiting = 0
        if self._policy.proxy is not None:
            self._peers.add(self._policy.proxy)

    async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109 - the seam
        scheme, _, rest = request.url.partition("://")
        if scheme not in {"http", "https"}:
            raise UnsupportedProtocol(f"The URL must begin with http:// or https://, not {scheme!r}")
        authority = rest.split("/", 1)[0].split("?", 1)[0]
        if self._policy.proxy is None:
            self._peers.add(f"{scheme}://{authority}")
        http2 = self._policy.http2
        if scheme == "https":
            if http2 == "on":
                return await self._exchange(self._transport("tls"), request, timeout)
            return await self._send_over_tls(f"https://{authority}", request, timeout)
        if http2 == "off" or self._policy.proxy is not None:
            return await self._send_in_a_slot("h1", request, timeout)
        if http2 == "on":
            return await self._exchange(self._transport("h2"), request, timeout)
        return await self._send_negotiated(authority, request, timeout)

    async def _send_over_tls(self, origin: str, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109
        """Until the peer is known to multiplex, a call may need a connection of its own: then slots bound them."""
        known = self._origins.protocol(origin)
        if known == "h2":
            response = await self._exchange(self._transport("tls"), request, timeout)
        else:
            response = await self._send_in_a_slot("tls", request, timeout)
        spoken: Protocol = "h2" if response.http_version == "HTTP/2" else "h1"
        if spoken != known:
            self._origins.settle(origin, spoken)
        return response

    async def _send_negotiated(self, origin: str, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109
        started = time.monotonic()
        protocol = self._origins.protocol(origin)
        if protocol is None and request.method not in _IDEMPOTENT:
            verdict = await self._ask(origin, timeout)
            if verdict is None:
                raise ConnectTimeout(f"No connection within {timeout:.3g} s")
            protocol = "h1" if verdict == "unknown" else verdict
            timeout = _left(started, timeout)
        if protocol == "h1":
            return await self._send_in_a_slot("h1", request, timeout)
        try:
            response = await self._exchange(self._transport("h2"), request, timeout)
        except (WriteError, RemoteProtocolError, ReadError) as error:
            self._origins.broke(origin)
            if protocol == "h2" or error.sent == "yes" or time.monotonic() - started >= timeout:
                raise
            if await self._ask(origin, _left(started, timeout)) != "h1":
                raise
            return await self._send_in_a_slot("h1", request, _left(started, timeout))
        if protocol is None:
            self._origins.answered_http2(origin)
        return response

    async def _send_in_a_slot(self, kind: str, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109
        slots = self._state().slots
        if slots.locked():
            timeout = await self._wait_for(slots, timeout)
        else:
            await slots.acquire()
        try:
            return await self._exchange(self._transport(kind), request, timeout)
        finally:
            slots.release()

    async def _wait_for(self, slots: asyncio.Semaphore, timeout: float) -> float:  # noqa: ASYNC109
        """Takes a slot when one is free, and says how many seconds are left then."""
        started = time.monotonic()
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout):
                await slots.acquire()
        except TimeoutError:
            raise PoolTimeout(f"No free connection within {timeout:.3g} s") from None
        finally:
            self._waiting -= 1
        return _left(started, timeout)

    async def _exchange(
        self,
        transport: pyqwest.HTTPTransport,
        request: WireRequest,
        timeout: float,  # noqa: ASYNC109
    ) -> WireResponse:
        timer = Timer(timeout)
        answered = False
        self._streams += 1
        try:
            response = await timer.watch(transport.execute(_outgoing(request)))
            answered = True
            version = str(response.http_version)
            headers = list(response.headers.items())
            bodiless = is_bodiless(request.method, response.status)
            reader = BodyReader(headers, self._policy.max_body_bytes, bodiless=bodiless)
            content = response.content
            try:
                # Over HTTP/1.1 the end must be waited for: only then is the connection free for the next call.
                while not (reader.whole and version == "HTTP/2"):
                    reader.feed(bytes(await timer.watch(content.__anext__())))
            except StopAsyncIteration:
                # The Rust client takes a stream that is reset with NO_ERROR for a finished one.
                if reader.cut_short:
                    raise RemoteProtocolError("The body is cut short", sent="yes") from None
            else:
                self._state().linger(response)
            return WireResponse(response.status, headers, reader.finish(), version)
        except asyncio.CancelledError:
            if not timer.expired():
                raise
            raise ReadTimeout(f"No answer within {timeout:.3g} s", sent="yes" if answered else "maybe") from None
        except HTTPClientError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the wire raises has one meaning in our tree
            raise_mapped(error, answered=answered)
        finally:
            self._streams -= 1
            timer.stop()

    def _transport(self, kind: str) -> pyqwest.HTTPTransport:
        """The transport whose turn it is: each has one HTTP/2 connection to an origin."""
        if _Runtime.lost:  # nobody would ever answer
            raise ConnectError("The process was forked after its first call: fork before it, or set wire to httpx2")
        count = self._policy.connections_per_instance
        turn = 0
        if count > 1 and kind != "h1":
            self._turn = turn = (self._turn + 1) % count
        transport = self._transports.get((kind, turn))
        if transport is None:
            transport = self._transports[kind, turn] = self._build_transport(kind)
        return transport

    def _build_transport(self, kind: str) -> pyqwest.HTTPTransport:
        _Runtime.begin()
        policy = self._policy
        version = {"h1": pyqwest.HTTPVersion.HTTP1, "h2": pyqwest.HTTPVersion.HTTP2}.get(kind)
        if kind == "tls" and policy.http2 != "auto":
            version = pyqwest.HTTPVersion.HTTP1 if policy.http2 == "off" else pyqwest.HTTPVersion.HTTP2
        return pyqwest.HTTPTransport(
            tls_ca_cert=policy.tls_ca_cert,
            tls_include_system_certs=kind == "tls" and policy.tls_ca_cert is None,
            tls_cert=policy.tls_client_cert,
            tls_key=policy.tls_client_key,
            http_version=version,
            proxy=policy.proxy if policy.proxy is not None else _NO_PROXY,
            connect_timeout=policy.connect_timeout_seconds,
            pool_idle_timeout=_IDLE_SECONDS,
            pool_max_idle_per_host=policy.max_keepalive,
            max_connections_per_address=policy.max_connections,
            # One decoder for every wire, with a bound (decode.py); ours are the spans too.
            enable_gzip=False,
            enable_brotli=False,
            enable_zstd=False,
            enable_otel=False,
            use_system_dns=True,
            follow_redirects=False,
        )

    def _state(self) -> _LoopState:
        loop = asyncio.get_running_loop()
        state = self._loop_state
        if state is None or state.loop is not loop:
            state = self._loop_state = _LoopState(loop, self._policy.max_connections)
        return state

    async def _ask(self, origin: str, timeout_seconds: float) -> Verdict | None:
        """What the peer speaks, remembered (where it does not say, as HTTP/1.1); None: no word of it in time."""
        task = self._probes.get(origin)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            parts = urlsplit(f"//{origin}")
            # As long as a connection may take, however short of time the first is who asks: others join.
            limit = self._policy.connect_timeout_seconds
            task = asyncio.ensure_future(probe(parts.hostname or "", parts.port or 80, limit))
            self._probes[origin] = task
            task.add_done_callback(lambda done: self._told(origin, done))
        await asyncio.wait([task], timeout=timeout_seconds)
        return task.result() if task.done() and not task.cancelled() else None

    def _told(self, origin: str, task: "asyncio.Task[Verdict]") -> None:
        if self._probes.get(origin) is task:
            del self._probes[origin]
        if not task.cancelled():
            self._origins.settle(origin, task.result())

    def protocol_of(self, origin: str) -> Protocol | None:
        """What ``host:port`` is known to speak over plain TCP, or None while it is not known."""
        return self._origins.protocol(origin)

    def usage(self) -> WireUsage:
        """Every connection of the process to a peer of this wire counts, also one that another wire opened."""
        return WireUsage(self._peers.open_connections(), self._streams, self._waiting)

    async def aclose(self) -> None:
        self._loop_state = None
        transports = list(self._transports.values())
        self._transports.clear()
        for transport in transports:
            await transport.aclose()


def _outgoing(request: WireRequest) -> pyqwest.Request:
    headers = pyqwest.Headers(request.headers)
    if "accept-encoding" not in headers:
        headers["accept-encoding"] = ACCEPT_ENCODING
    return pyqwest.Request(request.method, request.url, headers, request.body or None)


def _left(started: float, timeout: float) -> float:
    """The seconds that remain of ``timeout``, and a moment where none do: the exchange then says how it ended."""
    return max(timeout - (time.monotonic() - started), 0.001)
