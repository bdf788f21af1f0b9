"""The default wire: pyqwest, a Rust HTTP/1.1 and HTTP/2 client."""

import asyncio
import atexit
import re
import time
from typing import Never
from urllib.parse import urlsplit

import pyqwest

from shelfwise.http.exceptions import (
    ConnectError,
    ConnectTimeout,
    HTTPClientError,
    LocalProtocolError,
    PoolTimeout,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    Sent,
    UnsupportedProtocol,
    WriteError,
)
from shelfwise.http.messages import WireRequest, WireResponse
from shelfwise.http.policy import Policy
from shelfwise.http.wire.base import Timer
from shelfwise.http.wire.decode import ACCEPT_ENCODING, BodyReader
from shelfwise.http.wire.origins import OriginTable, Protocol, Verdict, probe

# Without an explicit proxy the Rust client would take one from the environment. A proxy that is excluded for every
# host is explicit and never used.
_NO_PROXY = pyqwest.Proxy("http://127.0.0.1:9", no_proxy="*,0.0.0.0/0,::/0")
# What the Rust client puts before the cause; it repeats the URL, with the values of its query.
_PREAMBLE = re.compile(
    r"^(Request failed: |Error reading content: )?(error sending request for url \(.*?\): )?(client error \(\w+\): )?"
)
_IDLE_SECONDS = 90.0
_SETTLE_SECONDS = 0.02


def _settle_at_exit() -> None:
    """Let the Rust threads let go of their last Python objects.

    CPython before 3.14 ends a thread that asks for the interpreter's lock during shutdown by unwinding it, which
    a Rust thread answers with abort(): 2 of 40 short scripts exited with status 134 without this pause.
    """
    time.sleep(_SETTLE_SECONDS)


class RustWire:
    """pyqwest behind the :class:`Wire` seam.

    TLS negotiates by ALPN. A plain ``http://`` origin is spoken to in HTTP/2 with prior knowledge; when the first
    exchange breaks, the peer is asked with a bare connection preface whether it speaks HTTP/2 at all, and if it
    answers in HTTP/1.1 it cannot have understood the request, which is then sent again in HTTP/1.1.
    """

    _exit_hook_set = False

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy or Policy()
        self._origins = OriginTable()
        self._transports: dict[tuple[str, int], pyqwest.HTTPTransport] = {}
        self._turn = 0
        self._probes: dict[str, asyncio.Task[Verdict]] = {}
        self._slots = asyncio.Semaphore(self._policy.max_connections)
        self._slots_loop: asyncio.AbstractEventLoop | None = None

    async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109 - the seam
        scheme, _, rest = request.url.partition("://")
        if scheme == "https":
            return await self._exchange(self._transport("tls"), request, timeout)
        if scheme != "http":
            raise UnsupportedProtocol(f"The URL must begin with http:// or https://, not {scheme!r}")
        if self._policy.http2 == "off" or self._policy.proxy is not None:
            return await self._send_http1(request, timeout)
        if self._policy.http2 == "on":
            return await self._exchange(self._transport("h2"), request, timeout)
        return await self._send_negotiated(rest.split("/", 1)[0].split("?", 1)[0], request, timeout)

    async def _send_negotiated(self, origin: str, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109
        protocol = self._origins.protocol(origin)
        if protocol == "h1":
            return await self._send_http1(request, timeout)
        started = time.monotonic()
        try:
            response = await self._exchange(self._transport("h2"), request, timeout)
        except (WriteError, RemoteProtocolError, ReadError) as error:
            self._origins.broke(origin)
            left = timeout - (time.monotonic() - started)
            if protocol == "h2" or error.sent == "yes" or left <= 0:
                raise
            verdict = await self._ask(origin, min(left, self._policy.connect_timeout_seconds))
            self._origins.settle(origin, verdict)
            if verdict != "h1":
                raise
            return await self._send_http1(request, max(timeout - (time.monotonic() - started), 0.001))
        if protocol is None:
            self._origins.answered_http2(origin)
        return response

    async def _send_http1(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109
        slots = self._http1_slots()
        if not slots.locked():
            async with slots:
                return await self._exchange(self._transport("h1"), request, timeout)
        started = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                await slots.acquire()
        except TimeoutError:
            raise PoolTimeout(f"No free connection within {timeout:.3g} s") from None
        try:
            left = max(timeout - (time.monotonic() - started), 0.001)
            return await self._exchange(self._transport("h1"), request, left)
        finally:
            slots.release()

    async def _exchange(
        self,
        transport: pyqwest.HTTPTransport,
        request: WireRequest,
        timeout: float,  # noqa: ASYNC109
    ) -> WireResponse:
        timer = Timer(timeout)
        answered = False
        try:
            outgoing = _outgoing(request)
            response = await timer.watch(transport.execute(outgoing))
            answered = True
            headers = list(response.headers.items())
            reader = BodyReader(headers, self._policy.max_body_bytes)
            content = response.content
            try:
                while True:
                    chunk = await timer.watch(content.__anext__())
                    reader.feed(bytes(chunk))
            except StopAsyncIteration:
                pass
            return WireResponse(response.status, headers, reader.finish(), str(response.http_version))
        except asyncio.CancelledError:
            if not timer.expired():
                raise
            raise ReadTimeout(f"No answer within {timeout:.3g} s", sent="yes" if answered else "maybe") from None
        except HTTPClientError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the wire raises has one meaning in our tree
            _raise_mapped(error, answered=answered)
        finally:
            timer.stop()

    def _transport(self, kind: str) -> pyqwest.HTTPTransport:
        """The transport whose turn it is: each has one HTTP/2 connection to an origin."""
        count = self._policy.connections_per_instance
        turn = 0
        if count > 1 and kind != "h1":
            self._turn = turn = (self._turn + 1) % count
        transport = self._transports.get((kind, turn))
        if transport is None:
            transport = self._transports[kind, turn] = self._build_transport(kind)
        return transport

    def _build_transport(self, kind: str) -> pyqwest.HTTPTransport:
        if not RustWire._exit_hook_set:
            RustWire._exit_hook_set = True
            atexit.register(_settle_at_exit)
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

    def _http1_slots(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        if self._slots_loop is not loop:
            self._slots_loop = loop
            self._slots = asyncio.Semaphore(self._policy.max_connections)
        return self._slots

    async def _ask(self, origin: str, timeout_seconds: float) -> Verdict:
        task = self._probes.get(origin)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            parts = urlsplit(f"//{origin}")
            task = asyncio.ensure_future(probe(parts.hostname or "", parts.port or 80, timeout_seconds))
            self._probes[origin] = task
            task.add_done_callback(lambda _: self._probes.pop(origin, None))
        return await asyncio.shield(task)

    def protocol_of(self, origin: str) -> Protocol | None:
        """What ``host:port`` is known to speak over plain TCP, or None while it is not known."""
        return self._origins.protocol(origin)

    async def aclose(self) -> None:
        transports = list(self._transports.values())
        self._transports.clear()
        for transport in transports:
            await transport.aclose()


def _outgoing(request: WireRequest) -> pyqwest.Request:
    headers = pyqwest.Headers(request.headers)
    if "accept-encoding" not in headers:
        headers["accept-encoding"] = ACCEPT_ENCODING
    return pyqwest.Request(request.method, request.url, headers, request.body or None)


def _raise_mapped(error: Exception, *, answered: bool) -> Never:
    sent: Sent = "yes" if answered else "maybe"
    message = _PREAMBLE.sub("", str(error)) or type(error).__name__
    if isinstance(error, pyqwest.ConnectTimeout):
        raise ConnectTimeout(message) from error
    if isinstance(error, ConnectionError) and not answered:
        raise ConnectError(message) from error
    if isinstance(error, pyqwest.StreamError):
        if error.code is pyqwest.StreamErrorCode.REFUSED_STREAM and not answered:
            sent = "no"
        raise RemoteProtocolError(message, sent=sent) from error
    if isinstance(error, pyqwest.RemoteProtocolError):
        raise RemoteProtocolError(message, sent=sent) from error
    if isinstance(error, TimeoutError):
        raise ReadTimeout(message, sent=sent) from error
    if isinstance(error, pyqwest.WriteError) and not answered:
        raise WriteError(message, sent=sent) from error
    if isinstance(error, ValueError) and not answered:
        raise LocalProtocolError(message) from error
    raise ReadError(message, sent=sent) from error
