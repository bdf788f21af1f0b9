"""Requests per second and latency of the four documented routes, on the demo's data, over real sockets.

Starts the demo in a folder of its own, warms each route, then measures every route at every concurrency in interleaved
rounds, so that a slow moment of the machine falls on all of them. Prints a table and writes JSON with the environment.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import load

HERE = Path(__file__).parent
PORTS = ("--inventory-port", "15000", "--sales-port", "15001")
ROUTES = {
    "with-sales-data": "/api/inventory/products/{product}/with-sales-data?days=30",
    "demand-forecast": "/api/inventory/products/{product}/demand-forecast?forecast_days=30",
    "dashboard": "/api/inventory/dashboard?days=30",
    "reorder-recommendation": "/api/inventory/products/{product}/reorder-recommendation",
}


def main() -> None:
    """Measures and writes ``results/latest.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, nargs="*", default=[1, 16, 64])
    parser.add_argument("--products", type=int, default=100, help="how many products the requests are spread over")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "latest.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shelfwise-bench-") as folder:
        demo = subprocess.Popen(
            [sys.executable, "-m", "shelfwise.cli", "demo", "--no-browser", "--data-dir", folder, *PORTS],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            token = _token(demo)
            headers = {"Authorization": f"Bearer {token}", "X-Tenant-ID": "demo"}
            results = asyncio.run(_measure(arguments, headers, _products(headers)[: arguments.products]))
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(timeout=30)
    report = {
        "environment": _environment(),
        "seconds": arguments.seconds,
        "rounds": arguments.rounds,
        "routes": results,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n")
    _print(results)
    print(f"written: {arguments.output}")


def _token(demo: "subprocess.Popen[str]") -> str:
    assert demo.stdout is not None
    for line in demo.stdout:
        found = re.search(r"Bearer (\S+?)['\"]", line)
        if found:
            return found[1]
    raise SystemExit("the demo did not start")


def _products(headers: dict[str, str]) -> list[str]:
    request = urllib.request.Request("http://127.0.0.1:15000/api/inventory/products?limit=100", headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return [item["id"] for item in json.load(answer)["items"]]


async def _measure(
    arguments: argparse.Namespace, headers: dict[str, str], products: list[str]
) -> dict[str, list[dict[str, object]]]:
    runs: dict[tuple[str, int], list[load.Load]] = {}
    for number in range(arguments.rounds + 1):
        for name, template in ROUTES.items():
            targets = [template.format(product=product) for product in products]
            requests = [_request(target, headers) for target in dict.fromkeys(targets)]
            for concurrency in arguments.concurrency:
                seconds = 0.5 if number == 0 else arguments.seconds
                run = await load.run("127.0.0.1", 15000, requests, concurrency=concurrency, seconds=seconds)
                if number:
                    runs.setdefault((name, concurrency), []).append(run)
    return {name: [_median_of(runs[name, concurrency]) for concurrency in arguments.concurrency] for name in ROUTES}


def _median_of(runs: list[load.Load]) -> dict[str, object]:
    """The run in the middle by throughput, with the spread of the others beside it."""
    ordered = sorted(runs, key=lambda run: run.per_second)
    rates = [run.per_second for run in ordered]
    spread = [round(rate, 1) for rate in (rates[0], statistics.median(rates), rates[-1])]
    return {**ordered[len(ordered) // 2].summary(), "requests_per_second_spread": spread}


def _request(target: str, headers: dict[str, str]) -> bytes:
    lines = [
        f"GET {target} HTTP/1.1",
        "Host: 127.0.0.1:15000",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _environment() -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in ("shelfwise", "granian", "litestar", "sqlalchemy", "msgspec")},
        "note": "client, Inventory and Sales share the cores; answers of Sales may come from the client's cache",
    }


def _print(results: dict[str, list[dict[str, object]]]) -> None:
    print(f"{'route':26}{'concurrent':>11}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}")
    for name, rows in results.items():
        for row in rows:
            figures = (row["concurrency"], row["requests_per_second"], row["p50_ms"], row["p99_ms"])
            print(f"{name:26}{figures[0]:>11}{figures[1]:>12}{figures[2]:>10}{figures[3]:>10}")


if __name__ == "__main__":
    main()
