"""What a forecaster is given: daily sales of many products, checked once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Array = TypeVar("_Array", bound=NDArray[Any])
MAX_UNITS_PER_DAY = 1e12
MAX_HORIZON = 365


@dataclass(frozen=True, eq=False)
class Panel:
    """Daily sales of ``n`` products over the ``T`` days from ``start``. A series is one product at one location.

    ids: ``n`` unique names.
    start: date (or ISO text) of the first column.
    values: (n, T) units per day; NaN is missing or before listing, zero is a day without a sale. Fractions allowed.
    in_stock: (n, T) share of the selling day with stock on the shelf, 0 to 1; NaN is unknown. It counts as 1, but
        before a product's first known day as the share of demand that the product has served since. On a day that
        sold out at an unknown hour, 0.5 is a good answer; 1 is not.
    groups: (n, g) whole numbers, category first, location second.
    price, promo: (n, T); stated price and promotion strength or flag.
    open: (T,) or (n, T) truth values; closed days are no evidence of missing demand.
    end_of_life: (n,) dates from which a product is no longer sold (None: none is known).

    Inputs are copied and the copies are read-only. Raises ``ValueError`` that names the field.
    """

    ids: Sequence[str]
    start: date
    values: NDArray[np.float32]
    in_stock: NDArray[np.float32] | None = None
    groups: NDArray[np.int64] | None = None
    price: NDArray[np.float32] | None = None
    promo: NDArray[np.float32] | None = None
    open: NDArray[np.bool_] | None = None
    end_of_life: Sequence[date | None] | None = None
    whole: NDArray[np.bool_] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values = _matrix("values", self.values, None)
        ids = tuple(str(name) for name in self.ids)
        if len(ids) != values.shape[0]:
            raise ValueError(f"ids: {len(ids)} names for {values.shape[0]} rows of values")
        if len(set(ids)) != len(ids):
            raise ValueError(f"ids: {Counter(ids).most_common(1)[0][0]!r} appears more than once")
        _refuse("values", np.isinf(values), "infinite")
        _refuse("values", values < 0, "negative")
        _refuse("values", values > MAX_UNITS_PER_DAY, f"above {MAX_UNITS_PER_DAY:g} units a day")
        shape = values.shape
        store = object.__setattr__
        store(self, "ids", ids)
        store(self, "start", _as_date("start", self.start))
        store(self, "values", _frozen(values))
        store(self, "whole", _frozen(np.all(np.isnan(values) | (values == np.floor(values)), axis=1)))
        store(self, "in_stock", _share(self.in_stock, shape))
        store(self, "groups", _groups(self.groups, shape[0]))
        store(self, "price", _optional("price", self.price, shape))
        store(self, "promo", _optional("promo", self.promo, shape))
        store(self, "open", _open(self.open, shape))
        store(self, "end_of_life", _end_of_life(self.end_of_life, shape[0]))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def days(self) -> int:
        return int(self.values.shape[1])

    @property
    def end(self) -> date:
        """First day that is not in the panel: the first day of a forecast."""
        return self.start + timedelta(days=self.days)

    def rows(self, index: NDArray[np.intp] | slice) -> Panel:
        """The panel of some of the rows, in the order asked."""
        chosen = np.arange(len(self))[index]

        def pick(matrix: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if matrix is None else matrix[chosen]

        ends = self.end_of_life
        return Panel(
            ids=[self.ids[i] for i in chosen],
            start=self.start,
            values=self.values[chosen],
            in_stock=pick(self.in_stock),
            groups=pick(self.groups),
            price=pick(self.price),
            promo=pick(self.promo),
            open=pick(self.open),
            end_of_life=None if ends is None else [ends[i] for i in chosen],
        )

    def until(self, days: int) -> Panel:
        """The panel as it was known after its first ``days`` days."""
        if not 1 <= days <= self.days:
            raise ValueError(f"days: {days} is not between 1 and {self.days}")

        def cut(matrix: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if matrix is None else matrix[:, :days]

        return Panel(
            ids=self.ids,
            start=self.start,
            values=self.values[:, :days],
            in_stock=cut(self.in_stock),
            groups=self.groups,
            price=cut(self.price),
            promo=cut(self.promo),
            open=cut(self.open),
            end_of_life=self.end_of_life,
        )


def check_calendar(calendar: Mapping[str, ArrayLike] | None, days: int) -> tuple[str, ...]:
    """Names of the events of a calendar whose every entry must hold ``days`` truth values."""
    if calendar is None:
        return ()
    for name, flags in calendar.items():
        if np.shape(flags) != (days,):
            raise ValueError(f"calendar: {name!r} has shape {np.shape(flags)}, expected ({days},)")
    return tuple(calendar)


def check_future(name: str, values: ArrayLike | None, shape: tuple[int, int]) -> bool:
    """Whether future values were given; they must be finite and of ``shape``."""
    if values is None:
        return False
    matrix = _matrix(name, values, shape)
    _refuse(name, ~np.isfinite(matrix), "not finite")
    return True


def check_horizon(horizon: int) -> int:
    if not 1 <= int(horizon) <= MAX_HORIZON or int(horizon) != horizon:
        raise ValueError(f"horizon: {horizon} is not a whole number of days from 1 to {MAX_HORIZON}")
    return int(horizon)


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    asked = tuple(float(level) for level in levels)
    if not asked or not all(0.0 < level < 1.0 for level in asked) or sorted(set(asked)) != list(asked):
        raise ValueError(f"levels: {asked} is not a rising list of shares between 0 and 1")
    return asked


def _matrix(name: str, values: ArrayLike, shape: tuple[int, int] | None) -> NDArray[np.float32]:
    try:
        wide = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: not an array of numbers") from error
    if wide.ndim != 2 or wide.shape[1] < 1:
        raise ValueError(f"{name}: shape {wide.shape}, expected (products, days) with at least one day")
    if shape is not None and wide.shape != shape:
        raise ValueError(f"{name}: shape {wide.shape}, expected {shape}")
    with np.errstate(over="ignore"):
        return wide.astype(np.float32)


def _optional(name: str, values: ArrayLike | None, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    if values is None:
        return None
    matrix = _matrix(name, values, shape)
    _refuse(name, np.isinf(matrix), "infinite")
    return _frozen(matrix)


def _share(values: ArrayLike | None, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    matrix = _optional("in_stock", values, shape)
    if matrix is not None:
        _refuse("in_stock", (matrix < 0) | (matrix > 1), "outside 0 to 1")
    return matrix


def _groups(values: ArrayLike | None, count: int) -> NDArray[np.int64] | None:
    if values is None:
        return None
    matrix = np.asarray(values)
    if matrix.ndim != 2 or matrix.shape[0] != count or matrix.shape[1] < 1:
        raise ValueError(f"groups: shape {matrix.shape}, expected ({count}, at least one column)")
    if not np.issubdtype(matrix.dtype, np.integer):
        raise ValueError(f"groups: type {matrix.dtype}, expected whole numbers")
    return _frozen(matrix.astype(np.int64))


def _open(values: ArrayLike | None, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    if values is None:
        return None
    flags = np.asarray(values)
    if flags.dtype != np.bool_ or flags.shape not in {shape, shape[1:]}:
        raise ValueError(f"open: {flags.dtype} of shape {flags.shape}, expected bool of {shape[1:]} or {shape}")
    return _frozen(np.broadcast_to(flags, shape).copy())


def _end_of_life(values: Sequence[date | None] | None, count: int) -> tuple[date | None, ...] | None:
    if values is None:
        return None
    if len(values) != count:
        raise ValueError(f"end_of_life: {len(values)} dates for {count} products")
    return tuple(None if day is None else _as_date("end_of_life", day) for day in values)


def _as_date(name: str, value: object) -> date:
    try:
        day = np.datetime64(value, "D").item()  # type: ignore[call-overload]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {value!r} is not a date") from error
    if not isinstance(day, date):
        raise ValueError(f"{name}: {value!r} is not a date")  # noqa: TRY004 - bad input is a ValueError naming the field
    return day


def _refuse(name: str, wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        row, day = (int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"{name}: {what} at row {row}, day {day}")


def _frozen(array: _Array) -> _Array:
    array.setflags(write=False)
    return array
