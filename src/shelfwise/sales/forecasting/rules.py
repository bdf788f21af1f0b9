"""From daily rows to a panel, and from a forecast to the compact form that is stored: pure."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand import LEVELS, Forecast, Panel, TotalDemandTable

F = NDArray[np.float64]
F32 = NDArray[np.float32]
Flags = NDArray[np.bool_]
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


class DaySales(NamedTuple):
    """Units of one product on one business day at one location, and their revenue in the tenant's currency."""

    product_id: str
    business_day: date
    quantity: int
    revenue: float


@dataclass(frozen=True, eq=False, slots=True)
class Inputs:
    """All that forecasts of some products are made from; the days to come are the ``horizon`` days after the panel's.

    future_price, future_promo (n, H): what is planned; the price that was paid last where no other is. events: (T + H,)
    flags by name. closed (H,): days to come on which nothing is sold.
    """

    panel: Panel
    horizon: int
    future_price: F32 | None = None
    future_promo: F32 | None = None
    events: Mapping[str, Flags] = field(default_factory=dict)
    closed: Flags | None = None


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


@dataclass(frozen=True, eq=False, slots=True)
class Known:
    """What is known beside the sales of ``D`` days from the panel's first on: past days, and the days to come.

    shares: in-stock share of each past day, for the products of which it is known. promo (n, D): strength of
    promotions, and promo_price (n, D) their planned prices, NaN without one; None: there are none. events: (D,) flags
    by name. closed (D,): days on which nothing is sold; None: not one.
    """

    shares: Mapping[str, F32] = field(default_factory=dict)
    promo: F32 | None = None
    promo_price: F32 | None = None
    events: Mapping[str, Flags] = field(default_factory=dict)
    closed: Flags | None = None


def inputs_of(
    products: Sequence[ProductSeries],
    rows: Iterable[DaySales],
    start: date,
    today: date,
    horizon: int,
    known: Known | None = None,
) -> Inputs:
    """Daily units from ``start`` to yesterday, and what goes with them; a listed day without a sale is zero."""
    known = Known() if known is None else known
    days = (today - start).days
    values = np.zeros((len(products), days), dtype=np.float32)
    revenue = np.zeros((len(products), days))
    place = {product.product_id: index for index, product in enumerate(products)}
    for index, product in enumerate(products):
        values[index, : max(0, (product.listed_from - start).days)] = np.nan
    for product_id, day, quantity, amount in rows:
        index, column = place[product_id], (day - start).days
        # A day on which a product sold is a day on which it was listed.
        values[index, column] = quantity + (0.0 if np.isnan(values[index, column]) else values[index, column])
        revenue[index, column] += amount
    price = realised_price(values, revenue)
    panel = Panel(
        ids=[product.product_id for product in products],
        start=start,
        values=values,
        in_stock=_in_stock(values, known.shares, place),
        groups=_groups(products),
        price=None if np.isnan(price).all() else price,
        promo=None if known.promo is None else known.promo[:, :days],
        open=None if known.closed is None else ~known.closed[:days],
    )
    closed = None if known.closed is None else known.closed[days:]
    return Inputs(panel, horizon, *_plans(panel, horizon, known), known.events, closed)


def realised_price(units: F32, revenue: F) -> F32:
    """(n, T) revenue per unit of each day, carried forward over days without sales; NaN before the first price.

    units (n, T), revenue (n, T) in currency. What was given away says nothing of the price.
    """
    sold = (units > 0) & (revenue > 0)
    price = np.divide(revenue, units, out=np.full(units.shape, np.nan), where=sold)
    last = np.maximum.accumulate(np.where(sold, np.arange(units.shape[1]), 0), axis=1)
    return np.take_along_axis(price, last, axis=1).astype(np.float32)


def _plans(panel: Panel, horizon: int, known: Known) -> tuple[F32 | None, F32 | None]:
    """(n, H) prices and promotions of the days to come."""
    promo = None if known.promo is None else known.promo[:, panel.days : panel.days + horizon]
    if panel.price is None:
        return None, promo
    # A product that never sold has no price; 0 says so, since the forecaster takes only numbers.
    price = np.repeat(np.nan_to_num(panel.price[:, -1:]), horizon, axis=1)
    if known.promo_price is not None:
        asked = known.promo_price[:, panel.days : panel.days + horizon]
        price = np.where(np.isnan(asked), price, asked)
    return price, promo


def _in_stock(values: F32, shares: Mapping[str, F32], place: Mapping[str, int]) -> F32 | None:
    if not shares:
        return None
    in_stock = np.full(values.shape, np.nan, dtype=np.float32)
    for product_id, known in shares.items():
        in_stock[place[product_id]] = known
    return in_stock


class InputDigest:
    """What makes two runs the same run: every number that goes into them, in whatever portions it is added."""

    def __init__(self, horizon: int, start: date, *, champion: bool = False) -> None:
        self._names = sha256(f"{_FORMAT} {horizon} {start}{' champion' * champion}".encode())
        self._parts = [sha256() for _ in range(7)]
        # Every portion has the same one.
        self._calendar = b""

    def add(self, inputs: Inputs) -> None:
        """Takes the next products of the run."""
        panel = inputs.panel
        self._names.update("".join(f"\n{name}" for name in panel.ids).encode())
        past, ahead = panel.values.shape, (len(panel), inputs.horizon)
        given = (
            panel.values,
            _or(panel.in_stock, past, np.nan),
            _or(panel.price, past, np.nan),
            _or(panel.promo, past, 0.0),
            _or(inputs.future_price, ahead, 0.0),
            _or(inputs.future_promo, ahead, 0.0),
        )
        groups = np.empty(0) if panel.groups is None else panel.groups
        for part, numbers in zip(self._parts, (*given, groups), strict=True):
            part.update(np.ascontiguousarray(numbers).tobytes())
        self._calendar = _calendar_digest(inputs)

    def result(self) -> bytes:
        parts = [part.digest() for part in (self._names, *self._parts)]
        return sha256(b"".join([*parts, self._calendar])).digest()


def _calendar_digest(inputs: Inputs) -> bytes:
    """Of events and closed days, past and to come; nothing of a calendar without them."""
    panel, found = inputs.panel, sha256()
    for name, flags in sorted(inputs.events.items()):
        found.update(f"{name}\n".encode() + flags.tobytes())
    if inputs.closed is not None and panel.open is not None and len(panel):
        found.update(panel.open[0].tobytes() + inputs.closed.tobytes())
    return found.digest()


def _or(given: F32 | None, shape: tuple[int, ...], absent: float) -> F32:
    """What was given, or what says the same of every day: nothing is known."""
    return np.full(shape, absent, dtype=np.float32) if given is None else given


def closed_days(stored: StoredForecast, closed: Flags) -> StoredForecast:
    """The forecast with nothing sold on the days to come that are ``closed`` (H,)."""
    before = stored.arrays()
    after = moved(before, np.where(closed, 0.0, 1.0), np.full(len(closed), np.nan), "closed")
    parts = (after.mean, after.total_mean, after.windows, after.expected_error, *after.terms.values())
    return msgspec.structs.replace(
        stored,
        terms=tuple(after.terms),
        means=np.stack(parts).astype("<f8").tobytes(),
        quantiles=np.stack([after.daily, after.total, after.coverage]).astype("<f4").tobytes(),
    )


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
