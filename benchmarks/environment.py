"""Where and of what a measurement was made."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def environment(packages: Iterable[str]) -> dict[str, object]:
    """The machine, the commit, and the versions of those of the packages that are installed."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "versions": {name: found for name in packages if (found := _version(name)) is not None},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    folder = str(Path(__file__).parent)
    described = [git, "-C", folder, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    answer = subprocess.run(described, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None
