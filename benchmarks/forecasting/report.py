"""The bar's table: every figure of ours beside the best peer's of the same run, and whether it is met."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.forecasting.metrics import LENGTHS, LEVELS, F, figures, ratio_interval
from benchmarks.forecasting.protocol import OURS, OURS_ML, Covered, Scored
from benchmarks.forecasting.speed import Speed

SLACK = 0.02
#: Ratios to the best peer that are wanted; with the interval's upper end below 1 where the data are many.
WANTED = {
    "M5": {"RMSSE": 0.99, "wRMSSE": 0.985, "LTspl7": 0.98, "LTspl14": 0.97, "LTspl28": 0.96},
    "UCI": {"LTspl7": 1.0, "LTspl14": 0.97, "LTspl28": 0.92},
}
WANTED_ML = {"M5": {"RMSSE": 0.985, "wRMSSE": 0.98, "LTspl7": 0.97, "LTspl14": 0.95, "LTspl28": 0.92}}
MAX_BIAS = 0.05
MAX_BIAS_OUT = {0.1: 0.03, 0.3: 0.05, 0.5: 0.08}


class Line(NamedTuple):
    """One line of the bar: ``met`` None: reported only."""

    text: str
    figure: str
    wanted: str
    met: bool | None

    def __str__(self) -> str:
        word = "" if self.met is None else "met" if self.met else "NOT MET"
        return f"  {self.text:34s} {self.figure:44s} {self.wanted:12s} {word}"


def table(scored: Scored) -> dict[str, dict[str, float]]:
    """Each forecaster's figures, the mean of the origins."""
    out = {}
    for name, found in scored.losses.items():
        rows = [figures(each, weight) for each, weight in zip(found, scored.weights, strict=True)]
        out[name] = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    return out


def print_table(name: str, count: int, rows: Mapping[str, Mapping[str, float]]) -> None:
    keys = ("RMSSE", "wRMSSE", "bias", *(f"LTspl{k}" for k in LENGTHS))
    more = (*(f"LTspl{k}_floored" for k in LENGTHS), *(f"LTspl{k}_revenue" for k in LENGTHS))
    print(f"\n{name}: {count} series, mean of three origins")
    for title, chosen in (("", keys), ("scale floored, and weighted by revenue", more)):
        print(f"{title:40s}" if title else f"{'':14s}" + "".join(f"{key:>10s}" for key in chosen))
        if title:
            print(f"{'':14s}" + "".join(f"{key.removeprefix('LTspl'):>12s}" for key in chosen))
        width = 12 if title else 10
        for who, row in rows.items():
            print(f"{who:14s}" + "".join(f"{row[key]:{width}.4f}" for key in chosen))


def accuracy_lines(name: str, scored: Scored, rows: Mapping[str, Mapping[str, float]]) -> list[Line]:
    """Ratios to whichever peer is best at each metric."""
    peers = [who for who in rows if who not in {OURS, OURS_ML}]
    bars = {OURS: WANTED, OURS_ML: WANTED_ML}
    lines = []
    for mine in (who for who in bars if who in rows and peers):
        for metric, limit in bars[mine].get(name, {}).items():
            _, best = min((rows[who][metric], who) for who in peers)
            ratio = rows[mine][metric] / rows[best][metric]
            text, met = f"{ratio:.4f} of {best}", ratio <= limit
            if metric.startswith("LTspl"):
                _, low, high = ratio_interval(_mean_loss(scored, mine, metric), _mean_loss(scored, best, metric))
                text += f"  95 % {low:.3f} .. {high:.3f}"
                met = met and (high < 1.0 or name != "M5")
            lines.append(Line(f"{name} {metric}, {mine} / best", text, f"<= {limit}", met))
    return lines


def _mean_loss(scored: Scored, who: str, metric: str) -> F:
    days = int(metric.removeprefix("LTspl"))
    return np.asarray(np.mean([found.pinball[days] for found in scored.losses[who]], axis=0))


def coverage_lines(name: str, covered: Covered, horizon_lengths: Sequence[int], *, reported: bool) -> list[Line]:
    """One line a length: the levels' shares over all origins, and how many of them are off by two points."""
    lines = []
    for days in horizon_lengths:
        missed, cells = 0, []
        for level in LEVELS:
            pairs = np.array([origin[f"{days}@{level}"] for origin in covered.origins])
            below, within = pairs.mean(axis=0)
            off = not below - SLACK <= level <= within + SLACK
            missed += off
            cells.append(f"{level}: {below:.3f}..{within:.3f}{' !' if off else ''}")
        text = f"{name} coverage, {days} days"
        lines.append(Line(text, f"{missed} of {len(LEVELS)} levels off", "none", None if reported else missed == 0))
        print(f"  {text:34s} " + "   ".join(cells))
        shares = " ".join(f"{origin[f'{days}@0.95'][1]:.3f}" for origin in covered.origins)
        print(f"  {'':34s} .95 by origin: {shares}")
    return lines


def stockout_lines(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Bias against the demand that was lost too, and the error of totals beside dropping days out of stock.

    UCI's origins precede its only autumn, so there the bias is against the forecast from uncensored history.
    """
    lines = []
    found = {(row["panel"], row["target"], row["treatment"]): row for row in rows if row["target"] is not None}
    for panel, target in sorted({key[:2] for key in found}):
        ours, dropping, limit = found[panel, target, "ours"], found[panel, target, "dropping"], MAX_BIAS_OUT[target]
        judged = ours["bias" if panel == "M5" else "bias_of_correction"]
        text = f"bias {judged:+.3f}, WAPE {ours['wape']:.3f}, dropping {dropping['wape']:.3f}"
        met = abs(judged) <= limit and ours["wape"] < dropping["wape"]
        lines.append(Line(f"{panel}, {target:.0%} stock-out days", text, f"<= {limit}, <", met))
    return lines


def bias_line(name: str, covered: Covered) -> Line:
    met = abs(covered.bias) <= MAX_BIAS if name == "M5" else None
    return Line(f"{name} bias, {len(covered.origins)} origins", f"{covered.bias:+.4f}", "within 5 %", met)


def speed_lines(speed: Speed) -> list[Line]:
    lines = [
        Line("series a second, 400 days, one core", f"{speed.ours:.0f}", ">= 3000", speed.ours >= 3000),
        Line("one product with a calibration", f"{speed.one_product_ms:.2f} ms", "<= 5 ms", speed.one_product_ms <= 5),
        Line("import", f"{speed.import_seconds:.3f} s", "<= 0.3 s", speed.import_seconds <= 0.3),
        Line(
            "memory beyond start, 10k and 100k series",
            f"{speed.memory_10k_bytes / 2**20:.0f} and {speed.memory_100k_bytes / 2**20:.0f} MiB, in shards",
            "",
            None,
        ),
    ]
    if speed.ratio is not None:
        text = f"{speed.ratio:.0f} x ({speed.auto_ets:.1f} series a second)"
        lines.insert(1, Line("series a second / AutoETS", text, ">= 50", speed.ratio >= 50))
    return lines
