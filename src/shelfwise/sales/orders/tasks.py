"""What the relay does with lines that were booked: it posts them to Inventory."""

import hashlib
from collections.abc import Mapping
from typing import Protocol

import msgspec

from shelfwise.contracts.events import EventsAnswer, SaleEvent, SaleEvents
from shelfwise.platform.outbox import OutboxBatch
from shelfwise.platform.service_tokens import ServiceTokens

PATH = "/api/inventory/sales-events"


class PostJson(Protocol):
    """Posts a JSON body and gives the body of a good answer; raises for any other."""

    async def __call__(self, path: str, *, body: bytes, headers: Mapping[str, str], tenant_id: str) -> bytes: ...


class InventoryDelivery:
    """Delivers one batch of the outbox. Inventory's inbox makes a repeated batch harmless."""

    def __init__(self, post: PostJson, tokens: ServiceTokens) -> None:
        self._post = post
        self._tokens = tokens
        self._decoder = msgspec.json.Decoder(SaleEvent)

    async def __call__(self, batch: OutboxBatch) -> None:
        events = [self._decoder.decode(message.payload) for message in batch.messages]
        span = f"{batch.tenant_id}\n{events[0].event_id}\n{events[-1].event_id}\n{len(events)}"
        answer = await self._post(
            PATH,
            body=msgspec.json.encode(SaleEvents(events=events)),
            headers={
                "Authorization": f"Bearer {await self._tokens.token()}",
                "X-Tenant-ID": batch.tenant_id,
                "Content-Type": "application/json",
                "Idempotency-Key": hashlib.sha256(span.encode()).hexdigest(),
            },
            tenant_id=batch.tenant_id,
        )
        msgspec.json.decode(answer, type=EventsAnswer)
