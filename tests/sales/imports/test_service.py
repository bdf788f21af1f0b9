"""Files in, on both databases."""

import asyncio

import pytest
import sqlalchemy as sa

from fixtures.sales import catalogue
from shelfwise.platform.problems import InvalidError, TenantNotSetUpError
from shelfwise.sales.tables import ORDER_LINES, OUTBOX, SALES_DAILY, SALES_DAYS

HEADER = "order_id,line_no,ordered_at,product,quantity,unit_price,kind,cancels_order_id,cancels_line_no\n"


async def chunks(text, size=1000):
    data = text if isinstance(text, bytes) else text.encode()
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def table(sales, which):
    async with sales.database.read("t1") as connection:
        return (await connection.execute(sa.select(which).order_by(*which.primary_key.columns))).all()


def rows(count, products=7):
    return [
        f"o{n // 3},{n % 3 + 1},2026-02-{n % 28 + 1:02d}T10:00,P{n % products},{n % 9 + 1},2.50,sale,,"
        for n in range(count)
    ]


async def test_three_bad_rows_in_ten_thousand_are_listed_and_the_others_imported(sales):
    await sales.product_refs.apply("t1", catalogue(*(f"P{n}" for n in range(7))))
    lines = rows(10_000)
    lines[10] = lines[10].replace("2.50", "NaN")
    lines[5_000] = "o1,9,2026-02-30T10:00,P1,1,1,sale,,"
    body = (HEADER + "\n".join(lines) + "\n").encode()
    body = body.replace(b"o3333,1,", b"\xff\xfe,1,")
    seen = []
    view = await sales.imports.run("t1", chunks(body, 65_536), history=True, progress=seen.append)
    assert (view["rows"], view["imported"], view["errors"], view["status"]) == (10_000, 9_997, 3, "finished")
    assert [(e["line"], e["reason"].split(":")[0]) for e in view["row_errors"]["items"]] == [
        (12, "unit_price"),
        (5_002, "ordered_at"),
        (10_001, "is not valid UTF-8"),
    ]
    assert seen[0]["rows"] < seen[-1]["rows"] == 10_000
    assert await table(sales, OUTBOX) == []


async def test_the_same_file_twice_changes_nothing(sales):
    await sales.product_refs.apply("t1", catalogue("P0", "P1"))
    text = HEADER + "\n".join(
        [*rows(20, 2), "C1,1,2026-03-01,P0,1,2.5,cancellation,o0,1", "R1,1,2026-03-01,P1,1,2.5,return,,"]
    )
    first = await sales.imports.run("t1", chunks(text))
    before = [await table(sales, t) for t in (SALES_DAILY, SALES_DAYS, ORDER_LINES)]
    second = await sales.imports.run("t1", chunks(text))
    assert (first["imported"], second["imported"], second["duplicates"], second["errors"]) == (22, 0, 22, 0)
    assert [await table(sales, t) for t in (SALES_DAILY, SALES_DAYS, ORDER_LINES)] == before


async def test_unknown_products_wait_and_are_booked_when_inventory_publishes_them(sales):
    await sales.product_refs.apply("t1", catalogue("P0"))
    text = (
        HEADER
        + "o1,1,2026-02-01,SKU-P9,4,1,sale,,\nC1,1,2026-02-05,SKU-P9,1,1,cancellation,o1,1\no2,1,2026-02-01,P0,1,1,sale,,"
    )
    view = await sales.imports.run("t1", chunks(text))
    assert (view["imported"], view["unresolved"], view["errors"]) == (3, 2, 0)
    page = await sales.orders.unresolved("t1", cursor="", limit=10)
    assert page["items"] == [{"product": "SKU-P9", "lines": 2, "quantity": 5}]
    await sales.product_refs.apply("t1", catalogue("P9"))
    assert (await sales.orders.unresolved("t1", cursor="", limit=10))["items"] == []
    figures = await sales.analytics.product("t1", "P9", 30)
    assert (figures["total_quantity_sold"], figures["days_listed"]) == (3, 28)
    assert len(await table(sales, OUTBOX)) == 3
    again = await sales.imports.run("t1", chunks(text))
    assert (again["imported"], again["duplicates"]) == (0, 3)


async def test_a_file_without_a_good_header_or_for_an_unknown_tenant_writes_nothing(sales):
    with pytest.raises(TenantNotSetUpError):
        await sales.imports.run("t1", chunks(HEADER))
    await sales.product_refs.apply("t1", catalogue("P0"))
    for text in ("", "a,b\n1,2\n"):
        with pytest.raises(InvalidError):
            await sales.imports.run("t1", chunks(text))
    assert (await sales.imports.page("t1", cursor=None, limit=10))["items"] == []


async def test_an_import_that_breaks_off_says_so_and_keeps_what_is_booked(sales):
    await sales.product_refs.apply("t1", catalogue("P0"))

    async def broken():
        yield (HEADER + "\n".join(rows(2_500, 1)) + "\n").encode()
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await sales.imports.run("t1", broken())
    (head,) = (await sales.imports.page("t1", cursor=None, limit=10))["items"]
    assert (head["status"], head["imported"]) == ("failed", 2_000)
    assert (await sales.imports.run("t1", chunks(HEADER + "\n".join(rows(2_500, 1)))))["imported"] == 500


async def test_rows_that_take_back_before_the_sale_are_bad_rows(sales):
    await sales.product_refs.apply("t1", catalogue("P0"))
    text = (
        "o1,1,2026-02-10T10:00,P0,5,1,sale,,\n"
        "C1,1,2026-02-09T23:59,P0,1,1,cancellation,o1,1\n"
        "R1,1,2026-02-09,P0,1,1,return,o1,1\n"
        "C2,1,2026-02-10,P0,1,1,cancellation,o1,1\n"
    )
    view = await sales.imports.run("t1", chunks(HEADER + text))
    reason = "ordered_at: must not be before the order was placed"
    assert [(e["line"], e["reason"]) for e in view["row_errors"]["items"]] == [(3, reason), (4, reason)]
    assert view["imported"] == 2


async def test_two_imports_of_one_file_at_once_book_each_row_once(sales):
    await sales.product_refs.apply("t1", catalogue(*(f"P{n}" for n in range(7))))
    lines = rows(4_200)
    backwards = HEADER + "\n".join(reversed(lines))
    views = await asyncio.gather(
        sales.imports.run("t1", chunks(HEADER + "\n".join(lines), 65_536)),
        sales.imports.run("t1", chunks(backwards, 65_536)),
    )
    assert sum(view["imported"] for view in views) == 4_200
    assert sum(view["duplicates"] for view in views) == 4_200
    async with sales.database.read("t1") as connection:
        total = await connection.scalar(sa.select(sa.func.sum(SALES_DAILY.c.quantity)))
    assert total == sum(int(line.split(",")[4]) for line in lines)
