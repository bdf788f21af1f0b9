"""What we need of the embedded server: both protocols, a drain before it stops, and nothing left over."""

import asyncio
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from fixtures.servers import RunningServer, free_port

SCRIPT = Path(__file__).with_name("drain_app.py")


@asynccontextmanager
async def process(drain_seconds: float):
    port = free_port()
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), str(port), str(drain_seconds), stdout=asyncio.subprocess.PIPE
    )
    server = RunningServer(port)
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    await server.raw("GET", "/", {"Host": "localhost"})
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        yield child, server
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def status(server, path):
    return (await server.raw("GET", path, {"Host": "localhost"})).status


async def test_while_it_drains_it_still_serves_and_says_that_it_wants_no_more():
    async with process(drain_seconds=5) as (child, server):
        assert await status(server, "/ready") == 200
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(4.5):
            while await status(server, "/ready") == 200:
                await asyncio.sleep(0.02)
        assert await status(server, "/") == 200
        async with asyncio.timeout(20):
            assert await child.wait() == 0
        assert b"lifespan ended" in await child.stdout.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_request_under_way_is_answered_before_it_stops(number):
    async with process(drain_seconds=0) as (child, server):
        slow = asyncio.create_task(status(server, "/slow"))
        await asyncio.sleep(0.2)
        child.send_signal(number)
        assert await slow == 200
        async with asyncio.timeout(10):
            assert await child.wait() == 0


async def test_it_speaks_http_1_and_http_2_on_one_port():
    async with process(drain_seconds=0) as (_child, server):
        async with httpx2.AsyncClient(http1=True) as client:
            assert (await client.get(server.url)).text == "1.1"
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        header = await asyncio.wait_for(reader.readexactly(9), 5)
        assert header[3] == 4, "an HTTP/2 server begins with SETTINGS"
        writer.close()
