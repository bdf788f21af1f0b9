"""What the batch routes cost the database: as much for sixty products as for one."""

import pytest

from fixtures.queries import asked
from fixtures.sales import catalogue
from shelfwise.contracts.forecasts import ForecastQuery

PRODUCTS = [f"P{number}" for number in range(60)]
#: What is kept for some time, and so asked for at any time.
KEPT = ("FROM tenants", "FROM sales_days")
HEADER = "order_id,line_no,ordered_at,product,quantity,unit_price\n"


@pytest.fixture
async def shop(sales):
    """Sixty products, each sold on forty days, with a forecast run."""
    await sales.product_refs.apply("t1", catalogue(*PRODUCTS))

    async def chunks():
        for day in range(40):
            moment = f"2026-{1 + day // 28:02}-{1 + day % 28:02}T10:00:00"
            lines = [f"{name}-{day},1,{moment},{name},{1 + day % 3},2.5" for name in PRODUCTS]
            yield ((HEADER if day == 0 else "") + "\n".join(lines) + "\n").encode()

    view = await sales.imports.run("t1", chunks(), history=True)
    assert (view["imported"], view["errors"]) == (2400, 0)
    await sales.forecast_runs.run("t1")
    return sales


def questions(statements: list[str]) -> int:
    return sum(not any(table in statement for table in KEPT) for statement in statements)


async def test_analytics_of_sixty_products_cost_two_questions_as_of_one(shop):
    counted = []
    for wanted in (PRODUCTS[:1], PRODUCTS):
        with asked() as statements:
            answer = await shop.analytics.products("t1", wanted, 30)
        counted.append((len(answer["items"]), questions(statements)))
    assert counted == [(1, 2), (60, 2)]


@pytest.mark.parametrize("days", [30, 90])
async def test_forecasts_of_sixty_products_cost_as_many_questions_as_of_one(shop, days):
    """Ninety days are more than a run stores: they are computed, from one reading of all that a forecast is made from.

    Products, stored forecasts and overrides; then the run, sales, stock-outs, promotions and the calendar.
    """
    await shop.forecasting.query(
        "t1", ForecastQuery(product_ids=PRODUCTS[:1], forecast_days=90)
    )  # keeps the calibration
    counted = []
    for wanted in (PRODUCTS[:1], PRODUCTS):
        with asked() as statements:
            answer = await shop.forecasting.query("t1", ForecastQuery(product_ids=wanted, forecast_days=days))
        counted.append((len(answer["items"]), questions(statements)))
    assert counted == [(1, 3 if days == 30 else 8), (60, 3 if days == 30 else 8)]
