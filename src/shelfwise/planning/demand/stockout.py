"""Stock-outs as censored observations: how much a day on which the shelf was empty for a time says about demand.

Demand of a day is gamma-Poisson: its rate varies from day to day with mean ``m`` and variance ``c m^2``, and units
are asked for evenly over the selling day. A day with stock for a share ``s`` of it, on which ``y`` units were sold,
was observed until then and is censored after. Whether the shelf emptied because of the demand does not matter to the
likelihood (optional stopping): its score for ``log m`` is ``(y - m s) / (1 + c m s)``, while that of a whole day is
``(y - m) / (1 + c m)``. So the day counts as sales ``v y`` on an exposure of ``v s`` days with

    v = (1 + c m) / (1 + c m s),

the fixed point of expectation-maximisation, which fills in what the gamma posterior expects of the rest of the day,
``(1 - s) m (1 + c y) / (1 + c m s)``. With ``c = 0`` (Poisson) v is 1: rates are sums of sales over sums of in-stock
time. With a large ``c`` v is 1 / s: a day is scaled up by itself. The information in the day, in whole days, is v s.

The dispersion ``c`` is found by moments: Bartlett's identity for the score gives the squared errors ``(y - m s)^2``,
each weighted by ``v^2``, the expectation ``m s (1 + c y)``.

Sources: Gelman and others (2013), Bayesian Data Analysis, section 2.6 (gamma-Poisson); Dempster, Laird and Rubin
(1977), J. Royal Statistical Society B 39, 1-38 (expectation-maximisation); Bartlett (1953), Biometrika 40, 12-19.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F = NDArray[np.float64]
RATE_HALF_LIFE_DAYS = 70.0
DISPERSION, DISPERSION_PRIOR_DAYS = 1.0, 10.0  # squared variation of a day's rate before a product shows its own
MAX_DISPERSION = 50.0
SQUARE_CAP = 100.0  # one bulk order is worth ten standard deviations, whatever its size
SERVED_PRIOR_DAYS = 5.0
MIN_SERVED = 0.25


def uncensor(sales: F, offered: F, share: F) -> tuple[F, F, F]:
    """Sales and exposure in which a day counts by what it says about the demand of whole days, and days to judge by.

    All (weeks, 7, n). The third is ``offered`` without the days that may not judge a forecast, since nobody knows on
    which of them the shelf was empty: those before stock was known, of a product that has been out of stock since.

    sales, offered: (weeks, 7, n) units sold, and the exposure had the shelf never been empty. share: (weeks, 7, n)
    of the selling day with stock, NaN unknown. A day without stock and without a sale has exposure 0; a sale on a day
    reported empty shows that the report is wrong, and the day counts in full. Unknown days since the first known one
    count in full; those before it as the share of demand that the product served since.

    The rate and dispersion that weigh a week's days come from the weeks before it, so nothing leaks backwards, and
    every step is elementwise over products.
    """
    stocked = np.where(np.isnan(share) | ((share == 0.0) & (sales > 0.0)), 1.0, share) * offered
    short = np.flatnonzero((stocked < offered).any(axis=(0, 1)))
    if len(short) == 0:
        return sales, offered, offered
    unknown = np.isnan(share)
    if len(short) == sales.shape[2]:
        return _uncensor_short(sales, offered, stocked, unknown)
    out = sales.copy(), offered.copy(), offered.copy()
    found = _uncensor_short(sales[..., short], offered[..., short], stocked[..., short], unknown[..., short])
    for whole, part in zip(out, found, strict=True):
        whole[..., short] = part
    return out


def _uncensor_short(sales: F, offered: F, stocked: F, unknown: NDArray[np.bool_]) -> tuple[F, F, F]:
    weight, exposure = np.empty_like(sales), np.empty_like(sales)
    state = _State(sales.shape[2])
    for week in range(len(sales)):
        weight[week] = state.weights(stocked[week])
        exposure[week] = weight[week] * stocked[week]
        state.learn(weight[week], sales[week] * weight[week], exposure[week])
    weighted = sales * weight
    before = np.logical_and.accumulate(unknown.reshape(-1, sales.shape[2]), axis=0).reshape(sales.shape)
    before &= offered > 0.0
    if not before.any():
        return weighted, exposure, offered
    served = _served(sales, offered, weighted, exposure, before)
    exposure *= np.where(before, served, 1.0)
    return weighted, exposure, np.where(before, 0.0, offered)


def recovered_share(sold: F, offered: F, sales: F, exposure: F) -> F:
    """(n,) share of a product's rate that days out of stock had hidden, for an explanation: 0 to below 1.

    From decayed sums of units ``sold`` and days ``offered`` against those that ``uncensor`` made of them, all
    (weeks, 7, n). Exactly 0 where no day was out of stock.
    """
    if sales is sold:
        return np.zeros(sold.shape[2])
    days = sold.shape[0] * sold.shape[1]
    decay = (0.5 ** (np.arange(days)[::-1] / RATE_HALF_LIFE_DAYS)).reshape(*sold.shape[:2], 1)

    def total(array: F) -> F:
        return _sum((array * decay).reshape(days, -1))

    plain, whole = total(sold) * total(exposure), total(sales) * total(offered)
    return np.asarray(1.0 - np.divide(plain, whole, out=np.ones_like(plain), where=whole > 0.0))


class _State:
    """A product's rate (a decayed ratio of sums) and its days' dispersion (by moments), up to a week's end."""

    def __init__(self, count: int) -> None:
        self._carry = 0.5 ** (7.0 / RATE_HALF_LIFE_DAYS)
        self._sums = np.zeros((2, count))  # units and days, decayed
        self._moments = np.zeros((2, count))  # squared errors beyond a Poisson's, and what c multiplies in them
        self._days = np.empty((7, 4, count))  # one array for all that is summed: calls cost more than numbers
        self._rate, self._scaled = np.zeros(count), np.zeros(count)

    def weights(self, stocked: F) -> F:
        return np.asarray((1.0 + self._scaled) / (1.0 + self._scaled * stocked))

    def learn(self, weight: F, sold: F, exposed: F) -> None:
        """Take in a week's weights, weighted sales and exposure (7, n)."""
        mean, days = self._rate, self._days
        expected = mean * exposed  # v m s
        error = sold - expected
        square = np.minimum(error * error, SQUARE_CAP * (mean * (1.0 + self._scaled)))
        np.subtract(square, weight * expected, out=days[:, 0])
        np.multiply(expected, sold, out=days[:, 1])
        days[:, 2], days[:, 3] = sold, exposed
        week = _sum(days)
        self._moments += week[:2]
        self._sums *= self._carry
        self._sums += week[2:]
        self._rate = self._sums[0] / np.maximum(self._sums[1], 1e-300)
        prior = DISPERSION_PRIOR_DAYS * np.maximum(self._rate * self._rate, 1e-9)
        own = (self._moments[0] + DISPERSION * prior) / (self._moments[1] + prior)
        self._scaled = np.minimum(np.maximum(own, 0.0), MAX_DISPERSION) * self._rate


def _served(sales: F, offered: F, weighted: F, exposure: F, before: NDArray[np.bool_]) -> F:
    """(n,) share of demand sold since shares are known, between ``MIN_SERVED`` and 1; 1 where they never are."""
    since = ~before

    def total(array: F) -> F:
        return _sum((array * since).reshape(-1, array.shape[2]))

    seen = total(exposure)
    rate = np.divide(total(weighted), seen, out=np.zeros_like(seen), where=seen > 0.0)
    wanted = rate * total(offered)
    prior = rate * SERVED_PRIOR_DAYS
    share = np.divide(total(sales) + prior, wanted + prior, out=np.ones_like(seen), where=rate > 0.0)
    return np.clip(share, MIN_SERVED, 1.0)


def _sum(array: F) -> F:
    # Row by row: a product alone gets the same last bits as in a batch, and it is faster than a cumulative sum.
    total: F = array[0].copy()
    for row in array[1:]:
        total += row
    return total
