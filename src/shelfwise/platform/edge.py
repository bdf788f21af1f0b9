"""The first thing a request meets: what no framework should have to see.

Measured of the framework: a ``%ff`` in a path silently becomes U+FFFD and then means another resource. So the raw path
and query are checked here, with duplicate headers that two parsers could read two ways, the Host, and a body's size.

Each request runs while its caller waits: when the time of ``grpc-timeout`` is up it is cut off and answered with 504,
when the caller is gone it is cut off unanswered and counted as 499 (``shelfwise.platform.deadline`` says where).
"""

import asyncio
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
from litestar.types import HTTPScope, Message, Receive, Scope, Send
from opentelemetry.trace import TracerProvider

from shelfwise.platform import deadline
from shelfwise.platform.problems import (
    MEDIA_TYPE,
    BadRequestError,
    DeadlineExceededError,
    PayloadTooLargeError,
    ProblemError,
)
from shelfwise.platform.request_body import RequestBody, discard
from shelfwise.platform.telemetry import HttpMetrics
from shelfwise.platform.tracing import traced
from shelfwise.platform.watch import Watch

REQUEST_ID = "shelfwise.request_id"
_SINGLE_HEADERS = frozenset(
    {b"authorization", b"x-tenant-id", b"idempotency-key", b"content-type", b"host", b"grpc-timeout"}
)
_REQUEST_ID_FORM = re.compile(r"^[A-Za-z0-9._-]{1,128}$")
#: For the metrics and the log, as proxies count it: the caller went away, nothing was answered.
_CALLER_GONE = 499
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
        tracer_provider: TracerProvider | None = None,
    ) -> None:
        self.litestar = litestar
        self._app = traced(litestar, tracer_provider)
        self._metrics = metrics
        self._allowed_hosts = allowed_hosts
        self._checks_host = bool(allowed_hosts) and "*" not in allowed_hosts
        self._max_body_bytes = max_body_bytes
        self._large_bodies = large_bodies
        self._watch = Watch()

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
                deadline.answering()
                status = message["status"]
                sent = list(message.get("headers", []))
                sent.append((b"x-request-id", request_id.encode()))
                message["headers"] = sent
            await send(message)

        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            limit = self._large_bodies(scope["path"]) or self._max_body_bytes
            try:
                seen = self._check(scope, headers, limit)
                seconds = deadline.seconds_of(seen[b"grpc-timeout"]) if b"grpc-timeout" in seen else None
            except ProblemError as problem:
                if isinstance(problem, PayloadTooLargeError):
                    await discard(receive)
                await _answer(problem, request_id, send_with_id)
                return
            body = RequestBody(scope, seen, receive, limit)
            ended = await self._run(scope, body, send_with_id, seconds)
            if ended == "deadline":
                await _answer(DeadlineExceededError(), request_id, send_with_id)
            elif ended == "gone":
                status = _CALLER_GONE
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

    async def _run(
        self, scope: HTTPScope, body: RequestBody, send: Send, seconds: float | None
    ) -> deadline.Reason | None:
        """Runs the application while the caller waits; says why it was cut off, if it was."""
        if seconds == 0:
            return "deadline"
        task = asyncio.current_task()
        assert task is not None, "a server runs each request in a task"
        now = time.monotonic()
        work = deadline.CancelScope(task, deadline.FOREVER if seconds is None else now + seconds)
        self._watch.begin(work, body, now)
        token = deadline.CURRENT.set(work)
        try:
            await self._app(scope, body, send)
        except asyncio.CancelledError:
            if work.reason is None:
                raise
            task.uncancel()
            return work.reason
        finally:
            self._watch.end(work)
            deadline.CURRENT.reset(token)
        return None

    def _check(self, scope: HTTPScope, headers: list[tuple[bytes, bytes]], limit: int) -> dict[bytes, bytes]:
        _check_text(scope.get("raw_path", b""), "path")
        _check_text(scope.get("query_string", b""), "query")
        seen: dict[bytes, bytes] = {}
        for header, value in headers:
            if header in _SINGLE_HEADERS and header in seen:
                raise BadRequestError(f"The header {header.decode('latin-1')} is sent more than once.")
            seen[header] = value
        host = seen.get(b"host", b"").decode("latin-1")
        if self._checks_host and _PORT.sub("", host).lower() not in self._allowed_hosts:
            raise BadRequestError("The Host header names another server. Add it to ALLOWED_HOSTS if it is meant.")
        length = seen.get(b"content-length", b"0")
        if not length.isdigit():
            raise BadRequestError("The header content-length is not a number.")
        if int(length) > limit:
            raise PayloadTooLargeError(limit)
        return seen


def _check_text(raw: bytes, where: str) -> None:
    if raw.isascii() and b"%" not in raw and b"\x00" not in raw:
        return
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
