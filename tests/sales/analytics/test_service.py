"""Figures of complete business days, on both databases."""

from datetime import date, timedelta

import numpy as np
import pytest

from fixtures.sales import catalogue
from shelfwise.sales.analytics.rules import open_weekdays

HEADER = "order_id,line_no,ordered_at,product,quantity,unit_price,kind,cancels_order_id,cancels_line_no\n"


async def load(sales, *lines):
    async def chunks():
        yield (HEADER + "\n".join(lines)).encode()

    view = await sales.imports.run("t1", chunks(), history=True)
    assert view["errors"] == 0, view["row_errors"]


@pytest.fixture
async def shop(sales):
    await sales.product_refs.apply("t1", catalogue("P1", "P2", "P3"))
    return sales


async def test_the_documents_example_sells_5_a_day(shop):
    days = [date(2026, 3, 1) - timedelta(days=ago) for ago in range(40, 0, -1)]
    await load(shop, *(f"{day},1,{day}T10:00,P1,5,1200,,," for day in days))
    figures = await shop.analytics.product("t1", "P1", 30)
    assert figures == {
        "product_id": "P1",
        "total_quantity_sold": 150,
        "total_revenue": 180000.0,
        "average_daily_sales": 5.0,
        "sales_trend": "stable",
        "last_sale_date": "2026-02-28T10:00:00Z",
        "period_days": 30,
        "period_start": "2026-01-30",
        "period_end": "2026-02-28",
        "days_listed": 30,
        "returned_quantity": 0,
        "refunded_revenue": 0.0,
        "currency": "EUR",
    }


async def test_today_is_never_part_of_a_period_and_the_first_day_is(shop):
    await load(
        shop,
        "a,1,2026-03-01T09:00,P1,100,1,,,",
        "b,1,2026-02-28T23:59,P1,1,1,,,",
        "c,1,2026-02-27T00:00,P1,2,1,,,",
        "d,1,2026-02-26T23:59,P1,50,1,,,",
    )
    assert (await shop.analytics.product("t1", "P1", 2))["total_quantity_sold"] == 3
    assert (await shop.analytics.summary("t1", 2))["total_items_sold"] == 3


async def test_the_average_is_over_the_days_on_which_the_product_was_listed(shop):
    await load(shop, "a,1,2026-02-25T09:00,P1,8,1,,,")
    figures = await shop.analytics.product("t1", "P1", 30)
    assert (figures["days_listed"], figures["average_daily_sales"]) == (4, 2.0)


async def test_a_product_without_sales_is_all_zeros_and_its_trend_unknown(shop):
    figures = await shop.analytics.product("t1", "P3", 30)
    assert (figures["total_quantity_sold"], figures["average_daily_sales"], figures["sales_trend"]) == (
        0,
        0.0,
        "unknown",
    )
    assert figures["last_sale_date"] is None


async def test_orders_are_counted_once_and_only_while_a_line_of_them_is_left(shop):
    await load(
        shop,
        "a,1,2026-02-20,P1,1,10,,,",
        "a,2,2026-02-20,P2,1,20,,,",
        "b,1,2026-02-21,P1,1,30,,,",
        "C,1,2026-02-22,P1,1,30,cancellation,b,1",
        "D,1,2026-02-22,P1,1,10,cancellation,a,1",
        "R,1,2026-02-23,P2,1,20,return,a,2",
    )
    summary = await shop.analytics.summary("t1", 30)
    assert (summary["total_orders"], summary["total_revenue"], summary["average_order_value"]) == (1, 20.0, 20.0)
    assert (summary["returned_quantity"], summary["refunded_revenue"]) == (1, 20.0)


async def test_top_sellers_are_ranked_by_units_and_ties_by_id(shop):
    await load(shop, "a,1,2026-02-20,P2,3,1,,,", "b,1,2026-02-20,P1,3,9,,,", "c,1,2026-02-20,P3,4,1,,,")
    top = await shop.analytics.top("t1", 30, 2)
    assert [(row["rank"], row["product_id"], row["product_name"], row["quantity_sold"]) for row in top] == [
        (1, "P3", "Name of P3", 4),
        (2, "P1", "Name of P1", 3),
    ]


async def test_money_has_the_digits_of_the_tenants_currency(sales):
    await sales.product_refs.apply("t1", catalogue("P1", currency="KWD"))
    await load(sales, "a,1,2026-02-20,P1,3,0.3335,,,")
    assert (await sales.analytics.product("t1", "P1", 30))["total_revenue"] == 1.0
    assert (await sales.analytics.summary("t1", 30))["average_order_value"] == 1.0


async def test_locations_of_a_product_are_added_up(shop):
    await load(shop, "a,1,2026-02-20,P1,3,1,,,")

    async def more():
        yield b"order_id,line_no,ordered_at,product,quantity,unit_price,location_id\nb,1,2026-02-20,P1,4,1,SHOP\n"

    await shop.imports.run("t1", more(), history=True)
    assert (await shop.analytics.product("t1", "P1", 30))["total_quantity_sold"] == 7


def test_a_weekday_without_a_sale_in_four_weeks_is_closed():
    today = date(2026, 3, 1)
    days = [today - timedelta(days=ago) for ago in range(1, 60)]
    sold = [(day, 1) for day in days if day.weekday() != 5]
    assert open_weekdays(sold, today).tolist() == [True] * 5 + [False, True]
    assert open_weekdays(sold[:20], today).all()
    assert np.all(open_weekdays([], today))
