"""What promotions mean for products and days, and which rows of a file are promotions."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.sales.promotions.rules import NEEDED, OPTIONAL, Promotion, Terms, planned, read_terms
from shelfwise.sales.rows import TableError, read_table

START = date(2026, 3, 1)
PRODUCTS = [("P1", "tea"), ("P2", "tea"), ("P3", None)]
DAYS = 20


def promotion(product=None, category=None, first=0, last=0, strength=1.0, price=None):
    days = (START + timedelta(days=first), START + timedelta(days=last))
    terms = Terms("x", product, category, *days, strength, None if price is None else Decimal(price))
    return Promotion(terms.promotion_id, terms, datetime(2026, 1, 1, tzinfo=UTC))


def test_where_promotions_meet_the_strongest_and_the_lowest_price_count():
    found = planned(
        [
            promotion("P1", first=1, last=3, strength=0.5, price=2),
            promotion(category="tea", first=3, last=4, strength=0.8, price=3),
            promotion(first=4, last=5, strength=0.1),
        ],
        PRODUCTS,
        START,
        7,
    )
    assert found is not None
    np.testing.assert_allclose(
        found.strength,
        [[0, 0.5, 0.5, 0.8, 0.8, 0.1, 0], [0, 0, 0, 0.8, 0.8, 0.1, 0], [0, 0, 0, 0, 0.1, 0.1, 0]],
        rtol=1e-6,
    )
    np.testing.assert_array_equal(found.price[0], [np.nan, 2, 2, 2, 3, np.nan, np.nan])
    assert np.isnan(found.price[2]).all()


def test_promotions_of_other_products_or_days_are_none():
    others = [promotion("P9"), promotion(category="mugs"), promotion(first=-3, last=-1), promotion(first=7, last=9)]
    assert planned(others, PRODUCTS, START, 7) is None


drawn = st.builds(
    promotion,
    product=st.sampled_from(["P1", "P3", "P9"]),
    first=st.integers(-30, 30),
    last=st.integers(31, 60),
    strength=st.floats(0, 1),
)


@given(st.lists(drawn, max_size=6))
def test_a_product_alone_gets_what_it_gets_among_all(promotions):
    together = planned(promotions, PRODUCTS, START, DAYS)
    for at, product in enumerate(PRODUCTS):
        alone = planned(promotions, [product], START, DAYS)
        expected = np.zeros(DAYS) if together is None else together.strength[at]
        np.testing.assert_array_equal(np.zeros(DAYS) if alone is None else alone.strength[0], expected)


def test_the_same_terms_have_the_same_id_and_others_have_another():
    ids = [promotion("P1"), promotion("P1"), promotion(category="P1"), promotion("P1", strength=0.5), promotion()]
    assert [each.promotion_id == ids[0].promotion_id for each in ids] == [True, True, False, False, False]


def read(text):
    return read_table(text.encode(), NEEDED, OPTIONAL, read_terms)


def test_good_rows_are_read_and_each_bad_one_says_which_column_and_why():
    good, bad = read(
        "name,first_day,last_day,product,category,strength,price\r\n"
        "spring,2026-03-01,2026-03-07,P1,,0.5,1.99\r\n"
        '"all, of it",2026-03-01,2026-03-07\r\n'
        "\r\n"
        "x,soon,2026-03-07\r\n"
        "x,2026-03-02,2026-03-01\r\n"
        "x,2026-03-01,2026-03-01,P1,tea\r\n"
        "x,2026-03-01,2026-03-01,,,2\r\n"
        "x,2026-03-01,2026-03-01,,,,-1\r\n"
        "x,2026-03-01,2026-03-01,,,,abc\r\n"
        ",2026-03-01,2026-03-01\r\n"
        "x,2026-03-01,2028-03-01\r\n"
        "x,2026-03-01,2026-03-01,,,,,,9\r\n"
    )
    assert [(line, terms.product_id, terms.strength, terms.price) for line, terms in good] == [
        (2, "P1", 0.5, Decimal("1.9900")),
        (3, None, 1.0, None),
    ]
    assert [row.line for row in bad] == [5, 6, 7, 8, 9, 10, 11, 12, 13]
    starts = ["first_day", "last_day", "category", "strength", "price", "price", "name", "last_day", "has 9 values"]
    assert all(row.reason.startswith(start) for row, start in zip(bad, starts, strict=True)), bad


@pytest.mark.parametrize("text", ["", "name,first_day\n", "name,first_day,last_day,colour\n", "a,a\n", "\xff,name\n"])
def test_a_file_that_does_not_name_its_columns_is_refused_as_a_whole(text):
    with pytest.raises(TableError, match="first line must name the columns"):
        read(text)
