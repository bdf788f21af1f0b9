"""Our forecast and its peers on real sales, in one run, and whether the bar is met.

    python benchmarks/forecasting/run.py              # every peer: about half an hour on one core
    python benchmarks/forecasting/run.py --quick      # 150 series of each data set, fewer origins: some minutes
    python benchmarks/forecasting/run.py --peers none # ours alone: two minutes

Writes results/latest.json and pictures beside this file. Without the data (--data) the products that ship with
Shelfwise are used, and the bar, which is stated for M5 and UCI, is not judged.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # run by its path, the folder of benchmarks is not importable
from benchmarks.environment import environment
from benchmarks.forecasting.datasets import Dataset, load_extract, load_m5, load_uci
from benchmarks.forecasting.metrics import LENGTHS
from benchmarks.forecasting.peers import Peer, peers
from benchmarks.forecasting.plots import draw
from benchmarks.forecasting.protocol import HORIZON, ORIGINS, cover, score
from benchmarks.forecasting.report import (
    Line,
    accuracy_lines,
    bias_line,
    coverage_lines,
    print_table,
    speed_lines,
    stockout_lines,
    table,
)
from benchmarks.forecasting.speed import measure
from benchmarks.forecasting.stockouts import print_rows, stockout_rows

HERE = Path(__file__).parent
LONG = (60, 90)
QUICK_SERIES = 150
PACKAGES = ("shelfwise", "numpy", "statsforecast", "mlforecast", "lightgbm", "numba", "pandas")


def say(text: str) -> None:
    """Progress, on the error output: one line that is written over."""
    print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def load(folder: Path, count: int | None) -> list[Dataset]:
    if not (folder / "m5_sample1000_daily.parquet").exists():
        print(f"No data in {folder}: the products that ship with Shelfwise are used. Name another folder with --data.")
        found = [load_extract()]
    else:
        found = [load_m5(folder), load_uci(folder, max(ORIGINS))]
    return found if count is None else [data.some(count) for data in found]


def coverage_of(data: Dataset, origins: int, report: dict[str, object]) -> list[Line]:
    """Coverage over origins two weeks apart (11 days on UCI, which has no more); 60 and 90 days are reported only."""
    step = 14 if data.name == "M5" else 11
    lines: list[Line] = []
    print(f"\n{data.name}: coverage of totals, share(actual < q) .. share(actual <= q)")
    wide = cover(data, [HORIZON + step * i for i in reversed(range(origins))], HORIZON, say)
    lines += coverage_lines(data.name, wide, LENGTHS, reported=data.name not in {"M5", "UCI"})
    lines.append(bias_line(data.name, wide))
    report[f"{data.name} coverage"] = {"origins": wide.origins, "bias": wide.bias}
    for days in LONG:
        far = cover(data, [days + step * i for i in reversed(range(max(2, origins // 2)))], days, say)
        lines += coverage_lines(data.name, far, (days,), reported=True)
        report[f"{data.name} coverage, {days} days"] = far.origins
    return lines


def run(
    datasets: Sequence[Dataset], chosen: dict[str, Peer], *, quick: bool, champion: bool, stock_data: Path | None
) -> dict[str, object]:
    report: dict[str, object] = {}
    lines: list[Line] = []
    for data in datasets:
        scored = score(data, chosen, say, champion=champion)
        say("")
        rows = table(scored)
        print_table(data.name, len(data.ids), rows)
        lines += accuracy_lines(data.name, scored, rows)
        report[data.name] = {"figures": rows, "cpu_seconds": dict(scored.seconds)}
        lines += coverage_of(data, 4 if quick else 12 if data.name == "M5" else 6, report)
    if stock_data is not None:
        say("stock-outs, simulated over real sales")
        censored = stockout_rows(stock_data)
        say("")
        print("\nStock-outs: real sales censored by a simulated stock")
        print_rows(censored)
        lines += stockout_lines(censored)
        report["stock-outs"] = censored
    speed = measure(datasets[0], chosen.get("AutoETS"), say)
    say("")
    report["speed"] = speed._asdict()
    lines += speed_lines(speed)
    print("\nThe bar")
    for line in lines:
        print(line)
    report["bar"] = [line._asdict() for line in lines]
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data", help="folder of the data")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="folder to write to")
    parser.add_argument("--peers", default="all", help="all, none, or names with commas between them")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SERIES} series of each, fewer origins")
    parser.add_argument("--champion", action="store_true", help="ours with LightGBM competing, as a row of its own")
    parser.add_argument("--check", action="store_true", help="end with status 1 when a line is not met")
    arguments = parser.parse_args()
    begin = time.monotonic()
    names = None if arguments.peers == "all" else [name for name in arguments.peers.split(",") if name]
    chosen = {} if arguments.peers == "none" else peers(names)
    datasets = load(arguments.data, QUICK_SERIES if arguments.quick else None)
    stock = arguments.data if len(datasets) > 1 and not arguments.quick else None
    report = run(datasets, chosen, quick=arguments.quick, champion=arguments.champion, stock_data=stock)
    report["environment"] = environment(PACKAGES)
    report["seconds"] = round(time.monotonic() - begin)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "latest.json").write_text(json.dumps(report, indent=1) + "\n")
    draw(report, datasets[0], arguments.output)
    print(f"\nwritten: {arguments.output / 'latest.json'} ({report['seconds']} s)")
    if arguments.check and any(line["met"] is False for line in report["bar"]):  # type: ignore[attr-defined]
        sys.exit(1)


if __name__ == "__main__":
    main()
