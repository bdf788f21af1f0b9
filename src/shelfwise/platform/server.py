"""Serving an application: Granian in this process, HTTP/1.1 and HTTP/2, with a drain before it stops.

Granian closes its listening socket as soon as it is told to stop. So on SIGTERM the service first says through
``/health/ready`` that it wants no more traffic, goes on serving for ``DRAIN_SECONDS``, and only then stops.
"""

import asyncio
import atexit
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Never

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from litestar.types import ASGIApp

from shelfwise.platform.health import Readiness

logger = structlog.get_logger("shelfwise.server")
_STOP_SECONDS = 10
#: Connections served at once; more wait in the listening socket's backlog.
_MAX_CONNECTIONS = 4096
#: How long an HTTP/1.1 connection may wait for the next request's headers: slow senders must not hold it for good.
_IDLE_MILLISECONDS = 10_000


async def serve(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    drain_seconds: float,
    readiness: Readiness,
    on_started: Callable[[], None] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then drains and stops."""
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.auto,
        websockets=False,
        log_enabled=False,
        backlog=1024,
        backpressure=_MAX_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=_IDLE_MILLISECONDS),
    )
    server.workers_kill_timeout = _STOP_SECONDS
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    if on_started is not None:
        on_started()
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        readiness.draining = True
        logger.info("server.draining", seconds=drain_seconds)
        await asyncio.sleep(drain_seconds)
        server.stop()  # type: ignore[no-untyped-call]  # Granian leaves it unannotated
    stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await stopping
    await serving


def leave() -> Never:
    """Ends the process well after it has served: everything registered to run at exit runs, then it is gone at once.

    Rust threads, Granian's and the HTTP client's, may still be letting go of their last Python objects. CPython before
    3.14 unwinds a thread that asks for the interpreter's lock while the interpreter is taken down, which a Rust thread
    answers with abort(): on a busy machine one of fifteen services that were told to stop ended with status 134.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - what the interpreter itself would call; spans are flushed here
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
