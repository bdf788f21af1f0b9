"""Score our forecast on the three-origin protocol, measure coverage over more origins, and time it.

    python benchmarks/forecasting/run.py [--data ../shared/data] [--out benchmarks/forecasting/results]

Needs pandas and pyarrow where the data is present; without the data it says so and ends.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from shelfwise.planning.demand import LEVELS as TABLE
from shelfwise.planning.demand import Panel, calibrate, forecast

sys.path.insert(0, str(Path(__file__).parents[2]))  # run by its path, the folder of benchmarks is not importable
from benchmarks.forecasting.datasets import Dataset, load_m5, load_uci
from benchmarks.forecasting.metrics import LENGTHS, LEVELS, score_points, score_totals

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
HORIZON = 28
ORIGINS = (84, 56, 28)
# Best of AutoETS, AutoCES, AutoTheta, ADIDA, TSB, mlforecast on the same series and origins (the data's own README).
PEERS = {
    "M5": {"RMSSE": 0.747, "wRMSSE": 0.819, "LTspl7": 0.357, "LTspl14": 0.428, "LTspl28": 0.532},
    "UCI": {"LTspl7": 0.664, "LTspl14": 0.624, "LTspl28": 0.774},
}
SLACK = 0.02


def score(data: Dataset, back: int) -> dict[str, float]:
    """Metrics of one origin, ``back`` days before the end; only what precedes it is shown to the forecaster."""
    origin = data.values.shape[1] - back
    history, actual = data.values[:, :origin], np.nan_to_num(data.values[:, origin : origin + HORIZON])
    weight = np.nansum(data.revenue[:, origin - HORIZON : origin], axis=1)
    answer = forecast(Panel(data.ids, data.start, history.astype(np.float32)), HORIZON)
    chosen = [TABLE.index(level) for level in LEVELS]
    totals = {k: answer.total[:, k - 1][:, chosen] for k in LENGTHS}
    return score_points(history, actual, answer.mean, weight) | score_totals(history, actual, totals, weight)


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def print_scores(data: Dataset, figures: dict[str, float]) -> None:
    print(f"\n{data.name}: {len(data.ids)} series, mean of {len(ORIGINS)} origins")
    for key in ("RMSSE", "wRMSSE", "bias", *(f"LTspl{k}" for k in LENGTHS)):
        peer = PEERS[data.name].get(key)
        ratio = f"   best peer {peer:.3f}   ratio {figures[key] / peer:.3f}" if peer else ""
        print(f"  {key:10s} {figures[key]:.4f}{ratio}")
    for k in LENGTHS:
        print(f"  LTspl{k:<3d} floored {figures[f'LTspl{k}_floored']:.4f}  revenue {figures[f'LTspl{k}_revenue']:.4f}")


def print_coverage(data: Dataset, rows: list[dict[str, float]]) -> int:
    """Shares below and at most each quantile over many origins; how many of them miss their level by two points."""
    figures, missed = mean_of(rows), 0
    print(f"\n{data.name}: coverage of totals over {len(rows)} origins, share(actual < q) .. share(actual <= q)")
    for k in LENGTHS:
        cells = []
        for t in LEVELS:
            below, within = figures[f"below{k}@{t}"], figures[f"cov{k}@{t}"]
            met = below - SLACK <= t <= within + SLACK
            missed += not met
            cells.append(f"{t}: {below:.3f}..{within:.3f}{'' if met else ' !'}")
        print(f"  {k:2d} days   " + "   ".join(cells))
        print("     .95 by origin: " + " ".join(f"{row[f'cov{k}@0.95']:.3f}" for row in rows))
    print(f"  bias over these origins: {figures['bias']:+.3f}")
    return missed


def timings(data: Dataset) -> dict[str, float]:
    """CPU seconds, so that a busy machine does not decide: the panel with 400 days, and one of its products."""
    panel = Panel(data.ids, data.start, data.values[:, -400:].astype(np.float32))
    known = calibrate(panel, HORIZON)
    begin = time.process_time()
    known = calibrate(panel, HORIZON)
    fitted = time.process_time()
    forecast(panel, HORIZON, calibration=known)
    done = time.process_time()
    one, repeats = panel.rows(slice(0, 1)), 50
    for _ in range(5):
        forecast(one, HORIZON, calibration=known)
    warm = time.process_time()
    for _ in range(repeats):
        forecast(one, HORIZON, calibration=known)
    single = (time.process_time() - warm) / repeats
    command = "import time; t = time.process_time(); import shelfwise.planning.demand; print(time.process_time() - t)"
    answer = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    return {
        "series_per_second": len(panel) / (done - begin),
        "series_per_second_calibrated": len(panel) / (done - fitted),
        "calibrate_seconds": fitted - begin,
        "one_product_ms": 1000.0 * single,
        "import_seconds": float(answer.stdout),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    if not (arguments.data / "m5_sample1000_daily.parquet").exists():
        print(f"No data in {arguments.data}: nothing to measure. Name its folder with --data.")
        return
    report: dict[str, object] = {}
    datasets = [(load_m5(arguments.data), 12), (load_uci(arguments.data, max(ORIGINS)), 6)]
    for data, origins in datasets:
        # The protocol's three origins, then as many as the data allows for coverage: UCI has no more before its first.
        scored = [score(data, back) for back in ORIGINS]
        figures = mean_of(scored)
        print_scores(data, figures)
        step = 14 if data.name == "M5" else 11
        wide = [score(data, HORIZON + step * i) for i in reversed(range(origins))]
        missed = print_coverage(data, wide)
        report[data.name] = {"protocol": figures, "coverage": wide, "levels_missed": missed}
    report["speed"] = timings(datasets[0][0])
    print("\nspeed, 400 days:", json.dumps(report["speed"], indent=2))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "latest.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
