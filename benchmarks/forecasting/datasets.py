"""The protocol's panels as arrays: from parquet files beside the repository, or from the shipped extract."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.float64]
UCI_PRODUCTS, UCI_MIN_DAYS = 500, 180


@dataclass(frozen=True, eq=False)
class Dataset:
    """values, revenue: (n, T); revenue is NaN where a series had not begun."""

    name: str
    ids: list[str]
    start: date
    values: F
    revenue: F

    def some(self, count: int, seed: int = 0) -> "Dataset":
        """So many of the series, chosen at random."""
        if count >= len(self.ids):
            return self
        rows = np.sort(np.random.default_rng(seed).choice(len(self.ids), count, replace=False))
        return replace(self, ids=[self.ids[i] for i in rows], values=self.values[rows], revenue=self.revenue[rows])


def load_extract() -> Dataset:
    """The 500 products of UCI Online Retail that ship with Shelfwise: what there is without other data."""
    from shelfwise.sample.extract import LAST_DAY, read_lines  # noqa: PLC0415 - only without other data

    sold = [line for line in read_lines() if line.kind == "sale"]
    first = min(date.fromisoformat(line.ordered_at[:10]) for line in sold)
    ids = sorted({line.product for line in sold})
    place = {name: i for i, name in enumerate(ids)}
    values = np.zeros((len(ids), (LAST_DAY - first).days + 1))
    revenue = np.zeros_like(values)
    for line in sold:
        at = place[line.product], (date.fromisoformat(line.ordered_at[:10]) - first).days
        values[at] += line.quantity
        revenue[at] += line.quantity * float(line.unit_price)
    for i, row in enumerate(values):
        begin = int(np.flatnonzero(row)[0])
        values[i, :begin] = revenue[i, :begin] = np.nan
    return Dataset("extract of UCI", ids, first, values, revenue)


def load_m5(folder: Path) -> Dataset:
    import pandas as pd  # noqa: PLC0415 - only where there is data to read

    frame = pd.read_parquet(folder / "m5_sample1000_daily.parquet").astype({"unique_id": str})
    wide = frame.pivot_table(index="unique_id", columns="ds", values="y")
    prices = pd.read_parquet(folder / "m5_prices_d1914_d1942.parquet").astype({"unique_id": str})
    price = prices.set_index("unique_id").loc[wide.index].iloc[:, :1].to_numpy(np.float64)
    values = wide.to_numpy(np.float64)
    return Dataset("M5", list(wide.index), wide.columns[0].date(), values, values * price)


def load_uci(folder: Path, first_origin: int) -> Dataset:
    """The products with most selling days before ``first_origin`` days from the end, and half a year of history."""
    import pandas as pd  # noqa: PLC0415 - only where there is data to read

    frame = pd.read_parquet(folder / "uci_online_retail_daily.parquet").astype({"unique_id": str})
    wide = frame.pivot_table(index="unique_id", columns="ds", values="y")
    values = wide.to_numpy(np.float64)
    revenue = frame.pivot_table(index="unique_id", columns="ds", values="revenue").to_numpy(np.float64)
    before = values[:, : values.shape[1] - first_origin]
    selling = np.where((~np.isnan(before)).sum(axis=1) >= UCI_MIN_DAYS, (before > 0).sum(axis=1), -1)
    keep = np.sort(np.argsort(-selling, kind="stable")[:UCI_PRODUCTS])
    ids = [str(wide.index[i]) for i in keep]
    return Dataset("UCI", ids, wide.columns[0].date(), values[keep], revenue[keep])
