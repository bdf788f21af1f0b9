"""Opens connections: TCP, TLS, and the agreement on a protocol."""

import asyncio
import ipaddress
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Coroutine
from typing import TypeVar, cast
from urllib.parse import urlsplit

from shelfwise.http.exceptions import ConnectError, ConnectTimeout
from shelfwise.http.policy import Policy
from shelfwise.http.wire.asyncio_wire.fields import Origin, RequestEncoder
from shelfwise.http.wire.asyncio_wire.http1 import Http1Connection
from shelfwise.http.wire.asyncio_wire.http2_session import Http2Session
from shelfwise.http.wire.asyncio_wire.socket_protocol import Owner
from shelfwise.http.wire.origins import Protocol

Connection = Http1Connection | Http2Session
P = TypeVar("P", bound=asyncio.Protocol)
_HAPPY_EYEBALLS_SECONDS = 0.25  # RFC 8305, section 8
_LATE_SHARE = 0.05
_DEFAULT_PORTS = {"http": 80, "https": 443}


class NotHttp2(Exception):  # noqa: N818 - it never leaves the wire
    """The peer did not agree to HTTP/2, and nothing of a request was sent; ``spoke``: it said something else."""

    def __init__(self, *, spoke: bool) -> None:
        super().__init__("The peer does not speak HTTP/2")
        self.spoke = spoke


class Connector:
    """Opens connections as a policy wants them; shared by all origins of a wire."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}

    async def open(
        self, origin: Origin, owner: Owner, protocol: Protocol | None, agree_seconds: float | None
    ) -> Connection:
        """A connection to ``origin`` that is ready for requests.

        Over TLS the protocol is negotiated when it is None; over plain TCP None is HTTP/2. ``agree_seconds`` is how
        long the peer may take to agree to HTTP/2; None: as long as to connect.

        Raises:
            ConnectError: there is none to be had.
            ConnectTimeout: not within the policy's time.
            NotHttp2: the peer speaks something else.
        """
        loop = asyncio.get_running_loop()

        def http1() -> Http1Connection:
            return Http1Connection(loop, owner, origin.authority, self._policy.max_body_bytes)

        def http2() -> Http2Session:
            return Http2Session(loop, owner, RequestEncoder(origin), self._policy.max_body_bytes)

        async def establish() -> Connection:
            if origin.scheme == "https":
                return await self._over_tls(origin, protocol, http1, http2)
            if protocol == "h1":
                return await _connect(origin, http1, None)
            return await _agreed(await _connect(origin, http2, None), agree_seconds)

        try:
            return await _within(self._policy.connect_timeout_seconds, establish())
        except TimeoutError as error:
            raise ConnectTimeout(_reason(error)) from error
        except OSError as error:
            raise ConnectError(_reason(error)) from error

    async def _over_tls(
        self,
        origin: Origin,
        protocol: Protocol | None,
        http1: Callable[[], Http1Connection],
        http2: Callable[[], Http2Session],
    ) -> Connection:
        if protocol == "h1":
            return await _connect(origin, http1, await self._context(("http/1.1",)))
        offered = ("h2",) if self._policy.http2 == "on" else ("h2", "http/1.1")
        negotiator = await _connect(origin, lambda: _Negotiator(http1, http2), await self._context(offered))
        chosen = negotiator.chosen
        assert chosen is not None
        return chosen if isinstance(chosen, Http1Connection) else await _agreed(chosen, None)

    async def _context(self, offered: tuple[str, ...]) -> ssl.SSLContext:
        context = self._contexts.get(offered)
        if context is None:
            # Reading the system's authorities takes tens of milliseconds.
            context = self._contexts[offered] = await asyncio.to_thread(_make_context, self._policy, offered)
        return context


class _Negotiator(asyncio.Protocol):
    """Hands the connection over to the protocol that TLS agreed on."""

    def __init__(self, http1: Callable[[], Http1Connection], http2: Callable[[], Http2Session]) -> None:
        self._http1 = http1
        self._http2 = http2
        self.chosen: Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        self.chosen = self._http2() if tls.selected_alpn_protocol() == "h2" else self._http1()
        transport.set_protocol(self.chosen)
        self.chosen.connection_made(transport)


async def _within(seconds: float, establishing: Coroutine[None, None, Connection]) -> Connection:
    """The connection, or ConnectTimeout; a loop that was too busy to look at the network has its time again, once."""
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    task = loop.create_task(establishing)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done() and loop.time() - due > seconds * _LATE_SHARE:
            await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    if task.cancelled():
        raise ConnectTimeout(f"No connection within {seconds:.3g} s")
    return task.result()


async def _connect(origin: Origin, factory: Callable[[], P], context: ssl.SSLContext | None) -> P:
    loop = asyncio.get_running_loop()
    parts = urlsplit(f"//{origin.authority}")
    host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS[origin.scheme]
    if isinstance(loop, asyncio.BaseEventLoop) and not _is_address(host):
        _, protocol = await loop.create_connection(
            factory, host, port, ssl=context, happy_eyeballs_delay=_HAPPY_EYEBALLS_SECONDS
        )
    else:  # uvloop tries one address after the other
        _, protocol = await loop.create_connection(factory, host, port, ssl=context)
    return protocol


async def _agreed(session: Http2Session, seconds: float | None) -> Http2Session:
    try:
        async with asyncio.timeout(seconds):
            agreed = await session.agreed
    except TimeoutError:
        session.abort()
        raise NotHttp2(spoke=False) from None
    except BaseException:
        session.abort()
        raise
    if not agreed:
        raise NotHttp2(spoke=session.heard)
    return session


def _make_context(policy: Policy, offered: tuple[str, ...]) -> ssl.SSLContext:
    authorities = policy.tls_ca_cert.decode("ascii") if policy.tls_ca_cert is not None else None
    context = ssl.create_default_context(cadata=authorities)
    context.set_alpn_protocols(list(offered))
    if policy.tls_client_cert is not None and policy.tls_client_key is not None:
        # OpenSSL reads the pair from a file only; this one is the owner's alone and gone at once.
        with tempfile.NamedTemporaryFile() as chain:
            chain.write(policy.tls_client_cert + b"\n" + policy.tls_client_key)
            chain.flush()
            context.load_cert_chain(chain.name)
    return context


def _reason(error: OSError) -> str:
    """The message of asyncio names the address and leaves out what happened."""
    if error.errno is None or isinstance(error, ssl.SSLError | socket.gaierror):
        return str(error) or type(error).__name__
    return os.strerror(error.errno)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
