"""A TCP proxy that fails on demand or by a seeded chance."""

import asyncio
import socket
import struct
from contextlib import suppress
from random import Random
from types import TracebackType
from typing import Literal, NamedTuple, Self

ProxyMode = Literal["pass", "blackhole", "reset"]
Direction = Literal["request", "response"]
_CHUNK_BYTES = 65536


class _Ends(NamedTuple):
    """The two sides of one connection through the proxy."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter


class FaultProxy:
    """A TCP proxy that counts connections and can be slow, silent or hostile; all of it may change while it runs.

    - ``mode``: ``blackhole`` swallows what arrives, in both directions; ``reset`` answers every byte with RST.
    - ``latency_seconds`` (and up to ``latency_jitter_seconds`` more) delays each chunk from the server.
    - ``bytes_per_second`` bounds each direction of each connection.
    - ``reset_probability``: the chance that a chunk from the client, of at most 64 KiB, is not passed on and its
      connection is reset. A small request over HTTP/1.1 is one chunk, so that is a share of the calls. Over HTTP/2
      one chunk may carry several requests and one reset ends every stream of the connection: there the share of
      calls that fail grows with the number of them under way.
    - ``refuse_probability``: the chance that a new connection is reset before its first byte.
    - :meth:`cut` breaks a connection after an exact number of bytes; :meth:`reset_all` cuts what is open, once.

    ``accepted`` counts connections, ``resets`` those the proxy broke, ``passed`` the bytes of each direction.
    Faults by chance come from ``random`` alone: the same seed and the same chunks give the same faults.
    """

    def __init__(self, upstream_host: str, upstream_port: int, *, random: Random | None = None) -> None:
        self._upstream = (upstream_host, upstream_port)
        self._random = random or Random()  # noqa: S311 - faults, not secrets
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._cut: tuple[Direction, int, Literal["reset", "stop"]] | None = None
        self.mode: ProxyMode = "pass"
        self.latency_seconds = 0.0
        self.latency_jitter_seconds = 0.0
        self.bytes_per_second: float | None = None
        self.reset_probability = 0.0
        self.refuse_probability = 0.0
        self.accepted = 0
        self.resets = 0
        self.passed: dict[Direction, int] = {"request": 0, "response": 0}

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

    def cut(self, direction: Direction, after_bytes: int, how: Literal["reset", "stop"] = "reset") -> None:
        """Pass exactly ``after_bytes`` more bytes in ``direction``, whatever the connection, then break once.

        The connection that carries the next byte is reset towards the client and closed towards the server, or
        with ``stop`` passes nothing more in this direction and stays open. All other connections go on.
        """
        self._cut = (direction, after_bytes, how)

    @property
    def cut_pending(self) -> bool:
        """Whether the bytes before the cut have not all been seen yet."""
        return self._cut is not None

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
        if self._happens(self.refuse_probability):
            self.resets += 1
            _reset(writer)
            return
        self._writers.add(writer)
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            self._writers.discard(writer)
            _reset(writer)
            return
        self._writers.add(server_writer)
        ends = _Ends(writer, server_writer)
        try:
            await asyncio.gather(
                self._pump(reader, server_writer, ends, "request"),
                self._pump(server_reader, writer, ends, "response"),
            )
        except OSError:
            _reset(writer)
        finally:
            for end in ends:
                self._writers.discard(end)
                end.close()

    async def _pump(
        self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, ends: _Ends, direction: Direction
    ) -> None:
        while chunk := await reader.read(self._chunk_bytes()):
            if self.mode == "reset" or (direction == "request" and self._happens(self.reset_probability)):
                self._break(ends)
                return
            if self.mode == "blackhole":
                continue
            await self._delay(len(chunk), direction)
            passed, broken = self._before_cut(chunk, direction)
            self.passed[direction] += len(passed)
            to.write(passed)
            await to.drain()
            if broken == "reset":
                self._break(ends)
                return
            if broken == "stop":
                while await reader.read(_CHUNK_BYTES):
                    pass
                return
        with suppress(OSError):
            to.write_eof()

    async def _delay(self, size: int, direction: Direction) -> None:
        seconds = 0.0
        if direction == "response":
            seconds = self.latency_seconds
            if self.latency_jitter_seconds > 0:
                seconds += self._random.uniform(0, self.latency_jitter_seconds)
        if self.bytes_per_second is not None:
            seconds += size / self.bytes_per_second
        if seconds > 0:
            await asyncio.sleep(seconds)

    def _before_cut(self, chunk: bytes, direction: Direction) -> tuple[bytes, Literal["reset", "stop"] | None]:
        if self._cut is None or self._cut[0] != direction:
            return chunk, None
        _, left, how = self._cut
        if len(chunk) <= left:
            self._cut = (direction, left - len(chunk), how)
            return chunk, None
        self._cut = None
        return chunk[:left], how

    def _chunk_bytes(self) -> int:
        """A tenth of a second's worth, so that a slow line is slow evenly."""
        if self.bytes_per_second is None:
            return _CHUNK_BYTES
        return max(1, min(_CHUNK_BYTES, int(self.bytes_per_second / 10)))

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability

    def _break(self, ends: _Ends) -> None:
        self.resets += 1
        _reset(ends.client)
        ends.server.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
