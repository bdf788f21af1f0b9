"""The demo's two services as processes: started, watched and stopped together."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_STOP_SECONDS = 10.0
_LAST_LINES = 3


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A running service; its log is a file in the demo's folder."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    async def ended(self) -> int:
        return await self.process.wait()

    def how_it_ended(self) -> str:
        """The exit code, or the signal by its name."""
        code = self.process.returncode or 0
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def last_words(self) -> str:
        """The end of the log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:])


async def start(name: str, arguments: list[str], environment: Mapping[str, str], log: Path) -> ServiceProcess:
    """Starts ``shelfwise serve NAME`` in a session of its own, so that Ctrl-C reaches the demo alone."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "shelfwise.cli.demo.child",
            "serve",
            name,
            *arguments,
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    return ServiceProcess(name, process, log)


async def stop(services: list[ServiceProcess]) -> None:
    """SIGTERM to all, then SIGKILL to what is left after 10 s."""
    for service in services:
        with contextlib.suppress(ProcessLookupError):
            # A service that was frozen (SIGSTOP) acts on SIGTERM only once it runs again.
            service.process.send_signal(signal.SIGTERM)
            service.process.send_signal(signal.SIGCONT)
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await asyncio.gather(*(service.ended() for service in services))
    except TimeoutError:
        for service in services:
            with contextlib.suppress(ProcessLookupError):
                service.process.kill()
        await asyncio.gather(*(service.ended() for service in services))
