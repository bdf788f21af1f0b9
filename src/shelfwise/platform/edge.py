"""The first thing a request meets: what no framework should have to see.

Measured of the framework: a ``%ff`` in a path silently becomes U+FFFD and then means another resource. So the raw path
and query are checked here, with duplicate headers that two parsers could read two ways, the Host, and a body's size.
"""

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
import structlog
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from shelfwise.platform.problems import (
    MEDIA_TYPE,
    BadRequestError,
    PayloadTooLargeError,
    ProblemError,
)
from shelfwise.platform.telemetry import HttpMetrics

REQUEST_ID = "shelfwise.request_id"
_SINGLE_HEADERS = frozenset({b"authorization", b"x-tenant-id", b"idempotency-key", b"content-type", b"host"})
_REQUEST_ID_FORM = re.compile(r"^[A-Za-z0-9._-]{1,128}$")
_DISCARD_BYTES = 64 * 1024 * 1024
_DISCARD_SECONDS = 5.0
_PORT = re.compile(r":\d+$")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")

logger = structlog.get_logger("shelfwise.request")


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        litestar: Litestar,
        *,
        metrics: HttpMetrics,
        allowed_hosts: frozenset[str],
        max_body_bytes: int,
        large_bodies: Callable[[str], int | None],
    ) -> None:
        self.litestar = litestar
        self._app: ASGIApp = litestar
        self._metrics = metrics
        self._allowed_hosts = allowed_hosts
        self._max_body_bytes = max_body_bytes
        self._large_bodies = large_bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = list(scope["headers"])
        request_id = _request_id(headers)
        scope.setdefault("state", {})[REQUEST_ID] = request_id
        started = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                sent = list(message.get("headers", []))
                sent.append((b"x-request-id", request_id.encode()))
                message["headers"] = sent
            await send(message)

        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            limit = self._large_bodies(scope["path"]) or self._max_body_bytes
            try:
                self._check(scope, headers, limit)
            except ProblemError as problem:
                if isinstance(problem, PayloadTooLargeError):
                    await _discard(receive)
                await _answer(problem, request_id, send_with_id)
                return
            await self._app(scope, bounded(receive, limit), send_with_id)
        finally:
            elapsed = time.perf_counter() - started
            self._metrics.observe(scope["method"], _template(scope), status, elapsed)
            logger.debug(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                ms=round(elapsed * 1000, 2),
            )
            structlog.contextvars.unbind_contextvars("request_id")

    def _check(self, scope: HTTPScope, headers: list[tuple[bytes, bytes]], limit: int) -> None:
        _check_text(scope.get("raw_path", b""), "path")
        _check_text(scope.get("query_string", b""), "query")
        seen: dict[bytes, bytes] = {}
        for header, value in headers:
            if header in _SINGLE_HEADERS and header in seen:
                raise BadRequestError(f"The header {header.decode('latin-1')} is sent more than once.")
            seen[header] = value
        host = seen.get(b"host", b"").decode("latin-1").rpartition(":") if b":" in seen.get(b"host", b"") else None
        name = host[0] if host and host[2].isdigit() else seen.get(b"host", b"").decode("latin-1")
        if self._allowed_hosts and "*" not in self._allowed_hosts and name.lower() not in self._allowed_hosts:
            raise BadRequestError("The Host header names another server. Add it to ALLOWED_HOSTS if it is meant.")
        length = seen.get(b"content-length", b"0")
        if not length.isdigit():
            raise BadRequestError("The header content-length is not a number.")
        if int(length) > limit:
            raise PayloadTooLargeError(limit)


def bounded(receive: Receive, limit: int) -> Receive:
    """``receive`` that refuses a body over the limit, also one that came without a length."""
    received = 0

    async def receive_bounded() -> Any:  # noqa: ANN401  ASGI's own message type
        nonlocal received
        message = await receive()
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            if received > limit:
                if message.get("more_body"):
                    await _discard(receive)
                raise PayloadTooLargeError(limit)
        return message

    return receive_bounded


async def _discard(receive: Receive) -> None:
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


def _check_text(raw: bytes, where: str) -> None:
    if _BAD_ESCAPE.search(raw):
        raise BadRequestError(f"The {where} has a '%' that begins no escape. Encode it as %25.")
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequestError(f"The {where} is not valid UTF-8.") from error
    if "\x00" in text:
        raise BadRequestError(f"The {where} contains a NUL character.")


def _request_id(headers: list[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID_FORM.match(value.decode("latin-1")):
            return value.decode("latin-1")
    return secrets.token_hex(8)


def _template(scope: HTTPScope) -> str:
    """The route's template, so that metrics have no label per product."""
    return str(scope.get("path_template") or "unmatched")


async def _answer(problem: ProblemError, request_id: str, send: Callable[[Any], Awaitable[None]]) -> None:
    body = msgspec.json.encode(problem.document(request_id))
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
