"""A service of the demo: ``shelfwise serve`` that ends when the demo does, however the demo ended."""

import os
import signal
import threading

from shelfwise.cli.main import app


def _end_with_the_demo() -> None:
    """Standard input is a pipe of the demo's: it ends when the demo is gone, even by SIGKILL."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_demo, daemon=True).start()
    app()
