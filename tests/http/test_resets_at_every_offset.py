"""A POST without a key is never sent twice by our doing, wherever its exchange is broken off.

A proxy passes exactly N bytes of the request or of the response and then resets the connection, for every N, once;
what the client sends after that goes through. The server counts how often it processed each call.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import pytest
from granian.constants import HTTPModes

from fixtures.servers import RunningServer, running
from shelfwise.http import HTTPClientError, NoHooks, Policy, ServiceClient
from shelfwise.http.policy import HTTP2Mode, WireKind
from shelfwise.http.testing import FaultProxy

Direction = Literal["request", "response"]
POLICY = Policy(total_timeout_seconds=20, connect_timeout_seconds=5).for_service(
    call_timeout_seconds=20, attempt_timeout_seconds=5, connect_timeout_seconds=5
)


class Ledger:
    """Processes each POST when all of its body is there."""

    def __init__(self) -> None:
        self.processed: Counter[str] = Counter()

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Any
    ) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.processed[body.decode()] += 1
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@dataclass(frozen=True)
class Setting:
    """Who speaks what, and whether the broken exchange is the first of its connection."""

    mode: HTTP2Mode
    server: HTTPModes
    warm: bool
    wire: WireKind

    def __str__(self) -> str:
        return f"{self.wire}-{self.mode}-{self.server.value}-{'warm' if self.warm else 'cold'}"


EXCHANGES: list[tuple[HTTP2Mode, HTTPModes, bool]] = [
    ("auto", HTTPModes.auto, False),
    ("auto", HTTPModes.auto, True),
    ("on", HTTPModes.auto, False),
    ("off", HTTPModes.auto, False),
    ("off", HTTPModes.auto, True),
    ("auto", HTTPModes.http1, False),
]
WIRES: list[WireKind] = ["rust", "asyncio"]
SETTINGS = [Setting(*exchange, wire) for wire, exchange in product(WIRES, EXCHANGES)]
KEYED = [
    setting for setting in SETTINGS if setting.server is HTTPModes.auto and setting.mode != "on" and not setting.warm
]


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def client_through_a_proxy(
    server: RunningServer, setting: Setting
) -> AsyncIterator[tuple[ServiceClient, FaultProxy]]:
    async with FaultProxy("127.0.0.1", server.port) as proxy:
        policy = replace(POLICY, http2=setting.mode, wire=setting.wire)
        async with ServiceClient(proxy.url, policy, hooks=NoHooks(), sleep=no_pause) as client:
            if setting.warm:
                await client.call("POST", "/warm", body=b"warm")
            yield client, proxy


async def bytes_of_an_exchange(server: RunningServer, setting: Setting, direction: Direction) -> int:
    async with client_through_a_proxy(server, setting) as (client, proxy):
        before = proxy.passed[direction]
        await client.call("POST", "/orders", body=b"measure")
        return proxy.passed[direction] - before


async def broken_off(
    server: RunningServer, setting: Setting, direction: Direction, after_bytes: int, headers: dict[str, str]
) -> HTTPClientError | int:
    async with client_through_a_proxy(server, setting) as (client, proxy):
        proxy.cut(direction, after_bytes)
        try:
            body = f"{after_bytes:04}".encode()
            return (await client.call("POST", "/orders", headers=headers, body=body)).status
        except HTTPClientError as error:
            return error


async def sweep(
    ledger: Ledger, setting: Setting, direction: Direction, headers: dict[str, str]
) -> dict[str, HTTPClientError | int]:
    ended: dict[str, HTTPClientError | int] = {}
    async with running(ledger, http=setting.server) as server:
        size = await bytes_of_an_exchange(server, setting, direction)
        assert size > 0
        for after_bytes in range(size + 1):
            ended[f"{after_bytes:04}"] = await broken_off(server, setting, direction, after_bytes, headers)
    return ended


@pytest.mark.parametrize("direction", ["request", "response"])
@pytest.mark.parametrize("setting", SETTINGS, ids=str)
async def test_a_post_without_a_key_is_processed_once_at_most_and_not_at_all_when_called_unsent(
    setting: Setting, direction: Direction
):
    ledger = Ledger()
    ended = await sweep(ledger, setting, direction, {})
    processed = {call: ledger.processed[call] for call in ended}
    assert max(processed.values()) <= 1, processed
    for call, end in ended.items():
        if isinstance(end, int):
            assert (end, processed[call]) == (201, 1)
        elif end.sent == "no":
            assert processed[call] == 0
    assert any(isinstance(end, HTTPClientError) for end in ended.values())


@pytest.mark.parametrize("setting", KEYED, ids=str)
async def test_with_a_key_the_same_breaks_are_retried_until_answered_and_the_server_sees_some_twice(setting: Setting):
    ledger = Ledger()
    ended = await sweep(ledger, setting, "response", {"Idempotency-Key": "k"})
    assert set(ended.values()) == {201}
    assert max(ledger.processed[call] for call in ended) == 2
