import csv
import io
from datetime import date

import pytest

from shelfwise.sample import demo_tenant, documented_tenant, history_csv, ledger_csv, products_csv


@pytest.fixture(scope="module", params=[demo_tenant, documented_tenant], ids=["demo", "tenant-1"])
def sample(request):
    return request.param(date(2026, 11, 20))


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_history_and_ledger_files_are_together_all_lines_in_order(sample):
    parts = [list(history_csv(sample, 3_000)), list(ledger_csv(sample, 3_000))]
    written = [row for part in parts for file in part for row in rows(file)]
    expected = [
        {name: "" if value is None else str(value) for name, value in line._asdict().items()} for line in sample.lines
    ]
    assert written == expected
    opening = sample.opening_day.isoformat()
    assert all(row["ordered_at"] < opening for file in parts[0] for row in rows(file))
    assert all(row["ordered_at"] >= opening for file in parts[1] for row in rows(file))


def test_each_file_has_a_header_and_whole_orders(sample):
    files = list(history_csv(sample, 1_000))
    assert len(files) > 1
    seen = set()
    for file in files:
        assert file.startswith(b"order_id,line_no,ordered_at,product,quantity,unit_price,kind,cancels_order_id,")
        orders = {row["order_id"] for row in rows(file)}
        assert not orders & seen
        seen |= orders


def test_the_products_file_names_each_product_and_its_simulated_supplier(sample):
    written = rows(products_csv(sample))
    assert [row["product_id"] for row in written] == [product.product_id for product in sample.products]
    assert all(row["supplier"].endswith("(simulated)") for row in written)
