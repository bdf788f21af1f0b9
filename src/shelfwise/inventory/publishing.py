"""What Inventory tells Sales: tenants and products, as they are in the transaction that changes them."""

import hashlib
from datetime import datetime
from typing import Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.contracts.events import MAX_BATCH_EVENTS, CatalogueRefs, ProductRef, TenantRef
from shelfwise.inventory.tables import OUTBOX
from shelfwise.platform.outbox import Outbox, OutboxBatch, OutboxMessage
from shelfwise.platform.service_tokens import ServiceTokens

#: One topic for both, so that a tenant is never overtaken by its products.
TOPIC = "catalogue-refs"
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(CatalogueRefs)


class PostRefs(Protocol):
    """Posts to Sales; raises when Sales did not take it."""

    async def __call__(self, tenant_id: str, refs: CatalogueRefs, *, auth_token: str, idempotency_key: str) -> None: ...


async def publish_tenant(connection: AsyncConnection, ref: TenantRef, now: datetime) -> None:
    """Tells Sales of the tenant when the transaction commits."""
    message = OutboxMessage(TOPIC, f"tenant:{ref.version}", _ENCODER.encode(CatalogueRefs(tenant=ref)))
    await Outbox(OUTBOX, connection, ref.tenant_id).add([message], now)


async def publish_products(
    connection: AsyncConnection, tenant_id: str, products: list[ProductRef], now: datetime
) -> None:
    """Tells Sales of the products when the transaction commits."""
    messages = [
        OutboxMessage(
            TOPIC,
            f"product:{product.product_id}:{product.version}",
            _ENCODER.encode(CatalogueRefs(products=[product])),
        )
        for product in products
    ]
    await Outbox(OUTBOX, connection, tenant_id).add(messages, now)


def merged(batch: OutboxBatch) -> CatalogueRefs:
    """One message of a batch: the newest state of the tenant and of each product in it."""
    tenant: TenantRef | None = None
    products: dict[str, ProductRef] = {}
    for message in batch.messages:
        refs = _DECODER.decode(message.payload)
        if refs.tenant is not None and (tenant is None or refs.tenant.version > tenant.version):
            tenant = refs.tenant
        for product in refs.products:
            known = products.get(product.product_id)
            if known is None or product.version > known.version:
                products[product.product_id] = product
    return CatalogueRefs(tenant=tenant, products=list(products.values())[:MAX_BATCH_EVENTS])


class CatalogueDelivery:
    """Delivers a batch of the outbox to Sales, as the service that Inventory is."""

    def __init__(self, post: PostRefs, tokens: ServiceTokens) -> None:
        self._post = post
        self._tokens = tokens

    async def __call__(self, batch: OutboxBatch) -> None:
        key = hashlib.sha256("\n".join(message.event_id for message in batch.messages).encode()).hexdigest()
        token = await self._tokens.token()
        await self._post(batch.tenant_id, merged(batch), auth_token=token, idempotency_key=key)
