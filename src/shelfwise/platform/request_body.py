"""What a request brings: a body within its limit, and the word that the caller is gone.

ASGI tells of a caller that is gone only through ``receive``, which also brings the body. So a caller can be watched
when the body has been read, or when the headers promise none: over HTTP/1.1 they always say so, over HTTP/2 a POST, PUT
or PATCH without a length is taken to have one.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from litestar.types import HTTPScope, Receive

from shelfwise.platform.problems import PayloadTooLargeError

_DISCARD_BYTES = 64 * 1024 * 1024
_DISCARD_SECONDS = 5.0
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class RequestBody:
    """``receive`` of one request. It refuses a body over ``limit_bytes``, also one that came without a length."""

    __slots__ = (
        "_delivered",
        "_headers",
        "_limit_bytes",
        "_receive",
        "_received",
        "_receiving",
        "_scope",
        "_watching",
    )

    def __init__(self, scope: HTTPScope, headers: Mapping[bytes, bytes], receive: Receive, limit_bytes: int) -> None:
        self._scope = scope
        self._headers = headers
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._received = 0
        self._receiving = self._delivered = False
        self._watching: asyncio.Future[None] | None = None

    async def __call__(self) -> Any:  # noqa: ANN401  ASGI's own message type
        """The next message.

        Raises:
            PayloadTooLargeError: the body is over the limit.
        """
        if self._watching is not None:
            return await self._while_watched(self._watching)
        self._receiving = True
        try:
            message = await self._receive()
        finally:
            self._receiving = False
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            more = bool(message.get("more_body"))
            if self._received > self._limit_bytes:
                if more:
                    await discard(self._receive)
                raise PayloadTooLargeError(self._limit_bytes)
            self._delivered = not more
        return message

    def can_be_watched(self) -> bool:
        """Whether nothing but the word that the caller is gone can come, and nobody else waits for it."""
        done = self._delivered or not self._is_promised()
        return done and not self._receiving and self._watching is None

    async def disconnected(self) -> None:
        """Returns when the caller is gone; only to be called when ``can_be_watched``."""
        self._watching = asyncio.get_running_loop().create_future()
        try:
            while (await self._receive())["type"] != "http.disconnect":
                pass
        finally:
            self._watching.set_result(None)

    def _is_promised(self) -> bool:
        """Whether the headers promise a body or leave it open."""
        length = self._headers.get(b"content-length")
        if length is not None:
            return int(length) > 0
        if self._scope["http_version"] == "2":
            return self._scope["method"] in _WITH_BODY
        return b"transfer-encoding" in self._headers

    async def _while_watched(self, watching: "asyncio.Future[None]") -> Any:  # noqa: ANN401  as above
        if not self._delivered:
            self._delivered = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.wait((watching,))
        return {"type": "http.disconnect"}


async def discard(receive: Receive) -> None:
    """Reads on for a while after a body turned out too large.

    A client that is still sending when the connection closes sees a broken pipe instead of the answer.
    """
    discarded = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            while discarded < _DISCARD_BYTES:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
                discarded += len(message.get("body", b""))
