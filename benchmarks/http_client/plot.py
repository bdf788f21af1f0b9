"""The figures as one picture: requests a second at each concurrency, and p99 at the highest."""

import statistics
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.http_client.measure import CONCURRENCY, Cell, Found, Slice
from benchmarks.http_client.report import Figure, p99, rate

PROTOCOLS = ("HTTP/2", "HTTP/1.1")
OURS, PEERS = ("#9ecae1", "#4292c6", "#084594"), ("#d9d9d9", "#969696", "#525252")


def draw(found: Found, caption: str, stem: Path) -> None:
    """Writes ``stem``.svg and ``stem``.png."""
    mpl.rcParams.update(
        {
            "svg.hashsalt": "shelfwise",
            "svg.fonttype": "none",
            "font.size": 8,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    figure, axes = plt.subplots(2, 2, figsize=(9, 6.5), width_ratios=(3, 2), layout="constrained")
    for (left, right), protocol in zip(axes, PROTOCOLS, strict=True):
        _requests(left, found, protocol)
        _p99(right, found, protocol)
    figure.supxlabel(caption, fontsize=7)
    figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(stem.with_suffix(".png"), dpi=110, pil_kwargs={"optimize": True})
    plt.close(figure)


def _requests(axes: Axes, found: Found, protocol: str) -> None:
    names = _by_speed(found, protocol)
    height = 0.8 / len(CONCURRENCY)
    for index, concurrency in enumerate(CONCURRENCY):
        values = [[taken.requests_per_second for taken in found[Cell(name, protocol, concurrency)]] for name in names]
        medians = [statistics.median(each) for each in values]
        spread = [
            [median - min(each) for median, each in zip(medians, values, strict=True)],
            [max(each) - median for median, each in zip(medians, values, strict=True)],
        ]
        at = [place + (index - 1) * height for place in range(len(names))]
        colours = [_colour(name, index) for name in names]
        label = f"{concurrency} concurrent"
        axes.barh(at, medians, height, xerr=spread, color=colours, label=label, error_kw={"lw": 0.6, "ecolor": "#333"})
    axes.set_yticks(range(len(names)), names)
    axes.set_title(f"{protocol}: requests/s on one core (light to dark: 1, 20, 100 concurrent)", fontsize=8, loc="left")


def _p99(axes: Axes, found: Found, protocol: str) -> None:
    names, most = _by_speed(found, protocol), CONCURRENCY[-1]
    values = [_median(found[Cell(name, protocol, most)], p99) for name in names]
    bars = axes.barh(range(len(names)), values, 0.6, color=[_colour(name, 1) for name in names])
    axes.bar_label(bars, [f"{value:.1f}" for value in values], padding=2, fontsize=7)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), [""] * len(names))
    axes.set_title(f"{protocol}: p99 in ms at {most} concurrent", fontsize=8, loc="left")


def _by_speed(found: Found, protocol: str) -> list[str]:
    names = {cell.client for cell in found if cell.protocol == protocol}
    return sorted(names, key=lambda name: _median(found[Cell(name, protocol, CONCURRENCY[1])], rate))


def _median(slices: list[Slice], figure: Figure) -> float:
    return statistics.median(map(figure, slices))


def _colour(name: str, shade: int) -> str:
    return OURS[shade] if name.startswith("shelfwise") else PEERS[shade]
