"""For tests of code that calls through this client: time under control, a wire by script, a network that fails.

>>> clock = FakeClock()
>>> wire = ScriptedWire([respond(503), respond(200, b"{}")])
>>> client = ServiceClient("http://sales", wire=wire, clock=clock, sleep=clock.sleep)
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from types import TracebackType
from typing import Literal, Self

from shelfwise.http.exceptions import ReadTimeout
from shelfwise.http.messages import HeaderPairs, WireRequest, WireResponse
from shelfwise.http.service import ServiceClient

__all__ = ["FakeClock", "FaultProxy", "ScriptedWire", "ServiceClient", "SimulatedClock", "respond"]

Step = WireResponse | Exception | float
"""One exchange: an answer, a failure, or a silence of so many seconds before the next step is taken."""

ProxyMode = Literal["pass", "blackhole", "reset"]


class FakeClock:
    """A monotonic clock that moves only when told to, or when somebody sleeps on it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass on this clock, and other tasks run."""
        self.now += seconds
        await asyncio.sleep(0)


class SimulatedClock(FakeClock):
    """A clock for many tasks at once: who sleeps on it is woken, in order, by :meth:`run`."""

    def __init__(self, now: float = 1000.0) -> None:
        super().__init__(now)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self.now + seconds, next(self._order), woken))
        await woken

    async def run(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        end = self.now + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, woken = heappop(self._sleepers)
            self.now = max(self.now, at)
            if not woken.done():
                woken.set_result(None)
            await _settle()
        self.now = end


async def _settle() -> None:
    """Let every task run until it waits for something other than its turn."""
    for _ in range(20):
        await asyncio.sleep(0)


def respond(
    status: int = 200, body: bytes = b"", headers: HeaderPairs = (), *, http_version: str = "HTTP/2"
) -> WireResponse:
    return WireResponse(status, tuple(headers), body, http_version)


class ScriptedWire:
    """A wire that answers by script: each send takes the next step; ``requests`` keeps what was sent.

    A silence moves ``clock`` on, and past the attempt's timeout it ends in ReadTimeout. After the last step,
    ``then`` answers (by default the script's end is an error of the test).
    """

    def __init__(
        self,
        steps: Iterable[Step] = (),
        *,
        then: Callable[[WireRequest], Step] | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self._steps = list(steps)
        self._then = then
        self._clock = clock
        self.requests: list[WireRequest] = []
        self.closed = False

    async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109 - the seam
        self.requests.append(request)
        await asyncio.sleep(0)
        step = self._next(request)
        if isinstance(step, float | int):
            if self._clock is None:
                raise AssertionError("A silence in the script needs the clock that it passes on")
            if step >= timeout:
                self._clock.advance(timeout)
                raise ReadTimeout(f"No answer within {timeout:.3g} s", sent="maybe")
            self._clock.advance(step)
            step = self._next(request)
        if isinstance(step, WireResponse):
            return step
        if isinstance(step, Exception):
            raise step
        raise AssertionError("Two silences in a row in the script")

    def _next(self, request: WireRequest) -> Step:
        if self._steps:
            return self._steps.pop(0)
        if self._then is None:
            raise AssertionError(f"The script has no answer left for {request.method} {request.url}")
        return self._then(request)

    async def aclose(self) -> None:
        self.closed = True


class FaultProxy:
    """A TCP proxy that counts connections and can be slow, silent or hostile.

    ``latency_seconds`` delays each chunk from the server. Mode ``blackhole`` swallows what arrives, in both
    directions; ``reset`` answers every byte with RST. :meth:`reset_all` cuts what is open, once.
    """

    def __init__(self, upstream_host: str, upstream_port: int) -> None:
        self._upstream = (upstream_host, upstream_port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.mode: ProxyMode = "pass"
        self.latency_seconds = 0.0
        self.accepted = 0

    @property
    def port(self) -> int:
        assert self._server is not None, "enter the proxy first: async with FaultProxy(...)"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    def reset_all(self) -> None:
        """Cut every open connection with RST."""
        for writer in list(self._writers):
            _reset(writer)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            self._writers.discard(writer)
            _reset(writer)
            return
        self._writers.add(server_writer)
        try:
            await asyncio.gather(
                self._pump(reader, server_writer, writer, delayed=False),
                self._pump(server_reader, writer, writer, delayed=True),
            )
        except OSError:
            _reset(writer)
        finally:
            for end in (writer, server_writer):
                self._writers.discard(end)
                end.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        to: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        *,
        delayed: bool,
    ) -> None:
        while chunk := await reader.read(65536):
            if self.mode == "reset":
                _reset(client)
                return
            if self.mode == "blackhole":
                continue
            if delayed and self.latency_seconds > 0:
                await asyncio.sleep(self.latency_seconds)
            to.write(chunk)
            await to.drain()
        with suppress(OSError):
            to.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
