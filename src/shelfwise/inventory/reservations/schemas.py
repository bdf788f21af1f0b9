"""Reservations as JSON."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from shelfwise.contracts.events import Identifier, Text
from shelfwise.inventory.reservations.rules import Reservation
from shelfwise.inventory.values import Quantity

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class ReservationIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Stock to hold.

    ``purpose`` order: it counts as committed, for at most 30 days (15 minutes unless ``expires_at`` says otherwise);
    with the order's id in ``reference``, the order's recorded sale consumes it. ``set_aside``: damaged or withheld
    stock, it counts as unavailable until it is released. ``location_id`` left out is the tenant's default.
    """

    product_id: Identifier
    quantity: Quantity
    location_id: Identifier | None = None
    purpose: Literal["order", "set_aside"] = "order"
    reference: Identifier | None = None
    reason: Text | None = None
    expires_at: Instant | None = None


class ConsumeIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How many of the held units left; all of them when it is left out."""

    quantity: Quantity | None = None


class ReservationOut(msgspec.Struct, frozen=True):
    reservation_id: str
    product_id: str
    location_id: str
    purpose: str
    quantity: int
    consumed_quantity: int
    held_quantity: int
    status: str
    reference: str | None
    reason: str | None
    created_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None


class Reservations(msgspec.Struct, frozen=True):
    items: list[ReservationOut]
    next: str | None


def reservation_out(reservation: Reservation) -> ReservationOut:
    return ReservationOut(
        reservation_id=reservation.reservation_id,
        product_id=reservation.product_id,
        location_id=reservation.location_id,
        purpose=reservation.purpose,
        quantity=reservation.quantity,
        consumed_quantity=reservation.consumed_quantity,
        held_quantity=reservation.held_quantity,
        status=reservation.status,
        reference=reservation.reference,
        reason=reservation.reason,
        created_at=reservation.created_at,
        expires_at=reservation.expires_at,
        ended_at=reservation.ended_at,
    )
