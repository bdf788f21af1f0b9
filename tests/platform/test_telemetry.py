"""What a service writes, read from its standard error as a log store does."""

import json
import subprocess
import sys

# Logging is set up once a process: a process of its own keeps this from every other test.
SCRIPT = """
import asyncio, sys
import structlog
from shelfwise.http import LogHooks, ServiceClient, exceptions
from shelfwise.http.testing import ScriptedWire, respond
from shelfwise.platform.telemetry import configure_logging

async def main():
    configure_logging(level=sys.argv[1], style="json", service="inventory")
    refused = exceptions.ConnectError("refused")
    wire = ScriptedWire([respond(200)], then=lambda _: refused)
    client = ServiceClient("http://sales:5001", wire=wire, name="sales")
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        await client.call("GET", "/p", params={"days": 30}, headers={"Authorization": "Bearer hush"})
        try:
            await client.call("PUT", "/p", headers={"Authorization": "Bearer hush"}, body=b"hush")
        except exceptions.ConnectError:
            pass

asyncio.run(main())
"""


def lines_at(level: str) -> list[dict[str, str]]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, level], capture_output=True, text=True, check=True, timeout=60)
    assert "hush" not in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    return [line for line in lines if line["logger"] == "shelfwise.http"]


def test_a_services_calls_are_the_documents_lines_in_json_with_the_request_that_made_them():
    lines = lines_at("DEBUG")
    assert [(line["level"], line["event"]) for line in lines if "Retry" not in line["event"]] == [
        ("debug", "GET request to http://sales:5001/p?days=30"),
        ("debug", "GET http://sales:5001/p?days=30 - Status: 200"),
        ("debug", "PUT request to http://sales:5001/p"),
        ("error", "PUT request failed: http://sales:5001/p - refused"),
    ]
    assert {(line["request_id"], line["service"]) for line in lines} == {("r-1", "inventory")}


def test_at_the_usual_level_only_failures_are_written():
    assert [line["level"] for line in lines_at("INFO")] == ["error"]
