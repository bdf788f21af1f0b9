"""The servers of the benchmarks, as small as Granian allows: 180 bytes of JSON, as one product's sales."""

import asyncio
from typing import Protocol

from granian.rsgi import Scope

BODY = (
    b'{"product_id":"PRD-123","total_quantity_sold":150,"total_revenue":180000.0,"average_daily_sales":5.0,'
    b'"sales_trend":"increasing","last_sale_date":"2024-01-15T10:00:00Z","period":30}'
)
HEADERS = [("content-type", "application/json")]


class Exchange(Protocol):
    """The part of Granian's RSGI protocol that is used here."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None: ...


async def app(scope: Scope, exchange: Exchange) -> None:  # noqa: ARG001 - every path has the one answer
    exchange.response_bytes(200, HEADERS, BODY)


class Slowable:
    """As ``app``; ``/delay/N`` makes every later answer N milliseconds late, ``/count`` says how many there were."""

    def __init__(self) -> None:
        self.count = 0
        self.delay_seconds = 0.0

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        if scope.path == "/count":
            exchange.response_bytes(200, HEADERS, b"%d" % self.count)
        elif scope.path.startswith("/delay/"):
            self.delay_seconds = int(scope.path.rpartition("/")[2]) / 1000
            exchange.response_empty(204, [])
        else:
            self.count += 1
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            exchange.response_bytes(200, HEADERS, BODY)


slowable = Slowable()
