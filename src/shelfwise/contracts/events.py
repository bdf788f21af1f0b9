"""Facts that one service publishes through its outbox and the other takes into its inbox, exactly once."""

from typing import Annotated, Literal, TypedDict

import msgspec

MAX_BATCH_EVENTS = 1000

#: Without control characters, which no code has and PostgreSQL does not keep.
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
#: Any text but NUL.
Text = Annotated[str, msgspec.Meta(max_length=512, pattern=r"^[^\x00]*$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=512, pattern=r"^[^\x00]+$")]
Codes = Annotated[list[Identifier], msgspec.Meta(max_length=64)]
LineNo = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
#: What every JSON reader keeps exact.
Version = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class SaleEvent(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One order line as Inventory needs it. ``event_id`` is unique in the tenant and never reused.

    ``quantity`` is a positive number of base units; ``kind`` says which way they moved. ``sequence`` rises by
    product, so that the inbox can apply a product's events in order. ``business_date`` is ``YYYY-MM-DD``,
    ``occurred_at`` an ISO 8601 instant.
    """

    event_id: Identifier
    kind: Literal["sale", "cancellation", "return"]
    order_id: Identifier
    line_no: LineNo
    product_id: Identifier
    quantity: Annotated[int, msgspec.Meta(ge=1, le=10**9)]
    occurred_at: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    business_date: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    sequence: Version
    location_id: Identifier | None = None
    resellable: bool = True


class SaleEvents(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``POST /api/inventory/sales-events``: events of one tenant, the one of ``X-Tenant-ID``."""

    events: Annotated[list[SaleEvent], msgspec.Meta(min_length=1, max_length=MAX_BATCH_EVENTS)]


class RejectedEvent(TypedDict):
    event_id: str
    reason: str


class EventsAnswer(TypedDict):
    """What became of a batch. Every event is in exactly one of the counts; sending it again changes nothing."""

    applied: int
    duplicates: int
    before_opening: int
    rejected: list[RejectedEvent]


class ProductRef(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A product as Sales needs it to resolve, name and forecast what is sold. ``version`` rises by product."""

    product_id: Identifier
    sku: Identifier
    name: Name
    version: Version
    category: Text | None = None
    status: Identifier = "active"
    barcodes: Codes = msgspec.field(default_factory=list)
    aliases: Codes = msgspec.field(default_factory=list)


class TenantRef(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A tenant's settings that Sales needs; ``business_date`` is the pinned date or null."""

    tenant_id: Identifier
    name: Name
    time_zone: Identifier
    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
    version: Version
    business_date: str | None = None
    simulated: bool = False


class CatalogueRefs(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``POST /api/sales/product-refs``: the tenant of ``X-Tenant-ID`` and products of it."""

    tenant: TenantRef | None = None
    products: Annotated[list[ProductRef], msgspec.Meta(max_length=MAX_BATCH_EVENTS)] = msgspec.field(
        default_factory=list
    )


class RefsAnswer(TypedDict):
    applied: int
    stale: int
