"""What both protocols share of one connection: its transport, its life, its end."""

import asyncio
from typing import Protocol, cast

from shelfwise.http.exceptions import ReadError, RemoteProtocolError, Sent, WireError, WriteError


class Owner(Protocol):
    """Whoever keeps the connections of an origin."""

    def freed(self, connection: "SocketProtocol") -> None:
        """The connection may have room for an exchange now, or may be of no more use."""

    def lost(self, connection: "SocketProtocol") -> None:
        """The connection is closed."""


class SocketProtocol(asyncio.Protocol):
    """One connection; ``ended`` resolves when its socket is closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        self._loop = loop
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self.closing = False
        self.idle_since = loop.time()
        self.ended: asyncio.Future[None] = loop.create_future()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self.ended.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.closing = True
        if not self.ended.done():
            self.ended.set_result(None)

    def eof_received(self) -> bool:
        """Neither protocol has a use for a connection that is closed by half."""
        return False

    def close(self) -> None:
        """Write what is written, then close."""
        self.closing = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.closing = True
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)


def broken(message: str, cause: Exception | None, *, sent: Sent) -> WireError:
    """The failure of an exchange whose connection ended; ``cause`` None: it was closed in order."""
    if cause is None:
        return RemoteProtocolError(message, sent=sent)
    kind = ReadError if sent == "yes" else WriteError
    error = kind(str(cause) or type(cause).__name__, sent=sent)
    error.__cause__ = cause
    return error
