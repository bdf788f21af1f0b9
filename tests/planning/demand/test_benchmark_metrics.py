"""The metrics by which forecasts are judged, against sums written out one by one."""

import math

import numpy as np
import pytest

from benchmarks.forecasting.metrics import LEVELS, coverage, figures, losses, ratio_interval

NAN = float("nan")
HISTORY = np.array([[NAN, 0, 2, 5, 1, 3], [1, 1, 2, 1, 1, 2], [0, 0, 0, 0, 0, 0]], dtype=float)
ACTUAL = np.array([[1, 2, 0], [3, 0, 1], [0, 1, 0]], dtype=float)
MEAN = np.array([[2, 2, 2], [1, 1, 1], [0.1, 0.1, 0.1]])
TOTALS = {2: np.array([[2, 3, 4, 5, 6], [2, 3, 3, 4, 4], [0, 0, 0, 1, 1]], dtype=float)}
CLASSES = np.array(["smooth", "smooth", "no_sales"])


def pinball(actual: float, quantile: float, level: float) -> float:
    return level * (actual - quantile) if actual >= quantile else (1 - level) * (quantile - actual)


def test_losses_are_the_written_out_sums_and_a_series_without_a_scale_has_none():
    found = losses(HISTORY, ACTUAL, MEAN, TOTALS, CLASSES)
    # From its first sale on, the first series steps by 3, -4 and 2.
    scale, square = (3 + 4 + 2) / 3, (9 + 16 + 4) / 3
    expected = sum(pinball(3, q, t) for q, t in zip(TOTALS[2][0], LEVELS, strict=True)) / 5 / scale / math.sqrt(2)
    assert found.pinball[2][0] == pytest.approx(expected)
    assert found.rmsse[0] == pytest.approx(math.sqrt((1 + 0 + 4) / 3 / square))
    assert np.isnan(found.rmsse[2])
    assert np.isnan(found.pinball[2][2])
    assert found.floored[2][0] == pytest.approx(expected)
    figured = figures(found, np.array([3.0, 1.0, 9.0]))
    assert figured["wRMSSE"] == pytest.approx((3 * found.rmsse[0] + found.rmsse[1]) / 4)
    assert figured["bias"] == pytest.approx((9.3 - 8) / 8)


def test_a_level_of_counts_lies_between_the_share_below_and_the_share_within():
    shares = coverage(ACTUAL, TOTALS)
    assert shares["2@0.5"] == (pytest.approx(0.0), pytest.approx(0.0))
    assert shares["2@0.8"] == (pytest.approx(0.0), pytest.approx(2 / 3))
    assert shares["2@0.98"] == (pytest.approx(2 / 3), pytest.approx(1.0))


def test_the_interval_of_a_ratio_holds_the_ratio_and_leaves_out_what_is_not_known():
    random = np.random.default_rng(1)
    theirs = random.gamma(2.0, 1.0, 400)
    ours = theirs * random.normal(0.9, 0.05, 400)
    ours[3] = np.nan
    ratio, low, high = ratio_interval(ours, theirs)
    assert low < ratio < high < 1.0
    assert ratio == pytest.approx(np.nansum(ours) / theirs[~np.isnan(ours)].sum())
