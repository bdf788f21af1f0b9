"""What stock will do before an order can arrive: projected stock, urgency, cover, margin at risk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

F = NDArray[np.float64]
Urgency = Literal["critical", "high", "medium", "low", "none"]
ROUNDING = 1e-9  # sums of means that should be exactly used up are not short by their rounding


def projected_stock(available: ArrayLike, receipts: ArrayLike, mean: ArrayLike) -> F:
    """(n, H) stock at the close of each of the next H days: available + receipts so far - mean demand so far.

    available: (n,). receipts, mean: (n, H); column 0 is today, and receipts arrive at opening. Demand that finds no
    stock is owed, so the result may fall below 0: that it does, and when, is what urgency asks. Silver, Pyke, Thomas
    (4th ed., 2017), section 6.3: time-phased net requirements.
    """
    flow = np.asarray(receipts, np.float64) - np.asarray(mean, np.float64)
    return np.asarray(np.asarray(available, np.float64)[..., None] + np.cumsum(flow, axis=-1))


def projected_stock_lost_sales(available: ArrayLike, receipts: ArrayLike, mean: ArrayLike) -> F:
    """(n, H) as ``projected_stock``, but demand that finds no stock is lost and stock never falls below 0."""
    supply, demand = np.asarray(receipts, np.float64), np.asarray(mean, np.float64)
    shape = np.broadcast_shapes(supply.shape, demand.shape)
    supply, demand = np.broadcast_to(supply, shape), np.broadcast_to(demand, shape)
    stock = np.array(np.broadcast_to(np.asarray(available, np.float64), shape[:-1]))
    out = np.empty(shape)
    for day in range(shape[-1]):
        stock = np.maximum(stock + supply[..., day] - demand[..., day], 0.0)
        out[..., day] = stock
    return out


def first_day_below(projected: ArrayLike, limit: ArrayLike = 0.0) -> NDArray[np.int64]:
    """(n,) index of the first day whose closing stock is below ``limit``, -1 where none is."""
    below = np.asarray(projected, np.float64) < np.asarray(limit, np.float64)[..., None] - ROUNDING
    return np.where(below.any(axis=-1), below.argmax(axis=-1), -1)


def expected_stockout_day(projected: ArrayLike) -> NDArray[np.int64]:
    """(n,) index of the first day that ends with no stock (0 or less), -1 where none does."""
    empty = np.asarray(projected, np.float64) <= ROUNDING
    return np.where(empty.any(axis=-1), empty.argmax(axis=-1), -1)


def urgency(
    projected: ArrayLike,
    position: ArrayLike,
    s: ArrayLike,
    mean_over_review: ArrayLike,
    lead_time: ArrayLike,
    review_period: ArrayLike,
) -> NDArray[np.object_]:
    """(n,) "critical", "high", "medium", "low", "none", or None where it cannot be decided (a NaN in the inputs).

    critical: projected stock falls below 0 within the lead time. high: within lead time + review. medium: position
    <= s. low: position - mean demand of one review <= s. projected: (n, H) with H >= lead time + review days (column
    0 is today); the rest scalars or (n,). Raises ``ValueError`` for a projection that is too short.
    """
    stock = np.asarray(projected, np.float64)
    have, point, soon, lead, review = (
        np.asarray(a, np.float64) for a in (position, s, mean_over_review, lead_time, review_period)
    )
    reach = np.ceil(lead + review)
    if np.any(reach > stock.shape[-1]):
        raise ValueError(f"projected: {stock.shape[-1]} days, expected lead time + review = {int(reach.max())}")
    first = first_day_below(np.nan_to_num(stock, nan=np.inf))
    short = first >= 0
    shape = np.broadcast_shapes(first.shape, have.shape, point.shape, soon.shape, reach.shape)
    out = np.full(shape, "none", dtype=object)
    out[np.broadcast_to(have - soon <= point, shape)] = "low"
    out[np.broadcast_to(have <= point, shape)] = "medium"
    out[np.broadcast_to(short & (first < reach), shape)] = "high"
    out[np.broadcast_to(short & (first < np.ceil(lead)), shape)] = "critical"
    within = np.arange(stock.shape[-1]) < reach[..., None]
    unknown = np.isnan(np.where(within, stock, 0.0)).any(axis=-1) | np.isnan(have) | np.isnan(point) | np.isnan(soon)
    out[np.broadcast_to(unknown, shape)] = None
    return out


def days_of_cover(stock: ArrayLike, mean: ArrayLike) -> F:
    """(n,) days that ``stock`` lasts against (n, H) daily means, fractions by the day's own demand.

    Beyond the forecast the mean of all its days goes on. NaN where no demand is expected, 0 for no stock.
    """
    demand = np.asarray(mean, np.float64)
    have = np.maximum(np.asarray(stock, np.float64), 0.0)
    running = np.cumsum(demand, axis=-1)
    horizon = demand.shape[-1]
    whole = (running <= have[..., None]).sum(axis=-1)
    at = np.minimum(whole, horizon - 1)
    before = np.where(at > 0, np.take_along_axis(running, np.maximum(at - 1, 0)[..., None], -1)[..., 0], 0.0)
    today = np.take_along_axis(demand, at[..., None], -1)[..., 0]
    inside = at + np.divide(have - before, today, out=np.zeros_like(before), where=today > 0)
    pace = running[..., -1] / horizon
    beyond = np.divide(have, pace, out=np.full_like(pace, np.nan), where=pace > 0)
    return np.asarray(np.where(pace > 0, np.where(whole < horizon, inside, beyond), np.nan))


def margin_at_risk(
    expected_shortage: Callable[..., ArrayLike],
    stock: ArrayLike,
    days: ArrayLike,
    price: ArrayLike,
    cost: ArrayLike,
) -> F:
    """(n,) expected lost units within ``days`` (lead time + review) beyond ``stock``, times price - cost, not below 0.

    ``expected_shortage(x, days)`` is the loss function of the demand; ``stock`` is what can be sold until then:
    available plus receipts due. NaN where price or cost is.
    """
    lost = np.asarray(expected_shortage(np.maximum(np.asarray(stock, np.float64), 0.0), days), np.float64)
    return np.asarray(lost * np.maximum(np.asarray(price, np.float64) - np.asarray(cost, np.float64), 0.0))
