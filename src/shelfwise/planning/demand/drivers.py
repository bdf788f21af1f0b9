"""What is known of each day beside its sales: events of a calendar, promotions and prices, past and planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.planning.demand.history import WEEK, History
from shelfwise.planning.demand.panel import Panel, check_calendar, check_future

F = NDArray[np.float64]
MOST_LOG_PRICE = 1.5  # beyond four and a half times the usual price, a price is taken for a mistake


@dataclass(frozen=True, eq=False)
class Drivers:
    """The days of a laid out history, followed by the ``horizon`` days to come.

    events: names. flags: (E, D) bool. promo: (D, n) strength, 0 without one. log_price: (D, n) log of the price over
    the product's usual one. None where nothing was given.
    """

    events: tuple[str, ...]
    flags: NDArray[np.bool_]
    promo: F | None
    log_price: F | None
    known_days: int

    def __bool__(self) -> bool:
        return bool(self.events) or self.promo is not None or self.log_price is not None

    def past(self) -> Drivers:
        """The days of the history alone."""
        promo = None if self.promo is None else self.promo[: self.known_days]
        price = None if self.log_price is None else self.log_price[: self.known_days]
        return replace(self, flags=self.flags[:, : self.known_days], promo=promo, log_price=price)

    def columns(self, chosen: NDArray[np.bool_]) -> Drivers:
        """The same days for some of the products."""
        promo = None if self.promo is None else self.promo[:, chosen]
        price = None if self.log_price is None else self.log_price[:, chosen]
        return replace(self, promo=promo, log_price=price)


@dataclass(frozen=True, eq=False)
class Plans:
    """Calendar and plans of a whole run, checked: events by name, flags (E, T + H), price and promo (n, H)."""

    horizon: int
    events: tuple[str, ...]
    flags: NDArray[np.bool_]
    price: F | None
    promo: F | None

    def rows(self, chosen: slice) -> Plans:
        """The plans of some of the products."""
        price = None if self.price is None else self.price[chosen]
        return replace(self, price=price, promo=None if self.promo is None else self.promo[chosen])


def check_plans(
    panel: Panel,
    horizon: int,
    calendar: Mapping[str, ArrayLike] | None,
    future_price: ArrayLike | None = None,
    future_promo: ArrayLike | None = None,
) -> Plans:
    """Calendar and plans in one form. Raises ``ValueError`` that names the field."""
    names = check_calendar(calendar, panel.days + horizon)
    flags = np.zeros((len(names), panel.days + horizon), dtype=bool)
    for row, name in enumerate(names):
        flags[row] = np.asarray(calendar[name] if calendar else (), dtype=bool)
    shape = (len(panel), horizon)
    plans: dict[str, F | None] = {}
    for name, past, future in (("price", panel.price, future_price), ("promo", panel.promo, future_promo)):
        given = check_future(f"future_{name}", future, shape)
        if given and past is None:
            raise ValueError(f"future_{name}: give the panel its {name} of the past too, or its effect is unknown")
        plans[name] = np.asarray(future, dtype=np.float64) if given else None
    return Plans(horizon, names, flags, plans["price"], plans["promo"])


def drivers_of(panel: Panel, history: History, plans: Plans) -> Drivers:
    """Drivers of each day kept in ``history`` and of the days to come.

    Without a plan no promotion comes, and the last known price stays.
    """
    days = history.weeks * WEEK
    promo = price = None
    if panel.promo is not None:
        coming = np.zeros((len(panel), plans.horizon)) if plans.promo is None else plans.promo
        promo = np.nan_to_num(_joined(panel.promo, coming, days))
    if panel.price is not None:
        last = _last_known(panel.price.astype(np.float64))
        coming = np.repeat(last[:, None], plans.horizon, axis=1) if plans.price is None else plans.price
        price = _log_ratio(_joined(panel.price, coming, days), days)
    kept = min(panel.days, days)
    flags = np.zeros((len(plans.events), days + plans.horizon), dtype=bool)
    flags[:, days - kept :] = plans.flags[:, panel.days - kept :]
    return Drivers(plans.events, flags, promo, price, days)


def _joined(past: NDArray[np.float32], coming: F, days: int) -> F:
    """(D, n) past and coming days; NaN where the history is padded."""
    kept = min(past.shape[1], days)
    out = np.full((days + coming.shape[1], len(past)), np.nan)
    out[days - kept : days] = past[:, past.shape[1] - kept :].T
    out[days:] = coming.T
    return out


def _last_known(price: F) -> F:
    known = np.isfinite(price)
    last = price.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    return np.asarray(price[np.arange(len(price)), last])


def _log_ratio(price: F, days: int) -> F:
    """Log of each day's price over the mean log price of the history; 0 where a price is unknown or not positive."""
    known = price > 0.0
    logs = np.where(known, np.log(np.where(known, price, 1.0)), 0.0)
    count = np.maximum(known[:days].sum(axis=0), 1)
    usual = np.cumsum(logs[:days], axis=0)[-1] / count
    usual = np.where(known[:days].any(axis=0), usual, logs[days:][:1].sum(axis=0))
    return np.asarray(np.where(known, np.clip(logs - usual, -MOST_LOG_PRICE, MOST_LOG_PRICE), 0.0))
