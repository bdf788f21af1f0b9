"""When to order and up to what: reorder points and order-up-to levels, for many products at once."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

F = NDArray[np.float64]
LARGEST = 2**53
Bracket = tuple[ArrayLike, ArrayLike]


def reorder_point_mixture(
    cdf: Callable[..., ArrayLike],
    lead_times: ArrayLike,
    probabilities: ArrayLike,
    service_level: ArrayLike,
    bracket: Bracket = (0.0, 0.0),
) -> NDArray[np.int64]:
    """Smallest whole s with P(demand over the lead time <= s) >= ``service_level``, the lead time mixed exactly.

    cdf(x, days): probability that demand of ``days`` days is at most ``x``; both (n,) or scalars, answers alike.
    lead_times, probabilities: (m,) for all products, or (n, m); days to cover (add the review period where stock is
    reviewed periodically) and their probabilities, which sum to 1. service_level: scalar or (n,). Returns a scalar
    array, or (n,). bracket: where to look first, lowest and highest, scalars or (n,): a mixture's quantile lies between
    the smallest and the largest of its parts'. It spares calls of ``cdf`` and never changes the answer.
    Axsaeter, Inventory Control (3rd ed., 2015), section 5.6: demand over a stochastic lead time.

    Raises ``ValueError`` where an argument is impossible or no whole number below 2**53 suffices.
    """
    times, weights = np.asarray(lead_times, np.float64), np.asarray(probabilities, np.float64)
    if times.shape[-1:] != weights.shape[-1:] or times.ndim < 1:
        raise ValueError(f"probabilities: shape {weights.shape} for lead_times of shape {times.shape}")
    if np.any(weights < 0) or np.any(np.abs(weights.sum(axis=-1) - 1.0) > 1e-6):
        raise ValueError("probabilities: negative, or not summing to 1")
    target = _service_level(service_level)

    def reached(x: F) -> NDArray[np.bool_]:
        total: F = np.zeros(x.shape)
        for j in range(times.shape[-1]):
            total = total + weights[..., j] * np.asarray(cdf(x, times[..., j]), np.float64)
        # Mixing rounds: a level met to the last bit counts as met.
        return np.asarray(total >= target - 1e-12)

    shape = np.broadcast_shapes(times.shape[:-1], weights.shape[:-1], target.shape)
    shape = np.broadcast_shapes(shape, np.shape(cdf(np.zeros(shape), times[..., 0])))
    return _smallest(reached, shape, bracket)


def order_up_to_level(
    cdf: Callable[..., ArrayLike],
    reorder_point: ArrayLike,
    cover_days: ArrayLike,
    service_level: ArrayLike,
    bracket: Bracket = (0.0, 0.0),
) -> NDArray[np.int64]:
    """S: smallest whole x with P(demand over ``cover_days`` <= x) >= ``service_level``, at least one above s.

    Arguments are scalars or (n,); ``bracket`` as for the reorder point. Silver, Pyke, Thomas,
    Inventory and Production Management in Supply Chains (4th ed., 2017), section 7.9: the periodic order-up-to policy,
    with the days to cover in place of R + L.
    """
    s = np.asarray(reorder_point, np.float64)
    days = np.asarray(cover_days, np.float64)
    target = _service_level(service_level)
    shape = np.broadcast_shapes(s.shape, days.shape, target.shape)
    shape = np.broadcast_shapes(shape, np.shape(cdf(np.zeros(shape), days)))
    level = _smallest(lambda x: np.asarray(cdf(x, days), np.float64) >= target - 1e-12, shape, bracket)
    return np.asarray(np.maximum(s + 1, level), np.int64)


def cover_days(
    default: ArrayLike, lead_time: ArrayLike, review_period: ArrayLike, eoq: ArrayLike, mean_daily: ArrayLike
) -> NDArray[np.int64]:
    """Days that one order covers: the default, never below lead time + review, nor below EOQ / mean demand.

    ``eoq`` 0 means that ordering costs nothing. Whole days, rounded up; scalars or (n,).
    """
    mean = np.asarray(mean_daily, np.float64)
    quantity = np.asarray(eoq, np.float64)
    economic = np.divide(quantity, mean, out=np.zeros(np.broadcast_shapes(mean.shape, quantity.shape)), where=mean > 0)
    least = np.asarray(lead_time, np.float64) + np.asarray(review_period, np.float64)
    days = np.maximum(np.maximum(np.asarray(default, np.float64), least), economic)
    return np.asarray(np.ceil(days), np.int64)


def reorder_point_normal(
    mean: ArrayLike, sd: ArrayLike, lead_time: ArrayLike, lead_time_sd: ArrayLike, service_level: ArrayLike
) -> tuple[F, F]:
    """Reorder point s and safety stock for normal demand and a lead time with its own spread.

    m = mean L, sd_L^2 = L sd^2 + mean^2 sd_lead_time^2, s = m + z sd_L: Axsaeter (2015), equations 5.42 and 5.43.
    A reference and a fallback: with few lead times far apart it covers less than it says.
    """
    mu, sigma, time, wobble = (np.asarray(a, np.float64) for a in (mean, sd, lead_time, lead_time_sd))
    spread = np.sqrt(time * sigma**2 + mu**2 * wobble**2)
    safety = normal_quantile(service_level) * spread
    return np.asarray(mu * time + safety), np.asarray(safety)


def normal_quantile(level: ArrayLike) -> F:
    """Standard normal quantile of each level between 0 and 1."""
    levels = _service_level(level)
    distinct, inverse = np.unique(levels, return_inverse=True)
    normal = NormalDist()
    return np.array([normal.inv_cdf(float(p)) for p in distinct])[inverse].reshape(levels.shape)


def _service_level(service_level: ArrayLike) -> F:
    target = np.asarray(service_level, np.float64)
    if not np.all((target > 0.0) & (target < 1.0)):
        raise ValueError("service_level: not between 0 and 1")
    return target


def _smallest(reached: Callable[[F], NDArray[np.bool_]], shape: tuple[int, ...], bracket: Bracket) -> NDArray[np.int64]:
    """Smallest whole x >= 0 for which ``reached`` (rising in x) holds: from the bracket outwards, then bisection."""
    low, high = _start(shape, bracket)
    enough = reached(high)
    short = ~enough | (low < 0)  # where ``low`` is known not to suffice
    while not enough.all():
        if np.any(~enough & (high >= LARGEST - 1)):
            raise ValueError("cdf: does not reach the service level at any whole number below 2**53")
        low = np.where(enough, low, high)
        high = np.where(enough, high, np.minimum(2.0 * high + 1.0, LARGEST - 1))
        enough = enough | reached(high)
    step = 1.0
    while not short.all():
        too_high = ~short & reached(np.maximum(low, 0.0))
        high = np.where(too_high, low, high)
        low = np.where(too_high, np.maximum(low - step, -1.0), low)
        short = ~too_high | (low < 0)
        step *= 2.0
    while np.any(high - low > 1):
        middle = np.floor((low + high) / 2.0)
        suffices = reached(np.maximum(middle, 0.0)) & (middle >= 0)
        high, low = np.where(suffices, middle, high), np.where(suffices, low, middle)
    return np.asarray(high, np.int64)


def _start(shape: tuple[int, ...], bracket: Bracket) -> tuple[F, F]:
    """Whole numbers to start at: just below the bracket, and its upper end."""
    lowest, highest = (np.broadcast_to(np.asarray(end, np.float64), shape) for end in bracket)
    if np.isnan(lowest).any() or np.isnan(highest).any():
        raise ValueError("bracket: not numbers")
    # A quantile that rounding put a hair above a whole number is that number.
    high = np.clip(np.ceil(highest - 1e-9), 0.0, LARGEST - 1)
    return np.minimum(np.clip(np.ceil(lowest - 1e-9), 0.0, LARGEST - 1), high) - 1.0, high
