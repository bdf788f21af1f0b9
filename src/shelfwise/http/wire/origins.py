"""Which origins speak HTTP/2 without TLS: asked once, remembered, bounded."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

Protocol = Literal["h2", "h1"]
Verdict = Literal["h2", "h1", "unknown"]

# RFC 9113, section 3.4: the client's preface and an empty SETTINGS frame. A peer of HTTP/2 must answer with a
# SETTINGS frame of its own; nothing in it is a request, so asking has no effect on the peer.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_FRAME_TYPE = 3
_SETTINGS = 0x4
_MAX_ORIGINS = 1024
_HTTP1_SECONDS = 600.0
_GUESS_SECONDS = 30.0


class OriginTable:
    """The protocol each plain ``http://`` origin is to be spoken to with.

    An origin is assumed to speak HTTP/2 until the peer shows otherwise. HTTP/1.1 is remembered for a while only,
    so that a peer that learns HTTP/2 is noticed; a mere guess (the peer said nothing) is forgotten sooner.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, max_origins: int = _MAX_ORIGINS) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[Protocol, float]] = OrderedDict()
        self._max_origins = max_origins

    def protocol(self, origin: str) -> Protocol | None:
        """What ``origin`` is known or guessed to speak; None: nothing is known, so try HTTP/2."""
        entry = self._known.get(origin)
        if entry is None:
            return None
        protocol, expires_at = entry
        if expires_at <= self._clock():
            del self._known[origin]
            return None
        return protocol

    def answered_http2(self, origin: str) -> None:
        self._remember(origin, "h2", float("inf"))

    def broke(self, origin: str) -> None:
        """An exchange broke: an HTTP/2 peer may have been replaced by another, so it is to be asked again."""
        if self.protocol(origin) == "h2":
            del self._known[origin]

    def settle(self, origin: str, verdict: Verdict) -> None:
        if verdict == "h2":
            self.answered_http2(origin)
        else:
            lasts = _GUESS_SECONDS if verdict == "unknown" else _HTTP1_SECONDS
            self._remember(origin, "h1", self._clock() + lasts)

    def _remember(self, origin: str, protocol: Protocol, expires_at: float) -> None:
        self._known[origin] = (protocol, expires_at)
        self._known.move_to_end(origin)
        if len(self._known) > self._max_origins:
            self._known.popitem(last=False)


async def probe(host: str, port: int, timeout_seconds: float) -> Verdict:
    """Ask ``host:port`` whether it speaks HTTP/2 with prior knowledge, on a connection of its own."""
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(PREFACE)
                head = await reader.readexactly(5)
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, UnicodeError):  # a name that is none in DNS: the last
        return "unknown"
    return "h2" if head[_FRAME_TYPE] == _SETTINGS else "h1"
