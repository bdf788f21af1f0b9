"""Shares of days in stock: packed, joined and cut."""

from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.sales.stock_history.rules import Shares, asked_from

DAY = date(2026, 1, 1)
shares = st.lists(st.none() | st.integers(0, 10_000).map(lambda whole: whole / 10_000), max_size=60).map(
    lambda values: np.array([np.nan if value is None else value for value in values], dtype=np.float32)
)


@given(shares)
def test_what_is_packed_comes_back(values):
    np.testing.assert_array_equal(Shares.unpack(DAY, Shares(DAY, values).pack()).values, values)


@given(shares, shares, st.integers(-70, 70))
def test_the_newer_word_counts_and_the_older_fills_up_what_lies_before_it(old, new, later):
    start = DAY + timedelta(days=later)
    joined = Shares(DAY, old).followed_by(Shares(start, new))
    first, last = min(DAY, start), start + timedelta(days=len(new))
    for offset in range((last - first).days):
        day = first + timedelta(days=offset)
        told = joined.between(day, day + timedelta(days=1))[0]
        if day >= start:
            expected = new[(day - start).days]
        else:
            expected = old[(day - DAY).days] if 0 <= (day - DAY).days < len(old) else np.nan
        np.testing.assert_equal(told, expected)


def test_only_the_last_weeks_are_asked_for_again():
    end = DAY + timedelta(days=400)
    assert asked_from(None, DAY, end) == DAY
    assert asked_from(end, DAY, end + timedelta(days=1)) == end - timedelta(days=28)
    assert asked_from(DAY + timedelta(days=3), DAY, end) == DAY
    assert asked_from(end + timedelta(days=90), DAY, end) == end - timedelta(days=28)
