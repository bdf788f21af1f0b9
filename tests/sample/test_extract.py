import csv
import io
import re
from collections import Counter, defaultdict
from datetime import date, timedelta
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shelfwise.sample.extract import LAST_DAY, read_lines, read_products, shift_lines, shift_weeks, shifted_lines
from shelfwise.sample.suppliers import SUPPLIERS

DAYS = st.dates(date(2000, 1, 1), date(2100, 12, 31))
DATA = files("shelfwise.sample") / "data"


@pytest.fixture(scope="module")
def lines():
    return read_lines()


@given(DAYS, DAYS)
@example(LAST_DAY, LAST_DAY + timedelta(days=1))
@example(LAST_DAY, LAST_DAY + timedelta(days=2))
@example(LAST_DAY, date(2028, 2, 29))
def test_shift_is_the_smallest_number_of_weeks_that_reaches_yesterday(last_day, today):
    weeks = shift_weeks(last_day, today)
    yesterday = today - timedelta(days=1)
    assert last_day + timedelta(weeks=weeks) >= yesterday
    assert last_day + timedelta(weeks=weeks - 1) < yesterday


@pytest.mark.parametrize(
    "today", [*(date(2026, 11, 16) + timedelta(days=n) for n in (0, 3, 4, 5, 6)), date(2028, 2, 29)]
)
def test_shifted_lines_keep_weekday_and_time_and_end_yesterday(lines, today):
    shifted = shifted_lines(today)
    weeks = shift_weeks(LAST_DAY, today)
    assert len(lines) - len(shifted) < 5_000
    for before, after in zip(lines, shifted, strict=False):
        moved = date.fromisoformat(before.ordered_at[:10]) + timedelta(weeks=weeks)
        assert after == before._replace(ordered_at=f"{moved}{before.ordered_at[10:]}")
    assert shifted[-1].ordered_at < today.isoformat()
    left_out = lines[len(shifted) :]
    assert all(date.fromisoformat(line.ordered_at[:10]) + timedelta(weeks=weeks) >= today for line in left_out)
    assert today - date.fromisoformat(shifted[-1].ordered_at[:10]) <= timedelta(days=2)  # closed on Saturdays


def test_shifting_there_and_back_changes_nothing(lines):
    there = shift_lines(lines, 780, before=date(9999, 1, 1))
    assert shift_lines(there, -780, before=date(9999, 1, 1)) == lines


def test_files_are_small_and_the_columns_are_those_of_the_sales_import():
    assert len((DATA / "online_retail.csv.gz").read_bytes()) < 4 * 2**20
    header = (DATA / "online_retail_products.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "product_id,sku,name,category,price,unit_cost,pack_size,moq,supplier"


def test_the_extract_is_500_products_over_the_whole_year_without_the_partial_day(lines):
    assert len({line.product for line in lines}) == 500
    assert {line.product for line in lines} == {product.sku for product in products()}
    assert lines[0].ordered_at[:10] == "2010-12-01"
    assert lines[-1].ordered_at[:10] == LAST_DAY.isoformat()
    assert 70_000 <= len(lines) <= 110_000


def test_fast_slow_and_dormant_products_are_all_there(lines):
    days = defaultdict(set)
    for line in lines:
        if line.kind == "sale":
            days[line.product].add(line.ordered_at[:10])
    counts = sorted(map(len, days.values()))
    assert counts[0] >= 10
    assert sum(count < 30 for count in counts) >= 50
    assert sum(count > 150 for count in counts) >= 50
    assert sum(max(sold) < "2011-09-08" for sold in days.values()) >= 20


def test_no_customer_and_nothing_but_merchandise_is_in_it(lines):
    assert "customer" not in " ".join(lines[0]._fields).lower()
    assert all(re.fullmatch(r"\d{5}[A-Z]{0,2}", line.product) for line in lines)
    assert not [
        product.name
        for product in products()
        if re.search("voucher|postage|manual|damaged", product.name, re.IGNORECASE)
    ]
    assert all(line.quantity > 0 and float(line.unit_price) > 0 for line in lines)


def test_lines_are_in_time_order_orders_in_one_piece_and_line_numbers_unique(lines):
    assert all(a.ordered_at <= b.ordered_at for a, b in pairwise(lines))
    assert len({(line.order_id, line.line_no) for line in lines}) == len(lines)
    starts = [b.order_id for a, b in pairwise(lines) if a.order_id != b.order_id]
    assert len(starts) == len(set(starts))


def test_a_cancellation_names_an_earlier_line_of_the_same_product_and_price_and_never_exceeds_it(lines):
    sales = {}
    cancelled = Counter()
    for line in lines:
        key = (line.cancels_order_id, line.cancels_line_no)
        if line.kind == "sale":
            sales[line.order_id, line.line_no] = line
        if line.kind == "cancellation":
            assert (sales[key].product, sales[key].unit_price) == (line.product, line.unit_price)
            cancelled[key] += line.quantity
        else:
            assert key == (None, None)
        assert line.order_id.startswith("C") == (line.kind != "sale")
    assert all(quantity <= sales[key].quantity for key, quantity in cancelled.items())
    assert Counter(line.kind for line in lines) == {"sale": 84239, "cancellation": 1007, "return": 254}


def test_products_cost_less_than_they_sell_for_and_moq_is_whole_packs():
    for product in products():
        assert 0 < product.unit_cost <= product.price
        assert product.moq % product.pack_size == 0


def test_every_supplier_says_that_it_is_simulated_and_lead_times_are_distributions():
    for supplier in SUPPLIERS:
        assert supplier.name.endswith("(simulated)")
        assert sum(probability for _, probability in supplier.lead_times) == pytest.approx(1)
        assert 3 <= supplier.lead_time_days <= 21
    rows = list(csv.DictReader(io.StringIO((DATA / "online_retail_products.csv").read_text(encoding="utf-8"))))
    assert {row["supplier"] for row in rows} == {supplier.name for supplier in SUPPLIERS}


def products():
    return read_products({supplier.name: supplier.supplier_id for supplier in SUPPLIERS})
