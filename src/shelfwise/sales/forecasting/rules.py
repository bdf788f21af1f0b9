"""From daily rows to a panel, and from a forecast to the compact form that is stored: pure."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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


def panel_of(products: Sequence[ProductSeries], rows: Iterable[DayUnits], start: date, today: date) -> Panel:
    """Daily units from ``start`` to yesterday; a listed day without a sale is zero."""
    days = (today - start).days
    values = np.zeros((len(products), days), dtype=np.float32)
    place = {product.product_id: index for index, product in enumerate(products)}
    for index, product in enumerate(products):
        values[index, : max(0, (product.listed_from - start).days)] = np.nan
    for product_id, day, quantity in rows:
        index, column = place[product_id], (day - start).days
        # A day on which a product sold is a day on which it was listed.
        values[index, column] = quantity + (0.0 if np.isnan(values[index, column]) else values[index, column])
    return Panel(ids=[product.product_id for product in products], start=start, values=values, groups=_groups(products))


def input_hash(panel: Panel, horizon: int) -> bytes:
    """What makes two runs the same run: every number that goes into it."""
    digest = sha256(f"{_FORMAT} {horizon} {panel.start} {panel.values.shape}".encode())
    digest.update("\n".join(panel.ids).encode())
    digest.update(np.ascontiguousarray(panel.values).tobytes())
    if panel.groups is not None:
        digest.update(np.ascontiguousarray(panel.groups).tobytes())
    return digest.digest()


def stored_forecasts(panel: Panel, forecast: Forecast) -> list[StoredForecast]:
    """Each product's forecast in the form that is stored."""
    history = np.count_nonzero(~np.isnan(panel.values), axis=1)
    terms = tuple(forecast.explanation)
    daily = forecast.daily
    packed = []
    for row in range(len(forecast)):
        means = [forecast.mean[row], forecast.total_mean[row]]
        means += [forecast.confidence_windows[row], forecast.expected_error[row]]
        means += [forecast.explanation[name][row] for name in terms]
        quantiles = np.stack([daily[row], forecast.total[row], forecast.coverage[row]])
        packed.append(
            StoredForecast(
                version=_FORMAT,
                model=str(forecast.model[row]),
                pattern=str(forecast.pattern[row]),
                history_days=int(history[row]),
                short_history=bool(forecast.short_history[row]),
                calibration_id=forecast.calibration.id,
                terms=terms,
                means=np.stack(means).astype("<f8").tobytes(),
                quantiles=quantiles.astype("<f4").tobytes(),
            )
        )
    return packed


def pack(forecast: StoredForecast) -> bytes:
    """The bytes of a stored forecast."""
    return zlib.compress(msgspec.msgpack.encode(forecast), level=1)


def unpack(payload: bytes) -> StoredForecast:
    """The stored forecast of bytes that ``pack`` made."""
    return msgspec.msgpack.decode(zlib.decompress(payload), type=StoredForecast)


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
