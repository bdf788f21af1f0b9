"""The server of the benchmark: 180 bytes of JSON, as one product's sales."""

from collections.abc import Awaitable, Callable
from typing import Any

BODY = (
    b'{"product_id":"PRD-123","total_quantity_sold":150,"total_revenue":180000.0,"average_daily_sales":5.0,'
    b'"sales_trend":"increasing","last_sale_date":"2024-01-15T10:00:00Z","period":30}'
)
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": BODY})
