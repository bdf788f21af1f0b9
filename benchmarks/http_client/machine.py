"""What the measurements stand on: cores, and servers on a core of their own."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

Protocol = Literal["HTTP/1.1", "HTTP/2"]
PROTOCOLS: tuple[Protocol, ...] = ("HTTP/2", "HTTP/1.1")
PATH = "/api/sales/products/PRD-123/analytics?days=30"
HERE = Path(__file__).parent
PACKAGES = (
    "shelfwise",
    "aiohttp",
    "granian",
    "httpx",
    "httpx2",
    "msgspec",
    "niquests",
    "pyqwest",
    "pyreqwest",
    "uvloop",
)
_PATIENCE_SECONDS = 30


def cores() -> tuple[int, int]:
    """The core for clients and the core for servers; the same one where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def pin(core: int) -> None:
    """Keep this process, with the threads that it has and will have, on ``core``."""
    for task in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


class Server:
    """One Granian with one worker on ``core``, that speaks one protocol: a client that speaks another fails."""

    def __init__(self, protocol: Protocol, core: int, app: str = "app") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.protocol = protocol
        self._core = core
        self._command = [
            *(sys.executable, "-m", "granian", "--interface", "rsgi", "--loop", "uvloop", "--no-log", "--no-ws"),
            *("--http", "1" if protocol == "HTTP/1.1" else "2", "--port", str(self.port)),
            *("--working-dir", str(HERE), f"server:{app}"),
        ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command)
        os.sched_setaffinity(self._process.pid, {self._core})  # before the worker is started, which inherits it
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > until or self._process.poll() is not None:
                    self.__exit__(None, None, None)
                    raise SystemExit("The server of the benchmark did not start") from None
                time.sleep(0.05)
            else:
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=_PATIENCE_SECONDS)

    def cpu_seconds(self) -> float:
        """The CPU time that the server's processes have used."""
        return sum(_cpu_seconds(pid) for pid in _family(self._process.pid))


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _cpu_seconds(pid: int) -> float:
    """From the scheduler's nanoseconds per thread: the usual counters have steps of 10 ms."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9
