"""Movements per second of the ledger at 1, 16 and 64 concurrent connections, on SQLite and on PostgreSQL, with p99.

Each request records one receipt of one of a hundred products, durably: SQLite with synchronous=FULL, PostgreSQL as its
server is set. One Inventory process serves; the client shares its cores. PostgreSQL's database is named by
``--postgresql`` (a URL whose role may create a schema in it); without it only SQLite is measured.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import load

TENANT, PRODUCTS = "bench", 100

#: Figures by database, one entry for each concurrency.
Results = dict[str, list[dict[str, object]]]


def measure(postgresql: str | None, concurrency: list[int], seconds: float, port: int) -> Results:
    """The figures by database."""
    results: Results = {"sqlite": _measured({}, concurrency, seconds, port)}
    if postgresql is not None:
        results["postgresql"] = _measured({"INVENTORY_DATABASE_URL": postgresql}, concurrency, seconds, port)
    return results


def _measured(database: dict[str, str], concurrency: list[int], seconds: float, port: int) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory(prefix="shelfwise-bench-") as folder:
        env = {**os.environ, "DATA_DIR": folder, "DRAIN_SECONDS": "0", "SALES_SERVICE_URL": "http://127.0.0.1:9"}
        env |= {"LOG_LEVEL": "error", **database}
        with _serving(env, port):
            _shelfwise(env, "tenant", "create", TENANT)
            products = Path(folder) / "products.csv"
            rows = "".join(f"P{number:03},S{number:03},Product {number}\n" for number in range(PRODUCTS))
            products.write_text("product_id,sku,name\n" + rows)
            _shelfwise(env, "import", "products", str(products), "--tenant", TENANT)
            token = _shelfwise(env, "token", "--tenant", TENANT).strip()
            requests = [_request(f"P{number:03}", token, port) for number in range(PRODUCTS)]
            asyncio.run(load.run("127.0.0.1", port, requests, concurrency=4, seconds=1.0))
            return [
                asyncio.run(load.run("127.0.0.1", port, requests, concurrency=many, seconds=seconds)).summary()
                for many in concurrency
            ]


@contextmanager
def _serving(env: dict[str, str], port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "shelfwise.cli", "serve", "inventory", "--port", str(port)]
    process = subprocess.Popen(command, env=env)
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=1):
                    break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit("Inventory did not start") from None
                asyncio.run(asyncio.sleep(0.1))
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _shelfwise(env: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "shelfwise.cli", *arguments]
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


def _request(product: str, token: str, port: int) -> bytes:
    body = json.dumps({"movements": [{"kind": "receipt", "product_id": product, "quantity": 1}]}).encode()
    lines = [
        "POST /api/inventory/stock-movements HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {token}",
        f"X-Tenant-ID: {TENANT}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
