"""Requests per second and latency of the four documented routes, on the demo's data, over real sockets.

Starts the demo in a folder of its own, warms each route, then measures every route at every concurrency in interleaved
rounds, so that a slow moment of the machine falls on all of them. Prints a table and writes JSON with the environment.
CPU time per request, of Inventory and of Sales, is the figure that a busy machine disturbs least.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import load
import movements

HERE = Path(__file__).parent
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
    parser.add_argument("--postgresql", help="URL of an empty PostgreSQL database, for movements per second")
    parser.add_argument("--movements-only", action="store_true", help="measure the ledger and not the routes")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "latest.json")
    arguments = parser.parse_args()
    environment = _environment()
    results = {} if arguments.movements_only else _routes(arguments)
    ledger = movements.measure(arguments.postgresql, arguments.concurrency, arguments.seconds, _free_ports()[0])
    report = {
        "environment": environment,
        "seconds": arguments.seconds,
        "rounds": arguments.rounds,
        "routes": results,
        "movements": ledger,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n")
    _print(results)
    _print_movements(ledger)
    print(f"written: {arguments.output}")


def _routes(arguments: argparse.Namespace) -> dict[str, list[dict[str, object]]]:
    with tempfile.TemporaryDirectory(prefix="shelfwise-bench-") as folder:
        port, sales_port = _free_ports()
        ports = ["--inventory-port", str(port), "--sales-port", str(sales_port)]
        demo = subprocess.Popen(
            [sys.executable, "-m", "shelfwise.cli", "demo", "--no-browser", "--data-dir", folder, *ports],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            services = _services(demo, port)
            return asyncio.run(_measure(arguments, services, _products(services)[: arguments.products]))
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(timeout=30)


@dataclass(frozen=True)
class Services:
    """The running demo: Inventory's port, a token, and each service's process."""

    port: int
    token: str
    processes: dict[str, int]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "X-Tenant-ID": "demo"}

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time that each service has used until now; nothing where the system does not tell."""
        if not Path("/proc/self/stat").exists():
            return {}
        used = {}
        for name, number in self.processes.items():
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            used[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return used


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _services(demo: "subprocess.Popen[str]", port: int) -> Services:
    assert demo.stdout is not None
    processes = {}
    for line in demo.stdout:
        if found := re.search(r"^ *(Inventory|Sales) .*\(process (\d+)\)", line):
            processes[found[1].lower()] = int(found[2])
        if found := re.search(r"Bearer (\S+?)['\"]", line):
            return Services(port, found[1], processes)
    raise SystemExit("the demo did not start")


def _products(services: Services) -> list[str]:
    url = f"http://127.0.0.1:{services.port}/api/inventory/products?limit=100"
    request = urllib.request.Request(url, headers=services.headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return [item["id"] for item in json.load(answer)["items"]]


async def _measure(
    arguments: argparse.Namespace, services: Services, products: list[str]
) -> dict[str, list[dict[str, object]]]:
    runs: dict[tuple[str, int], list[load.Load]] = {}
    spent: dict[tuple[str, int], dict[str, float]] = {}
    for number in range(arguments.rounds + 1):
        for name, template in ROUTES.items():
            targets = [template.format(product=product) for product in products]
            requests = [_request(target, services) for target in dict.fromkeys(targets)]
            for concurrency in arguments.concurrency:
                seconds = 0.5 if number == 0 else arguments.seconds
                before = services.cpu_seconds()
                run = await load.run("127.0.0.1", services.port, requests, concurrency=concurrency, seconds=seconds)
                if number:
                    runs.setdefault((name, concurrency), []).append(run)
                    used = spent.setdefault((name, concurrency), dict.fromkeys(before, 0.0))
                    for service, now in services.cpu_seconds().items():
                        used[service] += now - before[service]
    return {name: [_summary(runs[name, many], spent[name, many]) for many in arguments.concurrency] for name in ROUTES}


def _summary(runs: list[load.Load], cpu_seconds: dict[str, float]) -> dict[str, object]:
    """The run in the middle by throughput, with the spread of the others, and the CPU time of all runs' requests."""
    ordered = sorted(runs, key=lambda run: run.per_second)
    rates = [run.per_second for run in ordered]
    spread = [round(rate, 1) for rate in (rates[0], statistics.median(rates), rates[-1])]
    requests = sum(len(run.seconds) for run in runs)
    cpu = {name: round(seconds / requests * 1000, 3) for name, seconds in cpu_seconds.items()}
    return {
        **ordered[len(ordered) // 2].summary(),
        "requests_per_second_spread": spread,
        "cpu_ms_per_request": cpu,
    }


def _request(target: str, services: Services) -> bytes:
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: 127.0.0.1:{services.port}",
        *(f"{name}: {value}" for name, value in services.headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _environment() -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": {name: version(name) for name in ("shelfwise", "granian", "litestar", "sqlalchemy", "msgspec")},
        "note": "client, Inventory and Sales share the cores; answers of Sales may come from the client's cache; "
        "load_average is what else the machine had to do",
    }


def _print(results: dict[str, list[dict[str, object]]]) -> None:
    print(f"{'route':26}{'concurrent':>11}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'Inventory CPU ms':>18}")
    for name, rows in results.items():
        for row in rows:
            figures = (row["concurrency"], row["requests_per_second"], row["p50_ms"], row["p99_ms"])
            cpu = row["cpu_ms_per_request"]
            spent = cpu.get("inventory", "-") if isinstance(cpu, dict) else "-"
            print(f"{name:26}{figures[0]:>11}{figures[1]:>12}{figures[2]:>10}{figures[3]:>10}{spent:>18}")


def _print_movements(results: movements.Results) -> None:
    print(f"{'movements on':26}{'concurrent':>11}{'movements/s':>12}{'p50 ms':>10}{'p99 ms':>10}")
    for name, rows in results.items():
        for row in rows:
            figures = (row["concurrency"], row["requests_per_second"], row["p50_ms"], row["p99_ms"])
            print(f"{name:26}{figures[0]:>11}{figures[1]:>12}{figures[2]:>10}{figures[3]:>10}  {row['statuses']}")


if __name__ == "__main__":
    main()
