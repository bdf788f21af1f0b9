"""A planner's overrides in the answers, in their list and in their scores, on both databases."""

import asyncio
from datetime import date, timedelta
from itertools import pairwise

import msgspec
import pytest

from fixtures.sales import catalogue
from shelfwise.platform.idempotency import RequestIdentity
from shelfwise.platform.problems import IdempotencyMismatchError, InvalidError
from shelfwise.sales.forecasting.service import ProductUnknownError
from shelfwise.sales.overrides.errors import OverlappingOverrideError, OverrideNotFoundError
from shelfwise.sales.overrides.schemas import NewOverride

HEADER = "order_id,line_no,ordered_at,product,quantity,unit_price\n"
TODAY = date(2026, 3, 1)


async def sold(sales, rows):
    """(product, day, units) by rows, as history."""

    async def chunks():
        yield (
            HEADER + "\n".join(f"{day}-{name},1,{day}T10:00,{name},{units},2.5" for name, day, units in rows)
        ).encode()

    await sales.imports.run("t1", chunks(), history=True)


@pytest.fixture
async def shop(sales):
    """Two products that sold 3 to 5 a day for 100 days, and a run."""
    await sales.product_refs.apply("t1", catalogue("P1", "P2"))
    days = [TODAY - timedelta(days=ago) for ago in range(100, 0, -1)]
    await sold(sales, [(name, day, 3 + day.toordinal() % 3) for day in days for name in ("P1", "P2")])
    await sales.forecast_runs.run("t1")
    return sales


def new(product="P1", first=0, last=4, **change):
    change = change or {"factor": 1.2}
    return NewOverride(product, TODAY + timedelta(days=first), TODAY + timedelta(days=last), "a fair in town", **change)


async def add(shop, override, identity=None):
    return msgspec.json.decode((await shop.overrides.add("t1", override, "ann", identity)).body)


async def ask(shop, product="P1", days=10):
    return await shop.forecasting.product("t1", product, forecast_days=days, service_level=0.95)


def terms(answer):
    return {term["term"]: term["units"] for term in answer["explanation"]}


def identity(key="k", payload=b"x"):
    return RequestIdentity.of(tenant_id="t1", subject="ann", route="POST /o", key=key, payload=payload)


async def test_twenty_percent_more_on_days_is_exactly_that_and_the_rest_stays(shop):
    before = await ask(shop)
    made = await add(shop, new())
    after = await ask(shop)
    for was, now in zip(before["daily"][:5], after["daily"][:5], strict=True):
        assert now["mean"] == pytest.approx(1.2 * was["mean"], abs=1e-4)
    assert after["daily"][5:] == before["daily"][5:]
    assert after["statistical_demand"] == before["predicted_demand"]
    assert after["override_ids"] == [made["override_id"]]
    assert terms(after)["override"] == pytest.approx(0.2 * sum(day["mean"] for day in before["daily"][:5]), abs=0.02)
    assert sum(terms(after).values()) == pytest.approx(after["predicted_demand"], abs=1e-9)
    assert after["recommended_stock_level"] > before["recommended_stock_level"]
    assert any("a fair in town" in note for note in after["notes"])
    assert "statistical_demand" not in await ask(shop, "P2")


async def test_an_override_that_begins_later_leaves_the_days_before_it_to_the_last_bit(shop):
    before = await ask(shop)
    await add(shop, new(first=3, last=6, units_per_day=40))
    after = await ask(shop)
    assert after["totals"][:3] == before["totals"][:3]
    assert [day["mean"] for day in after["daily"][3:7]] == [40.0] * 4
    assert "override_ids" not in await ask(shop, days=3)


async def test_units_shift_the_totals_by_the_added_mean(shop):
    before = await ask(shop)
    await add(shop, new(first=0, last=9, units_per_day=20.25))
    after = await ask(shop)
    assert after["predicted_demand"] == 202.5
    moved = 202.5 - before["totals"][-1]["mean"]
    for was, now in zip(before["totals"][-1]["quantiles"], after["totals"][-1]["quantiles"], strict=True):
        assert now == pytest.approx(was + moved, abs=0.51)
        assert now == round(now)


@pytest.mark.parametrize(
    "change", [{"factor": 0.0}, {"units_per_day": 0.0}, {"factor": 0.3}, {"units_per_day": 1000.0}]
)
async def test_totals_never_fall_with_days_or_level_nor_below_nothing(shop, change):
    await add(shop, new(first=2, last=5, **change))
    await add(shop, new(first=6, last=8, units_per_day=0.5))
    totals = [total["quantiles"] for total in (await ask(shop, days=20))["totals"]]
    for now, then in pairwise(totals):
        assert all(a <= b for a, b in zip(now, then, strict=True))
    assert all(row == sorted(row) and row[0] >= 0 and row == [round(x) for x in row] for row in totals)


async def test_no_demand_at_all_is_no_stock_at_all(shop):
    await add(shop, new(first=0, last=19, factor=0))
    answer = await ask(shop, days=20)
    assert (answer["predicted_demand"], answer["recommended_stock_level"]) == (0, 0)


async def test_an_override_outlives_a_refresh_and_a_longer_question(shop):
    await add(shop, new(first=0, last=99, factor=2))
    await shop.forecasting.refresh("t1", ["P1"])
    answer = await ask(shop, days=100)
    assert answer["predicted_demand"] == pytest.approx(2 * answer["statistical_demand"], abs=0.02)


async def test_a_withdrawn_override_is_gone_from_forecasts_and_kept_in_the_list(shop, clock):
    before = await ask(shop)
    made = await add(shop, new())
    clock.now += timedelta(minutes=1)
    gone = msgspec.json.decode((await shop.overrides.withdraw("t1", made["override_id"], "bob")).body)
    assert (gone["withdrawn_by"], gone["withdrawn_at"]) == ("bob", "2026-03-01T12:01:00Z")
    again = msgspec.json.decode((await shop.overrides.withdraw("t1", made["override_id"], "eve")).body)
    assert again == gone
    assert await ask(shop) == before
    assert (await shop.overrides.page("t1"))["items"] == []
    assert (await shop.overrides.page("t1", withdrawn=True))["items"] == [gone]
    with pytest.raises(OverrideNotFoundError):
        await shop.overrides.withdraw("t1", "nope", "bob")


async def test_two_overrides_of_a_product_never_stand_on_one_day_not_even_at_once(shop):
    results = await asyncio.gather(*(add(shop, new()) for _ in range(4)), return_exceptions=True)
    refused = [each for each in results if isinstance(each, OverlappingOverrideError)]
    assert len(refused) == 3
    await add(shop, new(first=5, last=5))
    await add(shop, new("P2"))


async def test_the_same_key_gets_the_same_answer_and_another_payload_is_refused(shop):
    first = await shop.overrides.add("t1", new(), "ann", identity())
    assert await shop.overrides.add("t1", new(), "ann", identity()) == first
    with pytest.raises(IdempotencyMismatchError):
        await shop.overrides.add("t1", new("P2"), "ann", identity(payload=b"y"))
    assert len((await shop.overrides.page("t1"))["items"]) == 1


@pytest.mark.parametrize(
    ("override", "field"),
    [
        (new(first=-1), "first_day"),
        (new(first=3, last=2), "last_day"),
        (new(last=180), "last_day"),
        (new(factor=1.2, units_per_day=3), "factor"),
        (NewOverride("P1", TODAY, TODAY, "neither"), "factor"),
        (NewOverride("P1", TODAY, TODAY, "  ", factor=2), "reason"),
        (NewOverride("P1", TODAY, TODAY, "a\x00", factor=2), "reason"),
    ],
)
async def test_an_override_that_cannot_be_names_its_field_and_changes_nothing(shop, override, field):
    with pytest.raises(InvalidError) as caught:
        await shop.overrides.add("t1", override, "ann")
    assert caught.value.errors[0].field == field
    assert (await shop.overrides.page("t1"))["items"] == []


async def test_an_override_of_a_product_that_sales_does_not_know_is_404(shop):
    with pytest.raises(ProductUnknownError):
        await shop.overrides.add("t1", new("nope"), "ann")


async def test_the_list_is_filtered_and_comes_page_by_page(shop, clock):
    for first in range(5):
        clock.now += timedelta(seconds=1)
        await add(shop, new("P1" if first % 2 else "P2", first=first, last=first))
    seen, cursor = [], None
    while True:
        page = await shop.overrides.page("t1", limit=2, cursor=cursor)
        seen += [item["first_day"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [str(TODAY + timedelta(days=first)) for first in (4, 3, 2, 1, 0)]
    assert len((await shop.overrides.page("t1", product_id="P1"))["items"]) == 2
    assert len((await shop.overrides.page("t1", from_day=TODAY + timedelta(days=3)))["items"]) == 2


async def test_overrides_whose_days_are_over_are_scored_against_the_forecast_of_their_day(shop, clock):
    before = await ask(shop, days=2)
    made = await add(shop, new(first=0, last=1, factor=2))
    await add(shop, new("P2", first=0, last=30))
    clock.now += timedelta(days=1)
    assert (await shop.overrides.scores("t1"))["items"] == []
    await sold(shop, [("P1", TODAY, 7), ("P1", TODAY + timedelta(days=1), 8), ("P1", TODAY + timedelta(days=2), 90)])
    # Long after the forecasts of that time were pruned.
    clock.now += timedelta(days=100)
    await shop.forecasting.prune("t1")
    (score,) = (await shop.overrides.scores("t1", product_id="P1"))["items"]
    assert (score["override"], score["days"], score["actual"]) == (made, 2, 15)
    assert score["statistical"] == before["predicted_demand"]
    assert score["overridden"] == pytest.approx(2 * score["statistical"], abs=0.02)
    expected = abs(score["statistical"] - 15) - abs(score["overridden"] - 15)
    assert score["gain"] == pytest.approx(expected, abs=0.01)
    assert score["gain"] > 0


async def test_an_override_on_days_without_a_sale_is_scored_against_nothing_and_a_withdrawn_one_not_at_all(shop, clock):
    made = await add(shop, new("P2", first=0, last=1, units_per_day=5))
    gone = await add(shop, new("P1", first=0, last=1))
    await shop.overrides.withdraw("t1", gone["override_id"], "ann")
    clock.now += timedelta(days=5)
    (score,) = (await shop.overrides.scores("t1"))["items"]
    assert (score["override"]["override_id"], score["actual"], score["overridden"]) == (made["override_id"], 0, 10)
    assert score["gain"] < 0
