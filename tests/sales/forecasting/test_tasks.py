"""Runs: stock-outs fetched from a server that answers as Inventory does, resumed after kill -9, one at a time."""

import asyncio
import json
import signal
import subprocess
import sys
from datetime import date, timedelta

import msgspec
import pytest

from fixtures.sales import SECRET, catalogue
from fixtures.servers import running
from shelfwise.contracts.availability import AvailabilityQuery
from shelfwise.contracts.forecasts import ForecastQuery
from shelfwise.platform.leases import LeaseHeldError
from shelfwise.sales.config import SalesSettings
from shelfwise.sales.forecasting import tasks
from shelfwise.sales.forecasting.tasks import LEASE
from shelfwise.sales.main import compose

HEADER = "order_id,line_no,ordered_at,product,quantity,unit_price\n"
TODAY = date(2026, 3, 1)
DAYS = 120
NAMES = [f"P{n:02d}" for n in range(12)]


class AskedInventory:
    """Answers as Inventory does: P00 was out of stock on the 40 days before the last ten, all else never."""

    def __init__(self) -> None:
        self.queries: list[AvailabilityQuery] = []
        self.tokens: list[str] = []
        self.status = 200

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        query = msgspec.json.decode(body, type=AvailabilityQuery)
        self.queries.append(query)
        self.tokens.append(dict(scope["headers"])[b"authorization"].decode())
        start, end = date.fromisoformat(query.start), date.fromisoformat(query.end)
        days = [start + timedelta(days=i) for i in range((end - start).days)]
        items = [{"product_id": n, "shares": [self.share(n, day) for day in days]} for n in query.product_ids]
        answer = json.dumps({"start": query.start, "end": query.end, "items": items, "unknown": []}).encode()
        headers = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    @staticmethod
    def share(name: str, day: date) -> float:
        return 0.0 if name == "P00" and 10 < (TODAY - day).days <= 50 else 1.0


async def filled(sales):
    """Every product sells 4 a day; P00 sells nothing while it is out of stock."""
    await sales.product_refs.apply("t1", catalogue(*NAMES))

    async def chunks():
        lines = [
            f"{day}-{name},1,{day}T10:00,{name},4,2.5"
            for day in (TODAY - timedelta(days=ago) for ago in range(DAYS, 0, -1))
            for name in NAMES
            if AskedInventory.share(name, day)
        ]
        yield (HEADER + "\n".join(lines)).encode()

    await sales.imports.run("t1", chunks(), history=True)
    return sales


@pytest.fixture
async def shop(sales):
    return await filled(sales)


@pytest.fixture
async def with_inventory(settings, clock):
    """Sales beside a server that answers; and that server."""
    inventory = AskedInventory()
    async with running(inventory) as peer:
        sales = compose(settings.model_copy(update={"INVENTORY_SERVICE_URL": peer.url}), clock=clock)
        yield await filled(sales), inventory
        await sales.aclose()


async def ask(sales, product="P00", days=30):
    return await sales.forecasting.product("t1", product, forecast_days=days, service_level=0.95)


async def test_days_out_of_stock_are_no_lack_of_demand(with_inventory):
    sales, inventory = with_inventory
    run = await sales.forecast_runs.run("t1")
    assert run["stock_history"] == "current"
    answer = await ask(sales)
    assert answer["predicted_demand"] == pytest.approx(120, rel=0.1)
    assert "Out of stock on 40 of the 120 days" in answer["notes"][-1]
    assert all(token.startswith("Bearer ") for token in inventory.tokens)


async def test_what_is_recomputed_on_demand_knows_the_same_stock_outs_without_asking_inventory(with_inventory):
    sales, inventory = with_inventory
    await sales.forecast_runs.run("t1")
    asked = len(inventory.queries)
    longer = await ask(sales, days=90)
    assert longer["totals"][:30] == (await ask(sales))["totals"]
    assert len(inventory.queries) == asked


async def test_later_only_the_last_weeks_are_asked_for_again(with_inventory, clock):
    sales, inventory = with_inventory
    await sales.forecast_runs.run("t1")
    inventory.queries.clear()
    clock.now += timedelta(days=1)
    await sales.forecast_runs.run("t1")
    assert [(query.start, query.end) for query in inventory.queries] == [
        ((TODAY - timedelta(days=28)).isoformat(), (TODAY + timedelta(days=1)).isoformat())
    ]


async def test_without_an_answer_a_run_uses_what_it_knows_and_says_so(with_inventory, clock):
    sales, inventory = with_inventory
    inventory.status = 503
    run = await sales.forecast_runs.run("t1")
    assert run["stock_history"] == "none"
    assert (await ask(sales))["notes"][-1].startswith("Days out of stock count as days without demand")
    inventory.status = 200
    clock.now += timedelta(seconds=30)  # for the breaker
    run = await sales.forecast_runs.run("t1")
    assert (run["stock_history"], run["repeated"]) == ("current", False)
    inventory.status = 503
    clock.now += timedelta(days=1)
    run = await sales.forecast_runs.run("t1")
    assert run["stock_history"] == "stale"
    assert (await ask(sales))["notes"][-1].endswith("From 2026-03-01 on it is not known.")


async def test_two_runs_of_a_tenant_at_once_are_one(shop, monkeypatch):
    monkeypatch.setattr(tasks, "_SHARD_PRODUCTS", 3)
    ends = await asyncio.gather(*(shop.forecast_runs.run("t1") for _ in range(4)), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["LeaseHeldError"] * 3 + ["dict"]
    assert "Another process is at 'forecast run'" in str(next(end for end in ends if isinstance(end, LeaseHeldError)))
    assert (await shop.forecast_runs.run("t1"))["repeated"]


KILLED = f"""
import asyncio, os, signal, sys
from fixtures.sales import Clock
from shelfwise.sales.config import SalesSettings
from shelfwise.sales.forecasting import tasks
from shelfwise.sales.main import compose

tasks._SHARD_PRODUCTS = 3

def step(stage, done, total):
    print(stage, done, flush=True)
    if (stage, done) == ("forecasting", 6):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    settings = SalesSettings(_env_file=None, AUTH_SECRET="{SECRET}", SALES_DATABASE_URL=sys.argv[1], INVENTORY_SERVICE_URL="http://127.0.0.1:9")
    await compose(settings, clock=Clock()).forecast_runs.run("t1", progress=step)

asyncio.run(main())
"""


async def test_a_run_that_was_killed_goes_on_where_it_was_with_the_same_calibration(
    shop, settings: SalesSettings, clock, monkeypatch
):
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", KILLED, settings.database_url],
        env={"PYTHONPATH": "tests", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout.splitlines()[-1] == "forecasting 6"
    with pytest.raises(LeaseHeldError):
        await shop.forecast_runs.run("t1")
    clock.now += timedelta(seconds=61)
    computed, original = [], tasks.computed

    def counting(inputs, calibration):
        computed.extend(inputs.panel.ids)
        return original(inputs, calibration)

    monkeypatch.setattr(tasks, "computed", counting)
    run = await shop.forecast_runs.run("t1")
    assert computed == NAMES[6:]
    assert (run["repeated"], run["products"]) == (False, 12)
    answer = await shop.forecasting.query("t1", ForecastQuery(product_ids=NAMES))
    assert {item["run_id"] for item in answer["items"]} == {run["run_id"]}
    assert {item["calibration_id"] for item in answer["items"]} == {run["calibration_id"]}


async def test_a_lease_is_given_back_when_a_run_fails(shop, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("out of order")

    monkeypatch.setattr(tasks, "calibrate", broken)
    with pytest.raises(RuntimeError):
        await shop.forecast_runs.run("t1")
    monkeypatch.undo()
    assert LEASE == "forecast run"
    assert not (await shop.forecast_runs.run("t1"))["repeated"]
