"""A wire on asyncio's own transports: HTTP/2 and HTTP/1.1 without a thread and without a task for each call."""

from shelfwise.http.wire.asyncio_wire.wire import AsyncioWire

__all__ = ["AsyncioWire"]
