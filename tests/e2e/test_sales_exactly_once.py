"""A sale reaches the ledger exactly once, though either service is killed at random moments."""

import asyncio
import json
import random
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from fixtures.pairs import PRODUCT, TENANT, service_pair, shelfwise, wait_until
from fixtures.sizes import STATED
from shelfwise.inventory.tables import MIGRATIONS as INVENTORY
from shelfwise.sales.tables import MIGRATIONS as SALES

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

ORDERS, KILLS, PER_STREAM, OPENING = (20_000, 12, 100, 30_000) if STATED else (200, 2, 20, 150)


def urls(databases):
    """The two services' settings of fresh databases, for the environment."""
    with asyncio.Runner() as runner:
        found = {name: runner.run(databases.fresh(part)) for name, part in (("INVENTORY", INVENTORY), ("SALES", SALES))}
    env = {}
    for name, url in found.items():
        given = {"DATABASE_URL": url.database, "MIGRATION_URL": url.migration, "RELAY_URL": url.relay}
        env |= {f"{name}_{key}": value for key, value in given.items() if value is not None}
    return env


def until_taken(pair, path, body, **known):
    """Posts a stream until it is answered; repeating it changes nothing."""
    give_up = time.monotonic() + 120
    while True:
        try:
            answer = pair.sales(path, method="POST", body=body, **known)
        except OSError:
            answer = None
        if answer is not None and answer.status == 200:
            assert answer.json()["rejected"] == 0, answer
            return
        assert answer is None or answer.status == 503, answer
        assert time.monotonic() < give_up, answer
        time.sleep(0.1)


def stream(first):
    """Orders of one product each, and the units that they take."""
    chance = random.Random(first)
    lines, units = [], 0
    for number in range(first, first + PER_STREAM):
        quantity = chance.randint(1, 2)
        units += quantity
        order = {
            "order_id": f"O{number}",
            "ordered_at": datetime.now(UTC).isoformat(),
            "lines": [{"line_no": 1, "product": PRODUCT, "quantity": quantity, "unit_price": 2.0}],
        }
        lines.append(json.dumps(order))
    return "\n".join(lines).encode(), units


def killer(pair, stop):
    """Kills one side after the other at random moments, and starts it again."""
    chance = random.Random(3)
    for number in range(KILLS):
        if stop.wait(chance.uniform(0.2, 2.0)):
            return
        name = ("inventory", "sales")[number % 2]
        pair.processes[name].kill()
        pair.processes[name].wait()
        time.sleep(chance.uniform(0.0, 0.5))
        pair.start(name)


def test_whichever_side_is_killed_stock_is_receipts_less_sales_plus_returns(databases, tmp_path):
    env = urls(databases)
    with service_pair(tmp_path / "data", **env) as pair:
        arguments = ("tenant", "create", TENANT, "--time-zone", "UTC")
        shelfwise(*arguments, data_dir=pair.data_dir, env=env)
        known = {"token": pair.token(TENANT), "tenant": TENANT}
        product = {"id": PRODUCT, "sku": "LAP-001", "name": "Laptop", "price": 2.0}
        assert pair.inventory("/api/inventory/products", method="POST", body=product, **known).status == 201
        wait_until(
            lambda: pair.sales(f"/api/sales/products/{PRODUCT}/analytics", **known).status == 200, 15, "the product"
        )
        pair.stock(datetime.now(UTC) - timedelta(days=1), OPENING, **known)
        stop, sold = threading.Event(), 0
        killing = threading.Thread(target=killer, args=(pair, stop))
        killing.start()
        try:
            for first in range(0, ORDERS, PER_STREAM):
                body, units = stream(first)
                sold += units
                until_taken(pair, "/api/sales/orders/bulk", body, **known, Content_Type="application/x-ndjson")
        finally:
            if not STATED:
                killing.join(60)
            stop.set()
            killing.join(60)
        line = {"lines": [{"line_no": 1, "quantity": 1, "resellable": True}]}
        assert pair.sales("/api/sales/orders/O0/returns", method="POST", body=line, **known).status == 200
        expected = OPENING - sold + 1
        wait_until(
            lambda: pair.on_hand(PRODUCT, **known) == expected, 120, f"{expected} on hand", pair.log("inventory")
        )
        time.sleep(1.0)
        assert pair.on_hand(PRODUCT, **known) == expected
        level = pair.inventory("/api/inventory/stock-levels", **known).json()["items"][0]
        assert level["oversold"] is (expected < 0)
        checked = shelfwise("stock", "rebuild", "--tenant", TENANT, "--check", data_dir=pair.data_dir, env=env)
        assert ", 0 figures differed," in checked
