"""The textbooks' closed forms reproduce their published examples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shelfwise.planning.stock import (
    economic_order_quantity,
    newsvendor_normal,
    newsvendor_poisson,
    normal_cdf,
    normal_loss,
    order_up_to_level_normal,
    performance_r_q,
)


def test_the_published_newsvendor_examples():
    assert newsvendor_normal(0.18, 0.70, 50, 8) == pytest.approx((56.60395592743389, 1.9976051931766445))
    assert newsvendor_poisson(0.18, 0.70, 50) == (56, pytest.approx(1.797235211809178))


def test_the_published_economic_order_quantity():
    assert economic_order_quantity(8, 0.225, 1300) == pytest.approx((304.0467800264368, 68.41052550594829))


def test_the_published_performance_of_an_r_q_policy():
    alpha, short, beta = performance_r_q(2500, 500, 2, 6000, 10000)
    assert alpha == pytest.approx(0.92135, abs=5e-6)
    assert short == pytest.approx(25.127, abs=5e-4)
    assert beta == pytest.approx(0.997487, abs=5e-7)


def test_the_published_order_up_to_level():
    level, beta = order_up_to_level_normal(2500, 500, 2, 4, 0.9)
    assert level == pytest.approx(16569.57, abs=5e-3)
    assert beta == pytest.approx(0.994202, abs=5e-7)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 5), st.floats(0.05, 5), st.floats(0.1, 300))
def test_no_other_stock_costs_less_than_the_poisson_newsvendors(holding, stockout, mean):
    stock, cost = newsvendor_poisson(holding, stockout, mean)
    demand = np.arange(0, 2000)
    chance = stats.poisson.pmf(demand, mean)

    def expected(level):
        return float((chance * np.where(demand < level, holding * (level - demand), stockout * (demand - level))).sum())

    assert cost == pytest.approx(expected(stock), rel=1e-6, abs=1e-6)
    assert expected(stock) <= expected(stock + 1) + 1e-9
    assert stock == 0 or expected(stock) <= expected(stock - 1) + 1e-9


@given(st.floats(-6, 6))
def test_the_normal_functions_agree_with_scipy(z):
    assert normal_cdf(z) == pytest.approx(stats.norm.cdf(z), rel=1e-12)
    assert normal_loss(z) == pytest.approx(stats.norm.pdf(z) - z * stats.norm.sf(z), abs=1e-12)


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        economic_order_quantity(8, 0, 1300)
    with pytest.raises(ValueError, match="above 0"):
        newsvendor_poisson(1, 1, np.inf)
