"""Runs and answers, on both databases."""

from datetime import date, timedelta

import numpy as np
import pytest

from fixtures.sales import catalogue
from shelfwise.contracts.forecasts import LEVELS, ForecastQuery
from shelfwise.sales.forecasting.service import NoRunError, NothingToForecastError, ProductUnknownError

HEADER = "order_id,line_no,ordered_at,product,quantity,unit_price\n"
DAYS = 150


async def chunks(text):
    yield text.encode()


@pytest.fixture
async def shop(sales):
    """Twelve products that sold for 150 days, closed on Sundays, and one that never sold."""
    names = [f"P{n:02d}" for n in range(12)]
    await sales.product_refs.apply("t1", catalogue(*names, "NEW"))
    random = np.random.default_rng(7)
    lines = []
    for ago in range(DAYS, 0, -1):
        day = date(2026, 3, 1) - timedelta(days=ago)
        if day.weekday() == 6:
            continue
        for n, name in enumerate(names):
            units = random.poisson(1 + n)
            if units:
                lines.append(f"{day}-{name},1,{day}T10:00,{name},{units},2.5")
    await sales.imports.run("t1", chunks(HEADER + "\n".join(lines)), history=True)
    return sales


async def ask(shop, product="P07", days=30, level=0.95):
    return await shop.forecasting.product("t1", product, forecast_days=days, service_level=level)


async def test_a_run_covers_every_product_and_is_not_repeated_on_the_same_input(shop, clock):
    seen = []
    run = await shop.forecast_runs.run("t1", progress=lambda *step: seen.append(step))
    assert (run["products"], run["repeated"], seen[-1]) == (13, False, ("forecasting", 13, 13))
    clock.now += timedelta(hours=1)
    again = await shop.forecast_runs.run("t1")
    assert (again["run_id"], again["repeated"]) == (run["run_id"], True)
    # A sale of today is no part of the input: today is not over.
    await shop.imports.run("t1", chunks(HEADER + "x,1,2026-03-01T09:00,P01,5,1"), history=True)
    assert (await shop.forecast_runs.run("t1"))["repeated"]
    await shop.imports.run("t1", chunks(HEADER + "y,1,2026-02-27T09:00,P01,5,1"), history=True)
    assert not (await shop.forecast_runs.run("t1"))["repeated"]


async def test_a_stored_forecast_says_where_it_comes_from_and_adds_up(shop):
    run = await shop.forecast_runs.run("t1")
    answer = await ask(shop)
    assert (answer["run_id"], answer["business_date"], answer["as_of"]) == (
        run["run_id"],
        "2026-03-01",
        "2026-03-01T12:00:00Z",
    )
    assert answer["daily"][0]["date"] == "2026-03-01"
    assert len(answer["daily"]) == len(answer["totals"]) == 30
    assert sum(term["units"] for term in answer["explanation"]) == pytest.approx(answer["predicted_demand"], abs=1e-9)
    assert sum(day["mean"] for day in answer["daily"]) == pytest.approx(answer["predicted_demand"], abs=0.02)
    assert answer["predicted_demand"] == pytest.approx(8 * 26, rel=0.15)
    assert answer["recommended_stock_level"] == answer["totals"][-1]["quantiles"][LEVELS.index(0.95)]
    assert answer["recommended_stock_level"] > answer["predicted_demand"]
    assert 0.6 < answer["confidence_level"] <= 1.0
    assert answer["expected_error"] < 0.5


async def test_sundays_on_which_the_shop_is_closed_are_forecast_as_such(shop):
    await shop.forecast_runs.run("t1")
    answer = await ask(shop, days=14)
    means = {date.fromisoformat(day["date"]).weekday(): day["mean"] for day in answer["daily"]}
    assert means[6] < 0.1 * means[2]


async def test_a_longer_question_extends_the_run_without_contradicting_it(shop):
    await shop.forecast_runs.run("t1", horizon=20)
    short, long = await ask(shop, days=20), await ask(shop, days=180)
    assert long["totals"][:20] == short["totals"]
    assert long["daily"][:20] == short["daily"]
    assert len(long["totals"]) == 180


async def test_a_stale_run_is_recomputed_for_the_day_that_is_asked_about(shop, clock):
    run = await shop.forecast_runs.run("t1")
    clock.now += timedelta(days=1)
    answer = await ask(shop)
    assert (answer["business_date"], answer["as_of"]) == ("2026-03-02", "2026-03-02T12:00:00Z")
    assert (answer["run_id"], answer["calibration_id"]) == (run["run_id"], run["calibration_id"])


async def test_a_level_between_stored_ones_lies_between_them_and_beyond_them_is_not_measured(shop):
    await shop.forecast_runs.run("t1")
    stock = [
        (await ask(shop, level=level))["recommended_stock_level"] for level in (1e-300, 0.9, 0.93, 0.95, 0.99, 0.999)
    ]
    assert stock == sorted(stock)
    assert (await ask(shop, level=0.999))["confidence_level"] is None


async def test_many_products_come_in_the_order_asked_each_once(shop):
    await shop.forecast_runs.run("t1")
    query = ForecastQuery(product_ids=["P03", "?", "P01", "P03"], forecast_days=10, total_days=[5, 10])
    answer = await shop.forecasting.query("t1", query)
    assert [item["product_id"] for item in answer["items"]] == ["P03", "P01"]
    assert answer["unknown"] == ["?"]
    assert [total["days"] for total in answer["items"][0]["totals"]] == [5, 10]
    assert "daily" not in answer["items"][0]


async def test_a_product_without_history_is_wide_and_one_that_sales_does_not_know_is_404(shop):
    await shop.forecast_runs.run("t1")
    answer = await ask(shop, "NEW")
    assert answer["history_days"] == 0
    assert "No day of history" in answer["notes"][0]
    low, high = answer["totals"][-1]["quantiles"][0], answer["totals"][-1]["quantiles"][-1]
    assert high > 3 * max(low, 1)
    with pytest.raises(ProductUnknownError):
        await ask(shop, "nope")


async def test_old_forecasts_and_runs_are_pruned(shop, clock):
    await shop.forecast_runs.run("t1")
    assert await shop.forecasting.prune("t1") == 0
    clock.now += timedelta(days=36)
    assert await shop.forecasting.prune("t1") == 13


async def test_a_tenant_without_products_has_nothing_to_forecast(sales):
    await sales.product_refs.apply("t1", catalogue())
    with pytest.raises(NothingToForecastError):
        await sales.forecast_runs.run("t1")


async def test_a_refresh_computes_anew_by_the_runs_calibration_and_stores_it(shop, clock):
    run = await shop.forecast_runs.run("t1")
    before = await ask(shop)
    lines = [f"z{n},1,2026-02-{n:02}T09:00,P07,100,1" for n in range(10, 29)]
    await shop.imports.run("t1", chunks(HEADER + "\n".join(lines)), history=True)
    assert (await ask(shop))["predicted_demand"] == before["predicted_demand"]
    clock.now += timedelta(minutes=5)
    told = await shop.forecasting.refresh("t1", ["P07", "?", "P07"])
    assert told == {
        "refreshed": 1,
        "run_id": run["run_id"],
        "calibration_id": run["calibration_id"],
        "business_date": "2026-03-01",
        "as_of": "2026-03-01T12:05:00Z",
        "unknown": ["?"],
    }
    after = await ask(shop)
    assert after["predicted_demand"] > 2 * before["predicted_demand"]
    assert (after["as_of"], after["run_id"]) == ("2026-03-01T12:05:00Z", run["run_id"])


async def test_a_refresh_before_any_run_says_how_to_start_one(shop):
    with pytest.raises(NoRunError, match="shelfwise forecast run --tenant t1"):
        await shop.forecasting.refresh("t1", ["P07"])
