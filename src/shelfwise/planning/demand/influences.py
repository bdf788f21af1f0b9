"""What events, promotions and prices do to a day's demand: factors learned over the whole panel.

A day with a factor of 2 counts as two normal days of exposure. So a promotion is not learned as baseline, and what it
is expected to do is put back on the days for which one is planned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand.drivers import Drivers, Plans, drivers_of
from shelfwise.planning.demand.history import WEEK, History, ordered_sum, panel_weekday_shape, weekday_shape
from shelfwise.planning.demand.panel import Panel

F = NDArray[np.float64]
NEAR_WEEKS = 4  # on either side: the sales against which an event's are held
LARGE_RATE = 20.0  # units a day from which a product counts less in the pool
PRIOR_DAYS, PRIOR_UNITS = 1.0, 100.0  # that say: a panel's event does nothing, a category's what the panel's does
OWN_PRIOR_UNITS = 60.0  # that say: a product's promotions do what its category's do
ROUNDS, PRICE_PASSES = 6, 4
LEAST_LOG, MOST_LOG = -4.0, 2.5
MOST_STEP = 0.5


@dataclass(frozen=True, eq=False)
class Influences:
    """Log factors of daily demand, of the panel (row 0) and of each category.

    events: names. categories: (C,) rising. log_effects: (C + 1, E + 2); its last columns are a promotion's per unit of
    strength, and the price elasticity.
    """

    events: tuple[str, ...]
    categories: F
    log_effects: F

    def rows(self, groups: NDArray[np.int64] | None, count: int) -> F:
        """(n, E + 2) effects of each product: its category's where that is known, else the panel's."""
        at = np.zeros(count, dtype=np.intp)
        if groups is not None and len(self.categories):
            found = np.minimum(np.searchsorted(self.categories, groups[:, 0]), len(self.categories) - 1)
            at = np.where(self.categories[found] == groups[:, 0], found + 1, 0)
        return np.asarray(self.log_effects[at])


NO_INFLUENCES = Influences((), np.empty(0), np.zeros((1, 2)))


@dataclass(frozen=True, eq=False)
class Factors:
    """(D, n) factors of daily demand by events, promotions and prices, each at most e^2.5 and at least e^-4."""

    event: F
    promotion: F
    price: F

    @property
    def together(self) -> F:
        return self.event * self.promotion * self.price


def learn(panel: Panel, history: History, plans: Plans) -> tuple[History, F, Influences]:
    """The history with the days' influences, the panel's weekday shape (7,) without them, and what they are."""
    shape = panel_weekday_shape(history)
    drivers = drivers_of(panel, history, plans)
    if not drivers:
        return history, shape, NO_INFLUENCES
    influences = measure(history, weekday_shape(history, shape), drivers, panel.groups)
    history = influenced(history, shape, drivers, influences, panel.groups)[0]
    return history, panel_weekday_shape(history), influences


def influenced(
    history: History, shape: F, drivers: Drivers, known: Influences, groups: NDArray[np.int64] | None
) -> tuple[History, Factors]:
    """The history with the factors of its days, and all factors, by a panel's weekday ``shape`` (7,)."""
    found = factors(history, weekday_shape(history, shape), drivers, known, groups)
    days = np.broadcast_to(found.together, (drivers.flags.shape[1], history.count))[: drivers.known_days]
    return replace(history, influence=days.reshape(history.sales.shape)), found


def factors(
    history: History,
    weekday: F,
    drivers: Drivers,
    known: Influences,
    groups: NDArray[np.int64] | None,
    *,
    pooled: bool = False,
) -> Factors:
    """Factors of all days of ``drivers``; a promotion's are shrunk from the product's own to its category's.

    weekday: (7, n). An event that the calibration never saw has no effect.
    """
    effects = known.rows(groups, history.count)
    days = drivers.flags.shape[1]
    logs = np.zeros((days, history.count))
    for name, flags in zip(drivers.events, drivers.flags, strict=True):
        if name in known.events:
            logs[flags] += effects[:, known.events.index(name)]
    event = _factor(logs)
    one = np.ones((1, 1))
    price = one if drivers.log_price is None else _factor(drivers.log_price * effects[:, -1])
    if drivers.promo is None:
        return Factors(event, one, price)
    promotion = _factor(drivers.promo * effects[:, -2])
    if not pooled:
        own = _own_promotion(history, weekday, drivers, event * promotion, price)
        promotion = promotion * np.where(drivers.promo != 0.0, own, 1.0)
    return Factors(event, promotion, price)


def measure(history: History, weekday: F, drivers: Drivers, groups: NDArray[np.int64] | None) -> Influences:
    """Effects of the panel, and of its categories shrunk to them, by Poisson regression on the days of ``history``.

    Expected without any influence is the product's weekday factor times its own rate on uninfluenced days nearby.
    """
    past, panel = drivers.past(), np.zeros(len(drivers.events) + 2)
    # Prices have no uninfluenced days: what the rate nearby owes to them is taken out with what the last pass found.
    for _ in range(1 if past.log_price is None else PRICE_PASSES):
        price = np.ones((1, 1)) if past.log_price is None else _factor(past.log_price * panel[-1])
        normal = _normal_days(history, weekday, past, price)
        damp = 1.0 / (1.0 + normal.mean(axis=0) / LARGE_RATE)
        sold, normal = history.sales.reshape(normal.shape) * damp, normal * damp
        panel = _regress(sold, normal, past, np.zeros_like(panel))
    if groups is None:
        return Influences(drivers.events, np.empty(0), panel[None])
    rows, categories = [panel], np.unique(groups[:, 0])
    for category in categories:
        own = groups[:, 0] == category
        rows.append(_regress(sold[:, own], normal[:, own], past.columns(own), panel))
    return Influences(drivers.events, categories.astype(np.float64), np.stack(rows))


def _factor(logs: F) -> F:
    return np.asarray(np.exp(np.clip(logs, LEAST_LOG, MOST_LOG)))


def _normal_days(history: History, weekday: F, past: Drivers, price: F) -> F:
    """(T, n) units expected of each day without an influence; price: (T or 1, n or 1) factors of the past prices."""
    influenced: NDArray[np.bool_] = np.any(past.flags, axis=0, keepdims=True).T
    if past.promo is not None:
        influenced = influenced | (past.promo != 0.0)
    clean = np.broadcast_to(~influenced, (past.known_days, history.count)).reshape(history.sales.shape)
    exposure = history.exposure * weekday
    priced = exposure * np.broadcast_to(price, (past.known_days, history.count)).reshape(exposure.shape)
    sold, exposed = (_near(array * clean) for array in (history.sales, priced))
    everything = ordered_sum(ordered_sum(exposure))
    usual = np.divide(
        ordered_sum(ordered_sum(history.sales)), everything, out=np.zeros_like(everything), where=everything > 0
    )
    rate = (sold + usual) / (exposed + 1.0)
    return np.asarray((exposure * rate[:, None]).reshape(past.known_days, history.count))


def _near(array: F) -> F:
    """(weeks, n) sums over the weeks within ``NEAR_WEEKS``."""
    weekly = array[:, 0].copy()
    for day in range(1, WEEK):
        weekly += array[:, day]
    out = weekly.copy()
    for step in range(1, NEAR_WEEKS + 1):
        out[step:] += weekly[:-step]
        out[:-step] += weekly[step:]
    return out


def _own_promotion(history: History, weekday: F, drivers: Drivers, factor: F, price: F) -> F:
    """(n,) sales on the product's promoted days over what its category's effect expects, shrunk to 1."""
    past = drivers.past()
    known, price = factor[: past.known_days], price[: past.known_days]
    on = np.zeros_like(known) if past.promo is None else (past.promo != 0.0).astype(np.float64)
    expected = ordered_sum(_normal_days(history, weekday, past, price) * price * known * on)
    sold = ordered_sum(history.sales.reshape(known.shape) * on)
    return np.asarray((sold + OWN_PRIOR_UNITS) / (expected + OWN_PRIOR_UNITS))


def _regress(sold: F, normal: F, past: Drivers, prior: F) -> F:
    """(E + 2,) log effects by coordinate ascent: closed form for an event, Newton's step for strength and price."""
    effects = prior.copy()
    continuous = [(-2, past.promo), (-1, past.log_price)]
    sold_by_day = sold.sum(axis=1)
    for _ in range(ROUNDS):
        logs = np.zeros_like(normal)
        for column, values in continuous:
            if values is not None:
                logs += np.clip(effects[column] * values, LEAST_LOG, MOST_LOG)
        expected = normal * np.exp(logs)
        by_day = expected.sum(axis=1)
        log_day = past.flags.T @ effects[: len(past.flags)]
        for e, flags in enumerate(past.flags):
            effect = _event(sold_by_day[flags], by_day[flags] * np.exp(log_day[flags] - effects[e]), prior[e])
            log_day[flags] += effect - effects[e]
            effects[e] = effect
        expected *= np.exp(log_day)[:, None]
        for column, values in continuous:
            if values is not None:
                step = _newton(sold, expected, values, effects[column] - prior[column])
                expected *= np.exp(step * values)
                effects[column] += step
    return effects


def _event(sold: F, expected: F, prior: float) -> float:
    """Log ratio of sales to expectation on the days of an event, shrunk in units and in days."""
    if not len(sold) or expected.sum() <= 0.0:
        return prior
    weight = PRIOR_UNITS + PRIOR_DAYS * float(expected.sum()) / len(sold)
    ratio = (float(sold.sum()) + weight * np.exp(prior)) / (float(expected.sum()) + weight)
    return float(np.clip(np.log(ratio), LEAST_LOG, MOST_LOG))


def _newton(sold: F, expected: F, values: F, beyond_prior: float) -> float:
    """Step of one coefficient towards the maximum of the Poisson likelihood and its prior around ``beyond_prior``."""
    strength = np.abs(values)[values != 0.0]
    prior = PRIOR_UNITS * float(np.mean(strength * strength)) if len(strength) else 0.0
    weighted = values * expected
    curvature = float((weighted * values).sum()) + prior
    if curvature <= 0.0:
        return 0.0
    slope = float((values * sold).sum()) - float(weighted.sum()) - prior * beyond_prior
    bound = MOST_STEP / float(strength.max())
    return float(np.clip(slope / curvature, -bound, bound))
