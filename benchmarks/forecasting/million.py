"""Many products through a whole forecast run, from a database of daily sales to one of stored forecasts.

    python benchmarks/forecasting/million.py --series 100000
    python benchmarks/forecasting/million.py --series 1000000    # an hour or more, and some 12 GB of disk

The sales are simulated (negative binomial, from one unit a quarter to some a day). The run is the Sales service's own,
in a process of its own, on SQLite; time by clock and CPU, and the peak of memory, go to results/million.json, one entry
for each number of series.
"""

import argparse
import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # run by its path, the folder of benchmarks is not importable
from benchmarks.environment import environment
from shelfwise.contracts.events import CatalogueRefs, ProductRef, TenantRef
from shelfwise.platform.migrate import MigrationUrls, upgrade
from shelfwise.sales.config import SalesSettings
from shelfwise.sales.main import compose
from shelfwise.sales.tables import MIGRATIONS

HERE = Path(__file__).parent
TENANT, DAYS, CATEGORIES, CHUNK = "many", 400, 40, 5000
TODAY = date(2026, 3, 1)
SECRET = "only-for-this-benchmark-0123456789abcdef"


def settings(folder: Path) -> SalesSettings:
    # Nobody listens there: the run goes on without stock history, as it says.
    return SalesSettings(
        _env_file=None, DATA_DIR=folder, AUTH_SECRET=SECRET, INVENTORY_SERVICE_URL="http://127.0.0.1:9"
    )


async def fill(folder: Path, count: int) -> int:
    """Products by the service, their simulated sales straight into ``sales_daily``; says how many rows there are."""
    chosen = settings(folder)
    await upgrade(MIGRATIONS, MigrationUrls(chosen.database_url))
    sales = compose(chosen, clock=lambda: datetime(2025, 1, 1, tzinfo=UTC))
    try:
        for begin in range(0, count, CHUNK):
            refs = [_product(number) for number in range(begin, min(begin + CHUNK, count))]
            tenant = TenantRef(tenant_id=TENANT, name="Simulated", time_zone="UTC", currency="EUR", version=1)
            await sales.product_refs.apply(TENANT, CatalogueRefs(tenant=tenant, products=refs))
            print(f"\r\033[K{begin + len(refs)} of {count} products", end="", file=sys.stderr, flush=True)
    finally:
        await sales.aclose()
    return _fill_sales(folder / "sales.db", count)


def _product(number: int) -> ProductRef:
    name = f"P{number:07d}"
    return ProductRef(product_id=name, sku=name, name=name, category=f"C{number % CATEGORIES}", version=1)


def _fill_sales(path: Path, count: int) -> int:
    random, rows = np.random.default_rng(0), 0
    days = [(TODAY - timedelta(days=DAYS - i)).isoformat() for i in range(DAYS)]
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    statement = (
        "INSERT INTO sales_daily (tenant_id, product_id, business_day, location_id, quantity, revenue, orders, "
        f"returned_quantity, refunded_revenue) VALUES ('{TENANT}', ?, ?, '', ?, ?, 1, 0, 0)"
    )
    for begin in range(0, count, CHUNK):
        size = min(CHUNK, count - begin)
        rate = np.minimum(random.gamma(0.5, 0.6, (size, 1)) + 0.01, 20.0)
        units = random.poisson(rate * random.gamma(2.0, 0.5, (size, DAYS)))
        product, day = np.nonzero(units)
        sold = units[product, day]
        connection.executemany(
            statement,
            zip(
                (f"P{begin + int(i):07d}" for i in product),
                (days[i] for i in day),
                sold.tolist(),
                (sold * 25_000).tolist(),
                strict=True,
            ),
        )
        connection.commit()
        rows += len(sold)
        print(f"\r\033[Ksales of {begin + size} of {count} products", end="", file=sys.stderr, flush=True)
    connection.close()
    print("\r\033[K", end="", file=sys.stderr)
    return rows


def run_here(folder: Path) -> None:
    """What the measured process does."""

    def show(stage: str, done: int, total: int) -> None:
        print(f"\r\033[K{stage}: {done} of {total}", end="", file=sys.stderr, flush=True)

    async def work() -> dict[str, object]:
        sales = compose(settings(folder), clock=lambda: datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC))
        try:
            return dict(await sales.forecast_runs.run(TENANT, progress=show))
        finally:
            await sales.aclose()

    begin, cpu = time.monotonic(), time.process_time()
    told = asyncio.run(work())
    status = Path("/proc/self/status").read_text()
    peak = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024
    figures = {"seconds": time.monotonic() - begin, "cpu_seconds": time.process_time() - cpu, "peak_bytes": peak}
    print(json.dumps({**told, **figures}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000, help="how many products")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="folder to write to")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.folder is not None:
        run_here(arguments.folder)
        return
    arguments.output.mkdir(parents=True, exist_ok=True)  # a folder that cannot be made is told before the hour
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        rows = asyncio.run(fill(Path(folder), arguments.series))
        filled = time.monotonic() - begin
        command = [sys.executable, str(Path(__file__).resolve()), "--folder", folder]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        size = (Path(folder) / "sales.db").stat().st_size
    report = json.loads(ended.stdout.splitlines()[-1])  # logs come before it
    entry = {
        "series": arguments.series,
        "rows": rows,
        "fill_seconds": round(filled, 1),
        "seconds": round(report["seconds"], 1),
        "cpu_seconds": round(report["cpu_seconds"], 1),
        "series_per_second": round(arguments.series / report["seconds"]),
        "peak_mib": round(report["peak_bytes"] / 2**20),
        "database_mib": round(size / 2**20),
        "environment": environment(("shelfwise", "numpy", "sqlalchemy")),
    }
    path = arguments.output / "million.json"
    known = json.loads(path.read_text()) if path.exists() else []
    path.write_text(json.dumps([e for e in known if e["series"] != arguments.series] + [entry], indent=1) + "\n")
    print(json.dumps({key: value for key, value in entry.items() if key != "environment"}, indent=1))


if __name__ == "__main__":
    main()
