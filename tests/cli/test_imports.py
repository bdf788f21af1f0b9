"""Files are imported; bad rows are named by line and reason, and the others are recorded."""

import re
import sqlite3

import pytest

from fixtures.sales import catalogue

PRODUCTS = """product_id,sku,name,price
P1,SKU-P1,Mug,2.50
P2,SKU-P2,,1
P3,SKU-P3,Cup,-4
P4,SKU-P4,Bowl,3
"""
HEADER = "order_id,line_no,ordered_at,product,quantity,unit_price\n"
GOOD = [f"O{n},1,2026-02-{n % 27 + 1:02}T10:00:00,P1,2,2.50\n" for n in range(97)]
BAD = ["X1,1,2026-02-01T10:00:00,P1,two,2.50\n", "X2,1,yesterday,P1,1,2.50\n", ",1,2026-02-01T10:00:00,P1,1,1\n"]


@pytest.fixture
def ready(cli):
    """Both services know tenant ``acme``, and Sales its products."""
    cli.ok("tenant", "create", "acme")
    cli.sales_learns(catalogue("P1", "P2", tenant="acme"))
    return cli


@pytest.fixture
def sales_file(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(HEADER + "".join(GOOD) + "".join(BAD))
    return str(path)


def outbox(cli):
    with sqlite3.connect(cli.data_dir / "sales.db") as connection:
        count = connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
    connection.close()
    return count


def test_products_with_bad_rows_are_imported_but_for_those(ready, tmp_path):
    (tmp_path / "products.csv").write_text(PRODUCTS)
    first = ready("import", "products", "products.csv", "--tenant", "acme")
    assert first.code == 3
    assert "created         2\n" in first.out
    assert "errors          2\n" in first.out
    lines = [line for line in first.err.splitlines() if line.startswith("line ")]
    assert [line.partition(":")[0] for line in lines] == ["line 3", "line 4"]
    assert "name" in lines[0]
    assert "price" in lines[1]
    again = ready("import", "products", "products.csv", "--tenant", "acme", "--json")
    assert again.code == 3
    report = again.json()
    assert (report["rows"], report["created"], report["unchanged"], report["errors"]) == (4, 0, 2, 2)
    assert [error["line"] for error in report["row_errors"]] == [3, 4]


def test_sales_with_bad_rows_are_recorded_but_for_those(ready, sales_file):
    ended = ready("import", "sales", sales_file, "--tenant", "acme")
    assert ended.code == 3
    assert "imported        97\n" in ended.out
    assert "errors          3\n" in ended.out
    lines = [line for line in ended.err.splitlines() if line.startswith("line ")]
    assert [line.partition(":")[0] for line in lines] == ["line 99", "line 100", "line 101"]
    assert all(reason in line for reason, line in zip(("quantity", "ordered_at", "order_id"), lines, strict=True))
    assert "Mend these rows" in ended.err


def test_importing_a_file_again_changes_nothing(ready, sales_file):
    ready("import", "sales", sales_file, "--tenant", "acme")
    report = ready("import", "sales", sales_file, "--tenant", "acme", "--json").json()
    assert (report["imported"], report["duplicates"], report["errors"]) == (0, 97, 3)


def test_json_lists_every_bad_row(ready, tmp_path):
    (tmp_path / "bad.csv").write_text(HEADER + BAD[0] * 150)
    ended = ready("import", "sales", "bad.csv", "--tenant", "acme", "--json")
    assert ended.code == 3
    assert [error["line"] for error in ended.json()["row_errors"]] == list(range(2, 152))
    short = ready("import", "sales", "bad.csv", "--tenant", "acme")
    assert short.err.count("line ") == 20
    assert "... and 130 more; --json lists up to 1000." in short.err


def test_a_file_without_bad_rows_ends_well(ready, tmp_path):
    (tmp_path / "good.csv").write_text(HEADER + "".join(GOOD))
    ended = ready("import", "sales", "good.csv", "--tenant", "acme", "--json")
    assert (ended.code, ended.json()["row_errors"]) == (0, [])


def test_history_moves_no_stock_and_other_sales_do(ready, tmp_path):
    (tmp_path / "first.csv").write_text(HEADER + "".join(GOOD[:50]))
    (tmp_path / "second.csv").write_text(HEADER + "".join(GOOD[50:]))
    ready.ok("import", "sales", "first.csv", "--tenant", "acme", "--history")
    assert outbox(ready) == 0
    ready.ok("import", "sales", "second.csv", "--tenant", "acme")
    assert outbox(ready) == 47


def test_progress_goes_to_standard_error_and_the_result_to_standard_output(ready, tmp_path):
    (tmp_path / "good.csv").write_text(HEADER + "".join(GOOD))
    size = (tmp_path / "good.csv").stat().st_size
    ended = ready("import", "sales", "good.csv", "--tenant", "acme")
    assert f"{size}/{size}" in ended.err
    assert f"{size}/{size}" not in ended.out


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\n", b"a,b\n1,2\n", b'"never closed\n'])
@pytest.mark.parametrize("what", ["sales", "products"])
def test_a_file_that_is_no_such_table_is_one_line(ready, tmp_path, what, content):
    (tmp_path / "odd.csv").write_bytes(content)
    ended = ready("import", what, "odd.csv", "--tenant", "acme")
    assert ended.code == 1
    assert re.search("columns|CSV|UTF-8|file is empty", ended.error)


def test_a_file_that_is_not_there_exits_2(ready):
    assert ready("import", "sales", "nowhere.csv", "--tenant", "acme").code == 2


@pytest.mark.parametrize("what", ["sales", "products"])
def test_a_tenant_that_is_not_set_up_is_one_line(ready, tmp_path, what):
    (tmp_path / "file.csv").write_text(HEADER if what == "sales" else PRODUCTS)
    assert "shelfwise tenant create nobody" in ready("import", what, "file.csv", "--tenant", "nobody").error


def test_promotions_are_imported_and_bad_rows_named(cli, tmp_path):
    cli.sales_learns(catalogue("P1", tenant="acme"))
    (tmp_path / "promotions.csv").write_text(
        "name,product,first_day,last_day\nspring,P1,2026-03-01,2026-03-07\nspring,nope,2026-03-01,2026-03-07\n"
    )
    ended = cli("import", "promotions", "promotions.csv", "--tenant", "acme", "--json")
    assert (ended.code, ended.json()["imported"], ended.json()["errors"]) == (3, 1, 1)
    again = cli("import", "promotions", "promotions.csv", "--tenant", "acme")
    assert "line 3: product: Sales knows no product 'nope'" in again.err
    assert "unchanged       1" in again.out


def test_a_calendar_is_imported_and_bad_rows_named(cli, tmp_path):
    cli.sales_learns(catalogue("P1", tenant="acme"))
    (tmp_path / "calendar.csv").write_text("day,name,kind\n2026-12-24,Christmas Eve,\nsoon,x,\n")
    ended = cli("import", "calendar", "calendar.csv", "--tenant", "acme")
    assert ended.code == 3
    assert "line 3: day: 'soon' is not a day" in ended.err
    assert "unchanged       1" in cli("import", "calendar", "calendar.csv", "--tenant", "acme").out
