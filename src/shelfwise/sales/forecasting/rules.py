"""From daily rows to a panel, and from a forecast to the compact form that is stored: pure."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand import LEVELS, Forecast, Panel, TotalDemandTable

F = NDArray[np.float64]
#: What a stored forecast covers without being computed again: lead time and cover of most policies.
STORED_HORIZON = 60
MAX_HORIZON = 180
#: Three years, the longest memory of the forecaster.
MAX_HISTORY_DAYS = 1099
SHORT_HISTORY_DAYS = 14
#: A larger tenant is calibrated on a sample: its tables are settled long before.
CALIBRATION_PRODUCTS = 2000
_FORMAT = 1


class ProductSeries(NamedTuple):
    """A product to forecast; its days before ``listed_from`` are missing, not zero."""

    product_id: str
    category: str | None
    listed_from: date


class DayUnits(NamedTuple):
    """Units of one product on one business day, over all locations."""

    product_id: str
    business_day: date
    quantity: int


class StoredForecast(msgspec.Struct, frozen=True):
    """One product's forecast. Arrays by future day: means and terms (H,), quantiles and coverage (H, q) at LEVELS.

    ``coverage`` and ``expected_error`` are NaN where too few backtest windows measured them.
    """

    version: int
    model: str
    pattern: str
    history_days: int
    short_history: bool
    calibration_id: str
    terms: tuple[str, ...]
    means: bytes
    quantiles: bytes
    #: Days of which stock is known, how many of them were out of stock in sum, and the first day that is not known.
    stock_days: int = 0
    stock_out_days: float = 0.0
    stock_until: date | None = None

    @property
    def horizon(self) -> int:
        return len(self.means) // (8 * (4 + len(self.terms)))

    def arrays(self) -> "ForecastArrays":
        """The numbers, unpacked."""
        days, levels = self.horizon, len(LEVELS)
        means = np.frombuffer(self.means, dtype="<f8").reshape(-1, days)
        quantiles = np.frombuffer(self.quantiles, dtype="<f4").reshape(3, days, levels).astype(np.float64)
        terms = {name: means[4 + index] for index, name in enumerate(self.terms)}
        return ForecastArrays(means[0], means[1], quantiles[0], quantiles[1], quantiles[2], means[2], means[3], terms)


@dataclass(frozen=True, slots=True)
class ForecastArrays:
    """Unpacked numbers of one product: see StoredForecast."""

    mean: F
    total_mean: F
    daily: F
    total: F
    coverage: F
    windows: F
    expected_error: F
    terms: dict[str, F]


def panel_start(products: Iterable[ProductSeries], today: date) -> date:
    """First day of the panel: the earliest listing, three years back at most, and always one day at least."""
    earliest = min((product.listed_from for product in products), default=today)
    return max(min(earliest, today - timedelta(days=1)), today - timedelta(days=MAX_HISTORY_DAYS))


def sample_of(products: Sequence[ProductSeries], seed: int = 0) -> list[ProductSeries]:
    """At most ``CALIBRATION_PRODUCTS`` of the products, in their order: what a run is calibrated on."""
    if len(products) <= CALIBRATION_PRODUCTS:
        return list(products)
    chosen = np.random.default_rng(seed).choice(len(products), CALIBRATION_PRODUCTS, replace=False)
    return [products[index] for index in np.sort(chosen)]


def panel_of(
    products: Sequence[ProductSeries],
    rows: Iterable[DayUnits],
    start: date,
    today: date,
    shares: Mapping[str, NDArray[np.float32]] | None = None,
) -> Panel:
    """Daily units from ``start`` to yesterday; a listed day without a sale is zero.

    ``shares`` holds the in-stock share of each of these days for the products of which it is known.
    """
    days = (today - start).days
    values = np.zeros((len(products), days), dtype=np.float32)
    place = {product.product_id: index for index, product in enumerate(products)}
    for index, product in enumerate(products):
        values[index, : max(0, (product.listed_from - start).days)] = np.nan
    for product_id, day, quantity in rows:
        index, column = place[product_id], (day - start).days
        # A day on which a product sold is a day on which it was listed.
        values[index, column] = quantity + (0.0 if np.isnan(values[index, column]) else values[index, column])
    in_stock = None
    if shares:
        in_stock = np.full((len(products), days), np.nan, dtype=np.float32)
        for product_id, known in shares.items():
            in_stock[place[product_id]] = known
    ids = [product.product_id for product in products]
    return Panel(ids=ids, start=start, values=values, in_stock=in_stock, groups=_groups(products))


class InputDigest:
    """What makes two runs the same run: every number that goes into them, in whatever portions it is added."""

    def __init__(self, horizon: int, start: date, *, champion: bool = False) -> None:
        self._names = sha256(f"{_FORMAT} {horizon} {start}{' champion' * champion}".encode())
        self._values, self._stock, self._groups = sha256(), sha256(), sha256()

    def add(self, panel: Panel) -> None:
        """Takes the next products of the run."""
        self._names.update("".join(f"\n{name}" for name in panel.ids).encode())
        self._values.update(np.ascontiguousarray(panel.values).tobytes())
        unknown = np.full(panel.values.shape, np.nan, dtype=np.float32)
        self._stock.update(np.ascontiguousarray(unknown if panel.in_stock is None else panel.in_stock).tobytes())
        if panel.groups is not None:
            self._groups.update(np.ascontiguousarray(panel.groups).tobytes())

    def result(self) -> bytes:
        parts = (self._names, self._values, self._stock, self._groups)
        return sha256(b"".join(part.digest() for part in parts)).digest()


def stored_forecasts(panel: Panel, forecast: Forecast) -> list[StoredForecast]:
    """Each product's forecast in the form that is stored."""
    history = np.count_nonzero(~np.isnan(panel.values), axis=1)
    stock = _stock_known(panel)
    terms, calibration_id = tuple(forecast.explanation), forecast.calibration.id
    parts = (forecast.mean, forecast.total_mean, forecast.confidence_windows, forecast.expected_error)
    means = np.stack([*parts, *(forecast.explanation[name] for name in terms)], axis=1).astype("<f8")
    quantiles = np.stack([forecast.daily, forecast.total, forecast.coverage], axis=1).astype("<f4")
    return [
        StoredForecast(
            version=_FORMAT,
            model=str(forecast.model[row]),
            pattern=str(forecast.pattern[row]),
            history_days=int(history[row]),
            short_history=bool(forecast.short_history[row]),
            calibration_id=calibration_id,
            terms=terms,
            means=means[row].tobytes(),
            quantiles=quantiles[row].tobytes(),
            stock_days=stock[row][0],
            stock_out_days=stock[row][1],
            stock_until=stock[row][2],
        )
        for row in range(len(forecast))
    ]


def _stock_known(panel: Panel) -> list[tuple[int, float, date | None]]:
    """Days of which stock is known, how many of them were out of stock, and the first day after the last known."""
    if panel.in_stock is None:
        return [(0, 0.0, None)] * len(panel)
    found: list[tuple[int, float, date | None]] = []
    for row in panel.in_stock:
        known = np.flatnonzero(~np.isnan(row))
        until = panel.start + timedelta(days=int(known[-1]) + 1) if len(known) else None
        found.append((len(known), round(float(len(known) - row[known].sum(dtype=np.float64)), 4), until))
    return found


def pack(forecast: StoredForecast) -> bytes:
    """The bytes of a stored forecast."""
    return zlib.compress(msgspec.msgpack.encode(forecast), level=1)


def unpack(payload: bytes) -> StoredForecast:
    """The stored forecast of bytes that ``pack`` made."""
    return msgspec.msgpack.decode(zlib.decompress(payload), type=StoredForecast)


def moved(arrays: ForecastArrays, factors: F, units: F, term: str) -> ForecastArrays:
    """The forecast with each day's mean times its factor (H,), or in its place ``units`` (H,) where they are not NaN.

    A day's quantiles are scaled, or shifted, with its mean. Totals of the first k days are scaled by the ratio of
    their means for factors, and shifted by the added mean for units; they never fall with k, never below 0, and stay
    whole where they were. What is added to the mean is the explanation's ``term``. Coverage and expected error stay
    those that were measured.
    """
    fixed = ~np.isnan(units)
    scaled = arrays.mean * np.where(fixed, 1.0, factors)
    added = np.where(fixed, units - scaled, 0.0)
    # A sum of days that nobody touched keeps its last bits.
    scaled_total = np.maximum(arrays.total_mean + np.cumsum(scaled - arrays.mean), 0.0)
    ratio = np.divide(scaled_total, arrays.total_mean, out=np.ones_like(scaled_total), where=arrays.total_mean > 0.0)
    total = _whole_as(arrays.total, arrays.total * ratio[:, None] + np.cumsum(added)[:, None])
    daily = _whole_as(arrays.daily, arrays.daily * np.where(fixed, 1.0, factors)[:, None] + added[:, None])
    return replace(
        arrays,
        mean=scaled + added,
        total_mean=np.maximum(scaled_total + np.cumsum(added), 0.0),
        daily=daily,
        total=np.maximum.accumulate(total, axis=0),
        terms={**arrays.terms, term: scaled + added - arrays.mean},
    )


def _whole_as(before: F, after: F) -> F:
    """``after``, never negative, and whole when ``before`` is."""
    bounded = np.maximum(after, 0.0)
    return np.rint(bounded) if np.array_equal(before, np.rint(before)) else bounded


def stock_level(arrays: ForecastArrays, level: float, days: int) -> int:
    """Whole units that suffice for the first ``days`` days with probability ``level``."""
    table = TotalDemandTable(np.arange(1, len(arrays.mean) + 1), LEVELS, arrays.total[None], arrays.total_mean[None])
    # A level next to 0 or 1 overflows on its way to a clipped, finite answer.
    with np.errstate(over="ignore"):
        return int(np.ceil(table.quantile(level, days)[0] - 1e-9))


def measured_confidence(arrays: ForecastArrays, level: float, days: int) -> float | None:
    """Share of backtest windows within the level: between two measured levels in proportion, None outside them."""
    shares = arrays.coverage[days - 1]
    if np.isnan(shares).any() or not LEVELS[0] <= level <= LEVELS[-1]:
        return None
    return float(np.interp(level, LEVELS, shares))


def _groups(products: Sequence[ProductSeries]) -> NDArray[np.int64]:
    # A category's number must not depend on which other products are in the panel.
    codes = [0 if product.category is None else zlib.crc32(product.category.encode()) for product in products]
    return np.array(codes, dtype=np.int64).reshape(-1, 1)
