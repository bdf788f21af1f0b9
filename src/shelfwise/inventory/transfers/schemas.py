"""Transfers as JSON."""

from datetime import date, datetime
from typing import Annotated

import msgspec

from shelfwise.contracts.events import Identifier, Text
from shelfwise.inventory.transfers.rules import Transfer
from shelfwise.inventory.values import MAX_QUANTITY, Quantity

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class TransferLineIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    product_id: Identifier
    quantity: Quantity


class TransferIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is shipped now, or was at ``shipped_at``. ``from_location_id`` left out is the tenant's default."""

    to_location_id: Identifier
    lines: Annotated[list[TransferLineIn], msgspec.Meta(min_length=1, max_length=500)]
    from_location_id: Identifier | None = None
    transfer_id: Identifier | None = None
    shipped_at: Instant | None = None
    expected_on: date | None = None
    reference: Text | None = None


class ArrivedLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    product_id: Identifier
    quantity: Annotated[int, msgspec.Meta(ge=0, le=MAX_QUANTITY)]


class TransferReceiptIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What arrived; everything on its way when ``lines`` is left out. ``final``: what is missing is lost."""

    lines: Annotated[list[ArrivedLine], msgspec.Meta(min_length=1, max_length=500)] | None = None
    final: bool = True
    received_at: Instant | None = None
    reason: Text | None = None


class TransferLineOut(msgspec.Struct, frozen=True):
    line_no: int
    product_id: str
    quantity: int
    received_quantity: int
    lost_quantity: int
    in_transit_quantity: int


class TransferOut(msgspec.Struct, frozen=True):
    transfer_id: str
    from_location_id: str
    to_location_id: str
    status: str
    shipped_at: datetime
    expected_on: date | None
    reference: str | None
    version: int
    lines: list[TransferLineOut]


class Transfers(msgspec.Struct, frozen=True):
    items: list[TransferOut]
    next: str | None


def transfer_out(transfer: Transfer) -> TransferOut:
    return TransferOut(
        transfer_id=transfer.transfer_id,
        from_location_id=transfer.from_location_id,
        to_location_id=transfer.to_location_id,
        status=transfer.status,
        shipped_at=transfer.shipped_at,
        expected_on=transfer.expected_on,
        reference=transfer.reference,
        version=transfer.version,
        lines=[
            TransferLineOut(
                line.line_no,
                line.product_id,
                line.quantity,
                line.received_quantity,
                line.lost_quantity,
                line.in_transit_quantity,
            )
            for line in transfer.lines
        ],
    )
