"""What planners change of a forecast, and what makes two runs the same run: pure."""

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.planning.demand import LEVELS, Panel
from shelfwise.sales.forecasting.rules import ForecastArrays, InputDigest, Inputs, moved, stock_level

DAYS = 12
START = date(2026, 1, 1)
#: Of five days past and three to come.
FLAGS = np.arange(8) % 3 == 0


@st.composite
def forecasts(draw):
    """A forecast whose totals rise with days and level, in whole units or not."""
    mean = np.array(draw(st.lists(st.floats(0, 50), min_size=DAYS, max_size=DAYS)))
    spread = np.sort(np.array(draw(st.lists(st.floats(0, 3), min_size=len(LEVELS), max_size=len(LEVELS)))))
    total_mean = np.cumsum(mean)
    total, daily = total_mean[:, None] * spread, mean[:, None] * spread
    if draw(st.booleans()):
        total, daily = np.rint(total), np.rint(daily)
    nothing = np.zeros((DAYS, len(LEVELS)))
    return ForecastArrays(mean, total_mean, daily, total, nothing, mean, mean, {"level": mean})


factors = st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.2, 7.0]), min_size=DAYS, max_size=DAYS).map(np.array)
units = st.lists(st.sampled_from([np.nan, 0.0, 2.5, 300.0]), min_size=DAYS, max_size=DAYS).map(np.array)
NO_FACTORS, NO_UNITS = np.ones(DAYS), np.full(DAYS, np.nan)


@given(forecasts(), factors, units)
def test_what_is_moved_is_never_negative_never_falls_adds_up_and_stays_whole(before, factors, units):
    after = moved(before, factors, units, "override")
    expected = np.where(np.isnan(units), before.mean * factors, units)
    np.testing.assert_allclose(after.mean, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(after.total_mean, np.cumsum(expected), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(sum(after.terms.values()), expected, rtol=1e-9, atol=1e-9)
    assert (after.total >= 0).all()
    assert (after.daily >= 0).all()
    assert (np.diff(after.total, axis=0) >= 0).all()
    assert (np.diff(after.total, axis=1) >= -1e-9).all()
    if np.array_equal(before.total, np.rint(before.total)):
        assert np.array_equal(after.total, np.rint(after.total))
    assert stock_level(after, 0.95, DAYS) >= 0


@given(forecasts())
def test_what_nobody_changes_stays_to_the_last_bit(before):
    after = moved(before, NO_FACTORS, NO_UNITS, "override")
    for name in ("mean", "total_mean", "daily", "total"):
        assert np.array_equal(getattr(after, name), getattr(before, name)), name


def panel(ids="ab", units=1.0, **more):
    return Panel(ids=list(ids), start=START, values=np.full((len(ids), 5), units), **more)


def digest(*portions):
    found = InputDigest(3, START)
    for inputs in portions:
        found.add(inputs)
    return found.result()


def test_every_input_of_a_run_tells_it_apart_from_others_and_portions_do_not():
    past, ahead = np.ones((2, 5), dtype=np.float32), np.ones((2, 3), dtype=np.float32)
    given = [
        Inputs(panel(), 3),
        Inputs(panel(units=2.0), 3),
        Inputs(panel("ac"), 3),
        Inputs(panel(price=past), 3),
        Inputs(panel(promo=past), 3),
        Inputs(panel(in_stock=past), 3),
        Inputs(panel(price=past), 3, future_price=ahead),
        Inputs(panel(promo=past), 3, future_promo=ahead),
        Inputs(panel(), 3, events={"fair": FLAGS}),
        Inputs(panel(), 3, events={"feast": FLAGS}),
        Inputs(panel(), 3, events={"fair": ~FLAGS}),
        Inputs(panel(open=FLAGS[:5]), 3, closed=~FLAGS[5:]),
        Inputs(panel(open=FLAGS[:5]), 3, closed=FLAGS[5:]),
    ]
    assert len({digest(inputs) for inputs in given}) == len(given)
    assert digest(Inputs(panel("a"), 3), Inputs(panel("b"), 3)) == digest(given[0])


def test_a_portion_of_which_no_promotion_is_known_is_one_without_promotions():
    nothing, some = np.zeros((1, 5)), np.array([[0, 0, 1, 0, 0]])
    ahead = np.zeros((1, 3), dtype=np.float32)
    together = Inputs(panel(promo=np.concatenate([nothing, some])), 3, future_promo=np.zeros((2, 3), dtype=np.float32))
    apart = [Inputs(panel("a"), 3), Inputs(panel("b", promo=some), 3, future_promo=ahead)]
    assert digest(*apart) == digest(together)
