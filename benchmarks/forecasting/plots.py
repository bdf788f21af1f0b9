"""Pictures of a run: how well quantiles are calibrated, and what forecasts look like."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forecasting.datasets import Dataset
from benchmarks.forecasting.metrics import LENGTHS, LEVELS
from benchmarks.forecasting.protocol import HORIZON, origin_of
from shelfwise.planning.demand import Panel, forecast

SHOWN, BEFORE = 4, 84


def draw(report: Mapping[str, Any], data: Dataset, folder: Path) -> None:
    """Writes calibration.svg and fans.svg."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("svg")
    _calibration(report, data.name, folder / "calibration.svg")
    _fans(data, folder / "fans.svg")


def _calibration(report: Mapping[str, Any], name: str, path: Path) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axis = plt.subplots(figsize=(5, 5), layout="constrained")
    axis.plot([0.4, 1], [0.4, 1], color="0.7", linewidth=1)
    for days in LENGTHS:
        pairs = np.mean(
            [[origin[f"{days}@{t}"] for t in LEVELS] for origin in report[f"{name} coverage"]["origins"]], 0
        )
        axis.errorbar(
            LEVELS,
            pairs.mean(axis=1),
            yerr=np.diff(pairs, axis=1)[:, 0] / 2,
            marker="o",
            label=f"{days} days",
            capsize=3,
        )
    axis.set(
        xlabel="level of the quantile of the total",
        ylabel="share of totals below it (bars: those equal to it)",
        title=f"Calibration, {name}",
    )
    axis.legend()
    figure.savefig(path)
    plt.close(figure)


def _fans(data: Dataset, path: Path) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415

    origin = origin_of(data, HORIZON)
    # From slow to fast movers, whichever the data holds.
    order = np.argsort(np.nanmean(origin.history[:, -364:], axis=1))
    rows = order[np.linspace(len(order) * 0.2, len(order) - 2, SHOWN).astype(int)]
    answer = forecast(Panel(data.ids, data.start, origin.history.astype(np.float32)), HORIZON)
    figure, axes = plt.subplots(SHOWN, 1, figsize=(8, 9), layout="constrained")
    days = np.arange(1, HORIZON + 1)
    for axis, row in zip(axes, rows, strict=True):
        for low, high in ((0, -1), (1, -3), (2, 4)):
            axis.fill_between(days, answer.total[row, :, low], answer.total[row, :, high], color="C0", alpha=0.2, lw=0)
        axis.plot(days, answer.total_mean[row], color="C0", label="forecast: mean, 50 %, 80 %, 94 %")
        axis.plot(days, np.cumsum(origin.actual[row]), color="k", label="what came")
        axis.set_title(data.ids[row], fontsize=9)
        axis.set_ylabel("units in all")
    axes[-1].set_xlabel("days ahead")
    axes[0].legend(fontsize=8)
    figure.suptitle(f"Total demand of the first days, {data.name}, from {origin.first}")
    figure.savefig(path)
    plt.close(figure)
