"""Events and closed days on their way into runs and forecasts, on both databases."""

from datetime import date, timedelta

import msgspec
import numpy as np
import pytest

from fixtures.sales import catalogue
from shelfwise.platform.problems import InvalidError
from shelfwise.sales.calendar.rules import MAX_NAMES
from shelfwise.sales.calendar.schemas import CalendarEntry, NewCalendar
from shelfwise.sales.forecasting.rules import ProductSeries
from shelfwise.sales.overrides.schemas import NewOverride

HEADER = "order_id,line_no,ordered_at,product,quantity,unit_price\n"
TODAY = date(2026, 3, 1)
START = TODAY - timedelta(days=60)


@pytest.fixture
async def shop(sales):
    """A product that sold 4 a day for 60 days."""
    await sales.product_refs.apply("t1", catalogue("P1"))

    async def chunks():
        days = [START + timedelta(days=n) for n in range(60)]
        yield (HEADER + "\n".join(f"{day},1,{day}T10:00,P1,4,2" for day in days)).encode()

    await sales.imports.run("t1", chunks(), history=True)
    return sales


def on(days, name="fair", kind="event"):
    return CalendarEntry(TODAY + timedelta(days=days), name, kind)


async def replace(shop, *entries):
    await shop.calendar.replace("t1", NewCalendar(list(entries)))


async def ask(shop, days=7):
    return await shop.forecasting.product("t1", "P1", forecast_days=days, service_level=0.95)


async def test_events_and_closed_days_reach_past_and_future(shop):
    await replace(shop, on(-1), on(2), on(3, "feast"), on(-2, "moving", "closed"), on(4, "moving", "closed"), on(99))
    async with shop.database.read("t1") as connection:
        series = [ProductSeries("P1", None, START)]
        given = await shop.forecasting.inputs(connection, "t1", series, START, TODAY, 10)
    assert {name: list(np.flatnonzero(flags) - 60) for name, flags in given.events.items()} == {
        "fair": [-1, 2],
        "feast": [3],
    }
    assert list(np.flatnonzero(~given.panel.open[0]) - 60) == [-2]
    assert list(np.flatnonzero(given.closed)) == [4]


async def test_on_a_closed_day_nothing_is_expected_and_the_explanation_says_so(shop):
    await shop.forecast_runs.run("t1")
    before = await ask(shop)
    await replace(shop, on(2, "stocktaking", "closed"))
    await shop.forecast_runs.run("t1")
    after = await ask(shop)
    assert after["daily"][2]["mean"] == 0
    assert set(after["daily"][2]["quantiles"]) == {0}
    assert after["daily"][:2] + after["daily"][3:] == before["daily"][:2] + before["daily"][3:]
    lost = before["daily"][2]["mean"]
    assert after["predicted_demand"] == pytest.approx(before["predicted_demand"] - lost, abs=0.02)
    terms = {term["term"]: term["units"] for term in after["explanation"]}
    assert terms["closed"] == pytest.approx(-lost, abs=0.02)
    assert sum(terms.values()) == pytest.approx(after["predicted_demand"], abs=1e-9)


async def test_a_closed_day_beyond_the_run_counts_in_a_longer_question_and_in_a_refresh(shop):
    await shop.forecast_runs.run("t1")
    await replace(shop, on(2, "stocktaking", "closed"), on(80, "summer", "closed"))
    assert (await ask(shop, 90))["daily"][80]["mean"] == 0
    assert (await ask(shop))["daily"][2]["mean"] > 0
    await shop.forecasting.refresh("t1", ["P1"])
    assert (await ask(shop))["daily"][2]["mean"] == 0


async def test_an_override_in_units_opens_a_closed_day(shop):
    await replace(shop, on(2, "stocktaking", "closed"))
    day = TODAY + timedelta(days=2)
    await shop.overrides.add("t1", NewOverride("P1", day, day, "open after all", units_per_day=6), "ann")
    answer = await ask(shop)
    assert answer["daily"][2]["mean"] == 6
    assert answer["predicted_demand"] == pytest.approx(answer["statistical_demand"] + 6, abs=0.01)


async def test_past_days_that_are_marked_as_closed_are_no_lack_of_demand(shop):
    await shop.product_refs.apply("t1", msgspec.structs.replace(catalogue("P1", "P2"), tenant=None))

    async def chunks():
        days = [START + timedelta(days=n) for n in range(60) if n % 3]
        yield (HEADER + "\n".join(f"x{day},1,{day}T10:00,P2,6,2" for day in days)).encode()

    await shop.imports.run("t1", chunks(), history=True)
    ignored = (await shop.forecasting.product("t1", "P2", forecast_days=30, service_level=0.95))["predicted_demand"]
    await replace(shop, *(on(n - 60, "closed", "closed") for n in range(60) if n % 3 == 0))
    known = (await shop.forecasting.product("t1", "P2", forecast_days=30, service_level=0.95))["predicted_demand"]
    assert known > 1.2 * ignored


async def test_a_changed_calendar_is_a_new_input_of_a_run_and_the_same_again_is_not(shop):
    run = await shop.forecast_runs.run("t1")
    await replace(shop, on(3))
    second = await shop.forecast_runs.run("t1")
    assert not second["repeated"]
    await replace(shop, on(3))
    assert (await shop.forecast_runs.run("t1"))["repeated"]
    # Beyond what a run looks at.
    await replace(shop, on(3), on(61), on(-1000))
    assert (await shop.forecast_runs.run("t1"))["run_id"] == second["run_id"]
    await replace(shop)
    assert (await shop.forecast_runs.run("t1"))["run_id"] == run["run_id"]


async def test_a_file_is_added_to_the_calendar_and_changes_nothing_the_second_time(shop):
    await replace(shop, on(0))
    text = (
        "day,name,kind\n2026-03-01,fair,\n2026-12-24,Christmas Eve,event\n2026-12-25,Christmas,closed\n"
        "soon,x,\n2026-12-26,,\n2026-12-26,x,half\n"
    )
    told = await shop.calendar.import_table("t1", text.encode())
    assert (told["rows"], told["imported"], told["unchanged"], told["errors"]) == (6, 2, 1, 3)
    assert [row["reason"].split(":")[0] for row in told["row_errors"]] == ["day", "name", "kind"]
    again = await shop.calendar.import_table("t1", text.encode())
    assert (again["imported"], again["unchanged"]) == (0, 3)
    items = (await shop.calendar.page("t1"))["items"]
    assert [item["name"] for item in items] == ["fair", "Christmas Eve", "Christmas"]


async def test_more_names_than_can_be_kept_are_refused_as_a_whole(shop):
    await replace(shop, *(on(n, f"event {n}") for n in range(MAX_NAMES)))
    with pytest.raises(InvalidError, match=f"at most {MAX_NAMES}"):
        await shop.calendar.import_table("t1", b"day,name\n2026-03-01,one more\n")
    with pytest.raises(InvalidError, match=f"at most {MAX_NAMES}"):
        await replace(shop, *(on(n, f"event {n}") for n in range(MAX_NAMES + 1)))
    assert (await shop.calendar.page("t1"))["items"][0]["name"] == "event 0"
