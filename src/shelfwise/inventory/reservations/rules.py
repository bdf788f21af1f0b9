"""What a reservation is, how it ends, and what a recorded sale takes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from shelfwise.platform.problems import ConflictError, InvalidError

Status = Literal["held", "consumed", "released", "expired"]
Purpose = Literal["order", "set_aside"]

#: How long stock is held for an order that does not say, and how long at most.
DEFAULT_HOLD = timedelta(minutes=15)
LONGEST_HOLD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units of a product at a location that nobody else may take. ``reference`` is the order that they are for."""

    reservation_id: str
    product_id: str
    location_id: str
    purpose: Purpose
    quantity: int
    created_at: datetime
    expires_at: datetime | None = None
    consumed_quantity: int = 0
    status: Status = "held"
    reference: str | None = None
    reason: str | None = None
    ended_at: datetime | None = None

    @property
    def held_quantity(self) -> int:
        """Units that it holds now."""
        return self.quantity - self.consumed_quantity if self.status == "held" else 0

    def is_due(self, now: datetime) -> bool:
        return self.status == "held" and self.expires_at is not None and self.expires_at <= now


def expiry(purpose: Purpose, wanted: datetime | None, now: datetime) -> datetime | None:
    """When a reservation that begins now ends by itself; what is set aside may stay until somebody releases it.

    Raises:
        InvalidError: not in the future, or further ahead than stock may be held for an order.
    """
    if wanted is None:
        return now + DEFAULT_HOLD if purpose == "order" else None
    if wanted <= now:
        raise InvalidError.of("expires_at", "must be in the future")
    if purpose == "order" and wanted > now + LONGEST_HOLD:
        raise InvalidError.of("expires_at", f"must be at most {LONGEST_HOLD.days} days ahead")
    return wanted


def require_held(reservation: Reservation, now: datetime) -> None:
    """Raises ConflictError unless the reservation holds units now."""
    if reservation.status != "held":
        raise ConflictError(f"Reservation {reservation.reservation_id!r} is {reservation.status} already.")
    if reservation.is_due(now):
        raise ConflictError(f"Reservation {reservation.reservation_id!r} has expired. Hold the stock again.")


def consumed(reservation: Reservation, quantity: int, now: datetime) -> Reservation:
    """The reservation after ``quantity`` of its units left; it ends with the last."""
    total = reservation.consumed_quantity + quantity
    after = replace(reservation, consumed_quantity=total)
    return replace(after, status="consumed", ended_at=now) if total == reservation.quantity else after


def ended(reservation: Reservation, status: Status, now: datetime) -> Reservation:
    """The reservation after it let go of what it still held."""
    return replace(reservation, status=status, ended_at=now)


def taken_by_sale(reservations: Sequence[Reservation], quantity: int, now: datetime) -> list[Reservation]:
    """The reservations that change when ``quantity`` units are sold, the earliest taken first."""
    changed = []
    for reservation in reservations:
        part = min(quantity, reservation.held_quantity)
        if part > 0:
            changed.append(consumed(reservation, part, now))
            quantity -= part
    return changed
