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
from typing import Never

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from litestar.types import ASGIApp

from shelfwise.platform.health import Readiness

logger = structlog.get_logger("shelfwise.server")
_STOP_SECONDS = 10
_LOOK_AGAIN_SECONDS = 0.05
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
    announcing = asyncio.create_task(_announce(host, port))
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        readiness.draining = True
        logger.info("server.draining", seconds=drain_seconds)
        await asyncio.sleep(drain_seconds)
        server.stop()  # type: ignore[no-untyped-call]  # Granian leaves it unannotated
    for task in (stopping, announcing):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await serving


async def _announce(host: str, port: int) -> None:
    """Says in the log when connections are taken: a server that starts in silence looks as if it hung."""
    # Whoever listens everywhere is found on this machine.
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound to
    url = f"http://{f'[{near}]' if ':' in near else near}:{port}"
    while True:
        try:
            _, writer = await asyncio.open_connection(near, port)
        except OSError:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        else:
            writer.close()
            logger.info("server.listening", url=url, documentation=f"{url}/docs")
            return


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
