"""The demo as a stranger meets it: one command, four calls to paste, and nothing left behind."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from fixtures.demo import STATED, RunningDemo, demo, is_alive
from fixtures.pairs import request, wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

README = Path(__file__).parents[2] / "README.md"
KEYS = [
    {"id", "sku", "name", "quantity_on_hand", "sales_analytics"},
    {"id", "current_stock", "demand_forecast"},
    {"inventory_stats", "sales_summary", "top_selling_products", "low_stock_alerts"},
    {"product_id", "current_stock", "sales_analytics", "forecast", "recommendation"},
]


@dataclass(frozen=True)
class FirstRun:
    """What a first start in a folder did, until Ctrl-C; the folder had been left half loaded by a killed demo."""

    folder: Path
    out: str
    err: str
    code: int
    left: list[str]
    killed_secret: str


def is_loading(folder: Path) -> bool:
    """Whether a tenant is there already; of the stated size, the one that takes long to load."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{folder}/inventory.db?mode=ro", uri=True)) as connection:
            wanted = ("demo" if STATED else "tenant-1",)
            return connection.execute("SELECT 1 FROM tenants WHERE tenant_id = ?", wanted).fetchone() is not None
    except sqlite3.OperationalError:
        return False


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """A demo's folder after SIGKILL in the middle of loading."""
    base = tmp_path_factory.mktemp("demo")
    with demo(base / "folder", base / "killed") as running:
        wait_until(lambda: is_loading(base / "folder"), 120, "a half of the loading to be done")
        running.process.kill()
        running.process.wait()
        wait_until(running.ports_are_free, 30, "the services to end with the demo")
    return base / "folder"


@pytest.fixture(scope="module")
def first_run(killed) -> FirstRun:
    base, secret = killed.parent, (killed / "auth-secret").read_text()
    assert not (killed / "demo-loaded").exists()
    # A shell that is set up for production must not lead the demo there.
    (base / "elsewhere").mkdir()
    elsewhere = f"sqlite:///{base}/elsewhere/production.db"
    settings = {"INVENTORY_DATABASE_URL": elsewhere, "SALES_DATABASE_URL": elsewhere, "ENVIRONMENT": "production"}
    with demo(killed, base / "first", **settings, AUTH_SECRET="another-secret-0123456789abcdef") as running:
        running.wait_ready()
        ids = running.process_ids
        code = running.stop(signal.SIGINT)
        left = [name for name, number in ids.items() if is_alive(number)]
        assert len(ids) == 2
        assert list((base / "elsewhere").iterdir()) == []
        shutil.copytree(killed, base / "copy")
        return FirstRun(killed, running.out, running.err, code, left, secret)


@pytest.fixture(scope="module")
def again(first_run) -> Iterator[RunningDemo]:
    """The second start in the same folder; stopped by SIGTERM, which must leave nothing behind."""
    with demo(first_run.folder, first_run.folder.parent / "second") as running:
        running.wait_ready()
        yield running
        assert running.stop(signal.SIGTERM) == 0
        assert [name for name, number in running.process_ids.items() if is_alive(number)] == []


def paste(line: str) -> object:
    """What a shell prints for a pasted ``curl`` line; fails unless it is JSON of a success."""
    done = subprocess.run(["sh", "-c", f"{line} -s --fail-with-body"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def test_ctrl_c_stops_both_services_and_exits_0(first_run):
    assert first_run.code == 0
    assert first_run.left == []
    assert f"The data stays in {first_run.folder.resolve()}." in first_run.err


def test_the_first_start_loads_and_says_how_much(first_run):
    assert re.search(r"demo: loaded +\S+ (\d+)/\1 ", first_run.err)
    assert re.search(r"demo: planned +\S+ (\d+)/\1 ", first_run.err)
    assert f"demo: {500 if STATED else 20} products, " in first_run.err
    assert "tenant-1: 12 products, " in first_run.err


def test_an_interrupted_load_is_begun_afresh(first_run):
    assert (first_run.folder / "auth-secret").read_text() != first_run.killed_secret
    assert re.search(r"tenant-1: loaded +\S+ (\d+)/\1 ", first_run.err)


def test_a_second_start_loads_nothing_again(first_run, again):
    assert "loaded" not in again.err
    assert "products" not in again.err
    assert (first_run.folder / "demo-loaded").exists()


def test_it_prints_the_urls_a_token_and_four_curl_lines(again):
    for name, port in again.ports.items():
        assert f"  {name.capitalize():11}http://localhost:{port}/docs " in again.out
    assert len(again.curls) == 4
    assert all(again.token in line and "tenant-1" in line for line in again.curls)


def test_it_says_what_is_real_and_what_is_simulated(first_run, again):
    said = " ".join(again.out.split())
    assert "UCI Online Retail, Daqing Chen, CC BY 4.0" in said
    assert "Stock, suppliers, costs and lead times are simulated" in said
    assert "tenant-1 The example of the integration document. Simulated throughout." in said
    pinned = re.search(r"The business date is pinned to (\S+), ", said)[1]
    assert f"pinned to {pinned}" in " ".join(first_run.out.split())
    today = date.today()  # noqa: DTZ011  the demo's user's own day, as the demo takes it
    assert (today - date.fromisoformat(pinned)).days in {0, 1}


@pytest.mark.parametrize("number", range(4))
def test_each_printed_curl_works_when_pasted(again, number):
    answer = paste(again.curls[number])
    assert KEYS[number] <= set(answer)
    assert '"degraded": true' not in json.dumps(answer)
    assert not answer.get("degraded")


def test_the_documented_laptop_is_as_documented(again):
    answer = paste(again.curls[0])
    assert (answer["sku"], answer["name"], answer["quantity_on_hand"]) == ("LAP-001", "Laptop", 50)
    assert answer["sales_analytics"]["total_quantity_sold"] == 150


def test_the_wholesalers_real_products_have_a_recommendation_and_a_dashboard(again):
    product = re.search(r"a product such as (\w+) \((.+)\)", again.out)
    recommendation, dashboard = (again.curls[number].replace("tenant-1", "demo") for number in (3, 2))
    answer = paste(recommendation.replace("PRD-123", product[1]))
    assert answer["product_id"] == product[1]
    assert answer["sales_analytics"]["total_sold_30_days"] > 0
    assert answer["recommendation"]["needs_reorder"] in {True, False}
    found = paste(dashboard)
    assert found["inventory_stats"]["total_products"] == (500 if STATED else 20)
    assert found["top_selling_products"][0]["product_name"] == product[2]
    assert found["sales_summary"]["total_revenue"] > 0


def test_the_shorter_way_to_a_token_works_when_pasted(again):
    (command,) = re.findall(r"(TOKEN=\$\(.+\))", again.out)
    line = again.curls[2].replace(again.token, "$TOKEN")
    assert KEYS[2] <= set(paste(f"{command}; {line}"))


def test_a_frozen_sales_leaves_inventory_answering_as_the_demo_says(again):
    frozen = re.search(r"kill -STOP (\d+) ", again.out)[1]
    assert int(frozen) == again.process_ids["sales"]
    os.kill(int(frozen), signal.SIGSTOP)
    try:
        for keys, line in zip(KEYS, again.curls, strict=True):
            assert keys <= set(paste(line.replace("days=30", "days=29")))
    finally:
        os.kill(int(frozen), signal.SIGCONT)


def test_the_readmes_first_five_minutes_work(again):
    (block,) = re.findall(
        r"^## The first five minutes$.*?^```\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE
    )
    script = block.replace(":5000", f":{again.ports['inventory']}").replace(":5001", f":{again.ports['sales']}")
    script = script.replace(".venv/bin/shelfwise", f"{shlex.quote(sys.executable)} -m shelfwise.cli")
    script = script.replace("--data-dir shelfwise-demo", f"--data-dir {shlex.quote(str(again.folder))}")
    setup, *commands = re.split(r"^# .*$", script, flags=re.MULTILINE)
    said = subprocess.run(
        ["sh", "-c", f"{setup}\nprintf '%s %s' $TOKEN $NOW"], capture_output=True, text=True, check=True
    ).stdout
    token, now = said.split()

    def run(command: str) -> dict:
        done = subprocess.run(
            ["sh", "-c", command],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "TOKEN": token, "NOW": now},
        )
        return json.loads(done.stdout)

    order, sale, look = commands
    assert run(order)["recommendation"]["needs_reorder"] is True
    before = run(look)["quantity_on_hand"]
    assert run(sale) == run(sale)
    wait_until(lambda: run(look)["quantity_on_hand"] == before - 5 == 45, 5, "Inventory to know of the sale")


def test_reset_loads_afresh_and_a_killed_service_is_reported_while_the_other_goes_on(tmp_path, first_run):
    with demo(first_run.folder.with_name("copy"), tmp_path / "logs", "--reset") as running:
        running.wait_ready()
        assert "tenant-1: 12 products" in running.err
        token = re.search(r"^ey[\w.-]+$", first_run.out, re.MULTILINE)[0]
        path = f"http://127.0.0.1:{running.ports['inventory']}/api/inventory/dashboard"
        assert request(path, token=token, tenant="demo").status == 401
        assert request(path, token=running.token, tenant="demo").status == 200
        os.kill(running.process_ids["sales"], signal.SIGKILL)
        running.wait_said("sales has ended (signal SIGKILL)")
        assert "The other service goes on." in running.err
        assert KEYS[0] <= set(paste(running.curls[0]))
        assert running.stop(signal.SIGTERM) == 1
        assert not is_alive(running.process_ids["inventory"])


def test_ctrl_c_while_loading_stops_both_and_says_that_the_next_start_loads_afresh(tmp_path):
    with demo(tmp_path / "folder", tmp_path / "logs") as running:
        wait_until(lambda: is_loading(tmp_path / "folder"), 120, "a half of the loading to be done")
        assert running.stop(signal.SIGINT) == 0
    assert "Stopped. The next start loads afresh." in running.err
