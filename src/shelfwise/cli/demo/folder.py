"""The demo's folder: a mark says that it is one, and another that everything is loaded."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shelfwise.cli.demo.errors import FolderError

_MARK = "this-is-a-shelfwise-demo"
_LOADED = "demo-loaded"


class DemoFolder:
    """A folder that this process alone uses as a demo's."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def is_loaded(self) -> bool:
        """Whether everything was loaded, to the end."""
        return (self.path / _LOADED).exists()

    def set_loaded(self) -> None:
        (self.path / _LOADED).touch()

    def log(self, service: str) -> Path:
        """The service's log file."""
        return self.path / "logs" / f"{service}.log"


@contextmanager
def demo_folder(path: Path, *, reset: bool) -> Iterator[DemoFolder]:
    """The folder, made if missing, emptied when it is to be reset or was only half loaded.

    Raises:
        FolderError: it is somebody else's, or another demo uses it; nothing in it was touched.
    """
    mark = path / _MARK
    if path.exists() and not path.is_dir():
        raise FolderError(f"{path} is not a folder. Choose another with --data-dir.")
    if path.exists() and not mark.exists() and any(path.iterdir()):
        raise FolderError(f"{path} is not empty and not a demo's folder. Choose another with --data-dir.")
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    with mark.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderError(f"A demo is running on {path}. Stop it, or choose another with --data-dir.") from error
        folder = DemoFolder(path.resolve())
        if reset or not folder.is_loaded:
            _empty(path, keep=mark)
        yield folder


def _empty(path: Path, keep: Path) -> None:
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry != keep:
            entry.unlink()
