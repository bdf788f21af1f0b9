"""What a forecast costs: CPU time beside AutoETS in the same run, one product, the import, and memory."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.forecasting.datasets import Dataset
from benchmarks.forecasting.peers import Peer
from shelfwise.planning.demand import Calibration, Panel, calibrate, forecast

HORIZON, DAYS, ROUNDS, PEER_SERIES = 28, 400, 5, 16
_IMPORT = "import time; t = time.process_time(); import shelfwise.planning.demand; print(time.process_time() - t)"
_MEMORY = """
import sys
from pathlib import Path
import numpy as np
from shelfwise.planning.demand import Panel, calibrate, forecast

def peak():
    # Not getrusage: that begins with what the parent had.
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024

count, shard = int(sys.argv[1]), 2000
random = np.random.default_rng(0)
known = None
before = peak()
for begin in range(0, count, shard):
    values = random.poisson(random.gamma(1.0, 2.0, (shard, 1)), (shard, 400)).astype(np.float32)
    panel = Panel([str(begin + i) for i in range(shard)], "2025-01-01", values)
    known = known or calibrate(panel, 28)
    forecast(panel, 28, calibration=known).total
print(peak() - before)
"""


class Speed(NamedTuple):
    """Series a second by CPU time with totals and intervals (calibration included), and the rest of the costs."""

    ours: float
    calibrated: float
    auto_ets: float | None
    ratio: float | None
    one_product_ms: float
    import_seconds: float
    memory_10k_bytes: int
    memory_100k_bytes: int


def measure(data: Dataset, auto_ets: Peer | None, say: Callable[[str], None]) -> Speed:
    """Rounds of ours and of AutoETS by turns, on the last 400 days; medians."""
    panel = Panel(data.ids, data.start, data.values[:, -DAYS:].astype(np.float32))
    whole, run, theirs = [], [], []
    some = data.values[: PEER_SERIES * ROUNDS, -DAYS:]
    if auto_ets is not None:
        auto_ets(some[:1], data.start, HORIZON, lambda _done, _all: None)  # its compiler's time is not counted
    known = calibrate(panel, HORIZON)
    for number in range(ROUNDS):
        begin = time.process_time()
        known = calibrate(panel, HORIZON)
        fitted = time.process_time()
        forecast(panel, HORIZON, calibration=known)
        done = time.process_time()
        whole.append(len(panel) / (done - begin))
        run.append(len(panel) / (done - fitted))
        if auto_ets is not None:
            rows = some[number * PEER_SERIES : (number + 1) * PEER_SERIES]
            begin = time.process_time()
            auto_ets(rows, data.start, HORIZON, lambda _done, _all: None)
            theirs.append(len(rows) / (time.process_time() - begin))
        say(f"speed: {number + 1} of {ROUNDS}")
    ours, ets = statistics.median(whole), statistics.median(theirs) if theirs else None
    return Speed(
        ours,
        statistics.median(run),
        ets,
        None if ets is None else statistics.median(a / b for a, b in zip(whole, theirs, strict=True)),
        _one_product(panel, known),
        float(_python(_IMPORT)),
        int(_python(_MEMORY, "10000")),
        int(_python(_MEMORY, "100000")),
    )


def _one_product(panel: Panel, known: Calibration) -> float:
    one, times = panel.rows(slice(0, 1)), []
    for _ in range(50):
        begin = time.process_time()
        forecast(one, HORIZON, calibration=known)
        times.append(time.process_time() - begin)
    return 1000.0 * statistics.median(times)


def _python(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
