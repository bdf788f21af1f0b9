"""How well the demand behind a badly kept shelf is forecast: real sales, censored by a simulated stock.

    python benchmarks/forecasting/stockouts.py [--data ../shared/data]

In-stock runs of real series are the demand. An (s, S) stock with a lead time loses what it cannot serve, with s chosen
per series so that 10, 30 or 50 % of days are stock-out days (the shelf empty for part of the day or all of it). The
forecaster sees sales and in-stock shares until the origin and is scored on the uncensored demand of the next 28 days.
Needs pandas and pyarrow where the data is present; without the data it says so and ends.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand import LEVELS, Panel, forecast, stockout

sys.path.insert(0, str(Path(__file__).parents[2]))  # run by its path, the folder of benchmarks is not importable
from benchmarks.forecasting.datasets import Dataset, load_m5, load_uci
from benchmarks.forecasting.report import MAX_BIAS_OUT

F = NDArray[np.float64]
HORIZON = 28
ORIGINS = (84, 56, 28)
SHARES = (0.1, 0.3, 0.5)
DAYS = {"M5": 728, "UCI": 365}
MAX_SERIES = 300
MIN_SELLING_DAYS = 20
CHANCE_OF_GAP = 1e-3
#: Lead time in days, and what is ordered beyond s in days of mean demand: the wanted share of days bounds both.
STOCK = {0.1: (5, 5), 0.3: (5, 5), 0.5: (7, 4)}
FRESH_SERIES, FRESH_HORIZON = 4000, 14
TRIED = np.linspace(0.0, 6.0, 25)  # s in mean demand over the lead time


def stockout_rows(data_folder: Path) -> list[dict[str, Any]]:
    """One row by panel, share of stock-out days and treatment: figures against the uncensored demand.

    ``bias``: of the mean, over demand. ``bias_of_correction``: against the forecast from uncensored history, which
    leaves out what the forecaster itself is off. ``wape``: of 28-day totals. ``wape_daily``: of days, which rewards
    forecasts that are too low. ``coverage95``: share of 28-day totals within the .95 quantile.
    """
    rows: list[dict[str, Any]] = []
    for data in (load_m5(data_folder), load_uci(data_folder, max(ORIGINS))):
        demand, start = in_stock_runs(data)
        for target in SHARES:
            rows += _treatments(data.name, start, demand, target)
    rows += fresh_retail_rows(data_folder)
    return rows


def in_stock_runs(data: Dataset) -> tuple[F, date]:
    """Daily demand (n, T) of series without a gap in sales that chance would make once in a thousand series."""
    days = DAYS[data.name]
    recent = data.values[:, -days:]
    keep = [i for i, row in enumerate(recent) if _plausible(row)][:MAX_SERIES]
    return np.round(recent[keep]), data.start + timedelta(days=data.values.shape[1] - days)


def _plausible(row: F) -> bool:
    if np.isnan(row).any() or (row > 0).sum() < MIN_SELLING_DAYS:
        return False
    selling = np.flatnonzero(np.concatenate([[1.0], row, [1.0]]) > 0)
    longest = int(np.diff(selling).max()) - 1
    share = float((row > 0).mean())
    return share == 1.0 or longest <= max(2.0, np.log(CHANCE_OF_GAP / (len(row) * share)) / np.log(1.0 - share))


def censor(demand: F, target: float, seed: int = 0) -> tuple[F, F]:
    """Sales and in-stock share (n, T) of a shelf that is empty, for a time at least, on ``target`` of the days."""
    lead_days, batch_days = STOCK[target]
    mean = demand.mean(axis=1, keepdims=True)
    batch = np.maximum(1.0, np.round(mean * batch_days))
    tried = np.round(TRIED * mean * lead_days)
    _, opening = _shelf(demand, tried, batch, lead_days)
    empty = (opening <= demand[..., None]).mean(axis=1)
    order_at = np.take_along_axis(tried, np.abs(empty - target).argmin(axis=1)[:, None], axis=1)
    sales, opening = (array[..., 0] for array in _shelf(demand, order_at, batch, lead_days))
    # Units are asked for evenly over the day: the last one's moment is an order statistic of the uniform.
    moment = np.random.default_rng(seed).beta(np.maximum(sales, 1.0), np.maximum(demand - opening, 0.0) + 1.0)
    return sales, np.where(opening > demand, 1.0, np.where(opening > 0, moment, 0.0))


def _shelf(demand: F, order_at: F, batch: F, lead_days: int) -> tuple[F, F]:
    """Sales and opening stock (n, T, k) for each of k reorder points (n, k)."""
    count, days = demand.shape
    stock = order_at + batch
    due = np.zeros((days + lead_days + 1, *order_at.shape))
    sales, opening = np.empty((count, days, order_at.shape[1])), np.empty((count, days, order_at.shape[1]))
    coming = np.zeros_like(order_at)
    for day in range(days):
        stock = stock + due[day]
        coming = coming - due[day]
        opening[:, day] = stock
        sales[:, day] = np.minimum(stock, demand[:, day, None])
        stock = stock - sales[:, day]
        ordered = np.where(stock + coming <= order_at, order_at + batch - stock - coming, 0.0)
        due[day + lead_days] = ordered
        coming = coming + ordered
    return sales, opening


def _treatments(name: str, start: date, demand: F, target: float) -> list[dict[str, Any]]:
    sales, share = censor(demand, target)
    full = np.where(share < 1.0, np.nan, sales)
    panels: dict[str, tuple[F, F | None]] = {
        "uncensored": (demand, None),
        "ours": (sales, share),
        "dropping": (full, None),
        "ignoring": (sales, None),
        "exposure": (sales, share),
    }
    out: list[dict[str, Any]] = []
    for treatment, (values, in_stock) in panels.items():
        # Without dispersion every day has the same rate: sums of sales over sums of in-stock time.
        with patch.object(stockout, "MAX_DISPERSION", 0.0 if treatment == "exposure" else stockout.MAX_DISPERSION):
            figures = _score(start, demand, values, in_stock)
        reference = figures["mean"] if not out else out[0]["mean"]
        row = {"panel": name, "series": len(demand), "target": target, "out": float((share < 1).mean())}
        row |= {"lost": float(1 - sales.sum() / demand.sum()), "treatment": treatment, **figures}
        out.append(row | {"bias_of_correction": figures["mean"] / reference - 1.0})
    return out


def _score(start: date, demand: F, values: F, in_stock: F | None) -> dict[str, float]:
    figures: list[dict[str, float]] = []
    for back in ORIGINS:
        origin = demand.shape[1] - back
        ids = [str(i) for i in range(len(demand))]
        known = None if in_stock is None else in_stock[:, :origin].astype(np.float32)
        answer = forecast(Panel(ids, start, values[:, :origin].astype(np.float32), in_stock=known), HORIZON)
        actual = demand[:, origin : origin + HORIZON]
        total = actual.sum(axis=1)
        figures.append(
            {
                "mean": float(answer.mean.sum()),
                "bias": float(answer.mean.sum() / actual.sum() - 1.0),
                "wape": float(np.abs(answer.total_mean[:, -1] - total).sum() / actual.sum()),
                "wape_daily": float(np.abs(answer.mean - actual).sum() / actual.sum()),
                "coverage95": float((total <= answer.total[:, HORIZON - 1, LEVELS.index(0.95)]).mean()),
            }
        )
    return {key: float(np.mean([row[key] for row in figures])) for key in figures[0]}


def fresh_retail_rows(data_folder: Path) -> list[dict[str, Any]]:
    """Reported only: the last 14 days of real series with stock-outs, scored on days without one.

    Such days were chosen by their low demand, so a forecast that is too low scores best.
    """
    import pandas as pd  # noqa: PLC0415 - only where there is data to read

    frame = pd.read_parquet(data_folder / "freshretailnet_even_stores_daily.parquet")
    keys = ["store_id", "product_id"]
    sales = frame.pivot_table(index=keys, columns="ds", values="y").to_numpy(np.float64)
    hours = frame.pivot_table(index=keys, columns="ds", values="stockout_hours_6_22").to_numpy(np.float64)
    chosen = np.sort(np.random.default_rng(0).choice(len(sales), FRESH_SERIES, replace=False))
    sales, share = sales[chosen], 1.0 - hours[chosen] / 16.0
    known, start = sales.shape[1] - FRESH_HORIZON, date.fromisoformat(str(frame["ds"].min())[:10])
    actual, scored = sales[:, known:], share[:, known:] == 1.0
    panels = {"ours": (sales, share), "dropping": (np.where(share < 1, np.nan, sales), None), "ignoring": (sales, None)}
    rows: list[dict[str, Any]] = []
    for treatment, (values, in_stock) in panels.items():
        shown = None if in_stock is None else in_stock[:, :known].astype(np.float32)
        ids = [str(i) for i in chosen]
        panel = Panel(ids, start, values[:, :known].astype(np.float32), in_stock=shown)
        mean = forecast(panel, FRESH_HORIZON).mean
        sold = (actual * scored).sum()
        row = {"panel": "FreshRetailNet", "series": len(chosen), "target": None, "out": float((share < 1).mean())}
        row |= {"treatment": treatment, "bias": float((mean * scored).sum() / sold - 1.0)}
        rows.append(row | {"wape_daily": float((np.abs(mean - actual) * scored).sum() / sold)})
    return rows


def print_rows(rows: list[dict[str, Any]]) -> None:
    columns = ("out", "lost", "bias", "bias_of_correction", "wape", "wape_daily", "coverage95")
    print(f"{'panel':15s}{'target':>7s}  {'treatment':11s}" + "".join(f"{name:>20s}" for name in columns))
    for row in rows:
        cells = "".join(f"{row[name]:>20.3f}" if name in row else f"{'':>20s}" for name in columns)
        target = "" if row["target"] is None else f"{row['target']:.0%}"
        print(f"{row['panel']:15s}{target:>7s}  {row['treatment']:11s}{cells}")
    for panel, target in sorted({(row["panel"], row["target"]) for row in rows if row["target"] is not None}):
        at = {row["treatment"]: row for row in rows if (row["panel"], row["target"]) == (panel, target)}
        ours, limit = at["ours"], MAX_BIAS_OUT[target]
        met = abs(ours["bias_of_correction"]) <= limit
        better = ours["wape"] < at["dropping"]["wape"]
        print(
            f"{panel} {target:.0%}: bias of the correction {ours['bias_of_correction']:+.3f} (bar {limit:.2f}: "
            f"{'met' if met else 'missed'}), against demand {ours['bias']:+.3f}, WAPE of 28-day totals "
            f"{ours['wape']:.3f}, dropping {at['dropping']['wape']:.3f} ({'better' if better else 'worse'})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    arguments = parser.parse_args()
    if not (arguments.data / "m5_sample1000_daily.parquet").exists():
        print(f"No data in {arguments.data}: nothing to measure. Name its folder with --data.")
        return
    print_rows(stockout_rows(arguments.data))


if __name__ == "__main__":
    main()
