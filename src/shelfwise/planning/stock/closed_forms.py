"""Closed forms of the textbooks: references, and fallbacks where no distribution of totals is at hand."""

from __future__ import annotations

from math import erfc, exp, lgamma, log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.planning.stock.reorder import normal_quantile

F = NDArray[np.float64]
_erfc = np.frompyfunc(erfc, 1, 1)


def normal_cdf(z: ArrayLike) -> F:
    """Standard normal distribution function."""
    return np.asarray(0.5 * np.asarray(_erfc(-np.asarray(z, np.float64) / sqrt(2.0)), np.float64))


def normal_loss(z: ArrayLike) -> F:
    """G(z) = phi(z) - z (1 - Phi(z)): expected excess of a standard normal over z. Axsaeter (2015), equation 5.29."""
    at = np.asarray(z, np.float64)
    density = np.exp(-0.5 * at * at) / sqrt(2.0 * np.pi)
    return np.asarray(np.maximum(density - at * normal_cdf(-at), 0.0))


def newsvendor_normal(
    holding_cost: ArrayLike, stockout_cost: ArrayLike, demand_mean: ArrayLike, demand_sd: ArrayLike
) -> tuple[F, F]:
    """Base stock with F(S) = p / (p + h), and its expected cost, for normal demand.

    Snyder and Shen, Fundamentals of Supply Chain Theory (2nd ed., 2019), equations 4.24 and 4.30.
    """
    h, p, mean, sd = _positive(holding_cost, stockout_cost, demand_mean, demand_sd)
    z = normal_quantile(p / (p + h))
    density = np.exp(-0.5 * z * z) / sqrt(2.0 * np.pi)
    return np.asarray(mean + z * sd), np.asarray((h + p) * sd * density)


def newsvendor_poisson(holding_cost: float, stockout_cost: float, demand_mean: float) -> tuple[int, float]:
    """Smallest S with F(S) >= p / (p + h), and its expected cost, for Poisson demand (Snyder, Shen 2019, 4.3.2)."""
    h, p, mean = (float(a) for a in _positive(holding_cost, stockout_cost, demand_mean))
    target, stock = min(p / (p + h), 1.0 - 1e-12), 0  # beyond, a sum of probabilities cannot tell
    below = exp(-mean)
    excess = mean  # expected demand above the stock
    while below < target:
        excess -= 1.0 - below
        stock += 1
        below += exp(stock * log(mean) - mean - lgamma(stock + 1.0))
    return stock, h * (stock - mean) + (h + p) * excess


def economic_order_quantity(fixed_cost: ArrayLike, holding_cost: ArrayLike, demand_rate: ArrayLike) -> tuple[F, F]:
    """Q = sqrt(2 K lambda / h) and its cost sqrt(2 K lambda h) per time. Harris (1913); Snyder and Shen (2019), 3.3."""
    K, h, rate = _positive(fixed_cost, holding_cost, demand_rate)
    return np.asarray(np.sqrt(2.0 * K * rate / h)), np.asarray(np.sqrt(2.0 * K * rate * h))


def performance_r_q(mean: ArrayLike, sd: ArrayLike, lead_time: ArrayLike, r: ArrayLike, Q: ArrayLike) -> tuple[F, F, F]:
    """Cycle service, expected shortage per cycle and fill rate of an (r, Q) policy under normal demand.

    beta = 1 - (sd_L / Q) [G(k) - G((r + Q - m) / sd_L)], k = (r - m) / sd_L. Axsaeter (2015), equations 5.50 to 5.53.
    """
    mu, sigma, time, point, size = _positive(mean, sd, lead_time, r, Q)
    during, spread = mu * time, sigma * np.sqrt(time)
    k = (point - during) / spread
    short = spread * (normal_loss(k) - normal_loss((point + size - during) / spread))
    return normal_cdf(k), np.asarray(short), np.asarray(1.0 - short / size)


def order_up_to_level_normal(
    mean: ArrayLike, sd: ArrayLike, lead_time: ArrayLike, review_period: ArrayLike, service_level: ArrayLike
) -> tuple[F, F]:
    """Order-up-to level S of a periodic review for a cycle service level, and its fill rate, under normal demand.

    S = mu (R + L) + z sd_{R+L}; beta = 1 - [sd_{R+L} G((S - mu (R + L)) / sd_{R+L}) - sd_L G((S - mu L) / sd_L)] /
    (mu R). Silver, Pyke, Thomas (4th ed., 2017), section 6.9.
    """
    mu, sigma, lead, review = _positive(mean, sd, lead_time, review_period)
    long, short = sigma * np.sqrt(lead + review), sigma * np.sqrt(lead)
    level = mu * (lead + review) + normal_quantile(service_level) * long
    missing = long * normal_loss((level - mu * (lead + review)) / long) - short * normal_loss(
        (level - mu * lead) / short
    )
    return np.asarray(level), np.asarray(1.0 - missing / (mu * review))


def _positive(*arguments: ArrayLike) -> list[F]:
    arrays = [np.asarray(a, np.float64) for a in arguments]
    for array in arrays:
        if not np.all(np.isfinite(array) & (array > 0)):
            raise ValueError("every argument must be finite and above 0")
    return arrays
