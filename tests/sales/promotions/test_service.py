"""Promotions and prices on their way into runs and forecasts, on both databases."""

from datetime import date, timedelta

import numpy as np
import pytest

from fixtures.sales import catalogue
from shelfwise.platform.problems import InvalidError
from shelfwise.sales.forecasting.rules import ProductSeries
from shelfwise.sales.promotions.schemas import NewPromotion

HEADER = "order_id,line_no,ordered_at,product,quantity,unit_price\n"
TODAY = date(2026, 3, 1)
START = TODAY - timedelta(days=30)


async def sold(sales, rows):
    """(product, days ago, units, price) by rows, as history."""

    async def chunks():
        lines = [
            f"O{n},1,{TODAY - timedelta(days=ago)}T10:00,{name},{units},{price}"
            for n, (name, ago, units, price) in enumerate(rows)
        ]
        yield (HEADER + "\n".join(lines)).encode()

    await sales.imports.run("t1", chunks(), history=True)


@pytest.fixture
async def shop(sales):
    await sales.product_refs.apply("t1", catalogue("P1", "P2", "NEW"))
    await sold(sales, [("P1", 30, 2, 3.0), ("P1", 30, 2, 2.0), ("P1", 20, 1, 4.5), ("P2", 5, 1, 10), ("P2", 4, 5, 0)])
    return sales


def new(product=None, first=0, last=6, **more):
    days = (TODAY + timedelta(days=first), TODAY + timedelta(days=last))
    return NewPromotion("spring", *days, product_id=product, **more)


async def inputs(shop, horizon=10):
    series = [ProductSeries(name, "tea" if name == "P2" else None, START) for name in ("P1", "P2", "NEW")]
    async with shop.database.read("t1") as connection:
        return await shop.forecasting.inputs(connection, "t1", series, START, TODAY, horizon)


async def test_the_price_of_a_day_is_revenue_by_units_and_stays_until_the_next_sale(shop):
    given = await inputs(shop)
    first, second, third = given.panel.price
    np.testing.assert_allclose(first, [2.5] * 10 + [4.5] * 20)
    assert np.isnan(second[:25]).all()
    # What was given away for nothing has no price.
    np.testing.assert_allclose(second[25:], 10.0)
    assert np.isnan(third).all()
    np.testing.assert_allclose(given.future_price, [[4.5] * 10, [10.0] * 10, [0.0] * 10])
    assert given.panel.promo is None
    assert given.future_promo is None


async def test_promotions_of_a_product_a_category_and_everything_reach_past_and_future(shop):
    await shop.promotions.add("t1", new("P1", first=-2, last=1, strength=0.5, price=1.5))
    await shop.promotions.add("t1", new(category="tea", first=3, last=3))
    await shop.promotions.add("t1", new(first=9, last=40, strength=0.25))
    given = await inputs(shop)
    np.testing.assert_allclose(given.panel.promo[:, -3:], [[0, 0.5, 0.5], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(given.future_promo[0], [0.5, 0.5, *[0] * 7, 0.25])
    np.testing.assert_allclose(given.future_promo[1], [0, 0, 0, 1, *[0] * 5, 0.25])
    np.testing.assert_allclose(given.future_promo[2], [*[0] * 9, 0.25])
    np.testing.assert_allclose(given.future_price[0], [1.5, 1.5, *[4.5] * 8])


async def test_a_promotion_is_a_new_input_of_a_run_and_a_repeated_one_is_not(shop):
    run = await shop.forecast_runs.run("t1")
    await shop.promotions.add("t1", new("P1"))
    second = await shop.forecast_runs.run("t1")
    assert (second["repeated"], second["run_id"] != run["run_id"]) == (False, True)
    await shop.promotions.add("t1", new("P1"))
    assert (await shop.forecast_runs.run("t1"))["repeated"]
    (promotion,) = (await shop.promotions.page("t1"))["items"]
    await shop.promotions.remove("t1", promotion["promotion_id"])
    assert (await shop.forecast_runs.run("t1"))["run_id"] == run["run_id"]


async def test_a_promotion_beyond_the_horizon_changes_no_run(shop):
    run = await shop.forecast_runs.run("t1")
    await shop.promotions.add("t1", new(first=60, last=70))
    assert (await shop.forecast_runs.run("t1"))["run_id"] == run["run_id"]


async def test_with_promotions_and_prices_a_forecast_is_stored_recomputed_and_refreshed(shop):
    await shop.promotions.add("t1", new("P1", first=-2, last=3, price=2))
    await shop.forecast_runs.run("t1")
    stored = await shop.forecasting.product("t1", "P1", forecast_days=30, service_level=0.95)
    longer = await shop.forecasting.product("t1", "P1", forecast_days=120, service_level=0.95)
    assert longer["daily"][:30] == stored["daily"]
    await shop.forecasting.refresh("t1", ["P1"])
    again = await shop.forecasting.product("t1", "P1", forecast_days=30, service_level=0.95)
    assert again["totals"] == stored["totals"]


async def test_a_file_brings_its_good_rows_lists_the_bad_ones_and_changes_nothing_the_second_time(shop):
    text = (
        "name,product,first_day,last_day,price\n"
        "spring,SKU-P1,2026-03-01,2026-03-07,1.5\n"
        "spring,P2,2026-03-01,2026-03-07,\n"
        "spring,nope,2026-03-01,2026-03-07,\n"
        "spring,P2,2026-03-01,soon,\n"
        "spring,P1,2026-03-01,2026-03-07,1.5\n"
    )
    told = await shop.promotions.import_table("t1", text.encode())
    assert (told["rows"], told["imported"], told["unchanged"], told["errors"]) == (5, 2, 1, 2)
    assert [row["line"] for row in told["row_errors"]] == [4, 5]
    again = await shop.promotions.import_table("t1", text.encode())
    assert (again["imported"], again["unchanged"]) == (0, 3)
    assert {item["product_id"] for item in (await shop.promotions.page("t1"))["items"]} == {"P1", "P2"}
    with pytest.raises(InvalidError, match="name the columns"):
        await shop.promotions.import_table("t1", b"who,what\n")


async def test_promotions_come_page_by_page_the_latest_first(shop):
    for first in range(5):
        await shop.promotions.add("t1", new("P1" if first % 2 else None, first=first // 2, last=8))
    seen, cursor = [], None
    while True:
        page = await shop.promotions.page("t1", limit=2, cursor=cursor)
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert [item["first_day"][-2:] for item in seen] == ["03", "02", "02", "01", "01"]
    assert len({item["promotion_id"] for item in seen}) == 5
    assert len((await shop.promotions.page("t1", product_id="P1"))["items"]) == 2
