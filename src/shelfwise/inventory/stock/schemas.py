"""Movements and stock levels as JSON."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from shelfwise.contracts.events import Identifier, Text
from shelfwise.inventory.ledger.service import Balance, average_cost
from shelfwise.inventory.movements import Movement
from shelfwise.inventory.values import Amount, Quantity, cost_number, number

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class MovementIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One movement, as a person tells it.

    ``opening``: what is on hand at ``occurred_at``, once for a product and location. ``receipt``: from the supplier.
    ``adjustment``: found (``direction`` in) or lost (out). ``transfer``: to ``to_location_id``. ``location_id`` left
    out is the tenant's default; ``occurred_at`` left out is now.
    """

    kind: Literal["opening", "receipt", "adjustment", "transfer"]
    product_id: Identifier
    quantity: Quantity
    location_id: Identifier | None = None
    to_location_id: Identifier | None = None
    direction: Literal["in", "out"] = "in"
    occurred_at: Instant | None = None
    unit_cost: Amount | None = None
    reference: Text | None = None
    reason: Text | None = None
    event_id: Identifier | None = None
    line_no: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1


class MovementsIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Movements that are recorded together or not at all."""

    movements: Annotated[list[MovementIn], msgspec.Meta(min_length=1, max_length=1000)]


class MovementOut(msgspec.Struct, frozen=True):
    movement_id: str
    product_id: str
    kind: str
    from_location_id: str
    to_location_id: str
    quantity: int
    unit_cost: float | None
    occurred_at: datetime
    business_date: date
    recorded_at: datetime
    source: str
    event_id: str
    line_no: int
    reference: str | None
    reason: str | None
    value: float | None
    reverses_movement_id: str | None


class ReversalIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Why a movement was a mistake."""

    reason: Text


class ReversalOut(msgspec.Struct, frozen=True):
    movement_id: str
    reverses_movement_id: str


class Movements(msgspec.Struct, frozen=True):
    items: list[MovementOut]
    next: str | None


class Recorded(msgspec.Struct, frozen=True):
    """``duplicates`` were recorded before, with the same content; they moved nothing now."""

    recorded: int
    duplicates: int
    movement_ids: list[str]


class StockLevel(msgspec.Struct, frozen=True):
    product_id: str
    sku: str
    name: str
    location_id: str
    on_hand: int
    committed: int
    unavailable: int
    available: int
    oversold: bool
    average_cost: float | None
    value: float | None
    opened_at: datetime | None
    last_moved_on: date | None
    version: int


class StockLevels(msgspec.Struct, frozen=True):
    items: list[StockLevel]
    next: str | None


def movement_out(movement_id: str, movement: Movement, recorded_at: datetime, source: str) -> MovementOut:
    return MovementOut(
        movement_id=movement_id,
        product_id=movement.product_id,
        kind=movement.kind,
        from_location_id=movement.from_location_id,
        to_location_id=movement.to_location_id,
        quantity=movement.quantity,
        unit_cost=cost_number(movement.unit_cost),
        occurred_at=movement.occurred_at,
        business_date=movement.business_date,
        recorded_at=recorded_at,
        source=source,
        event_id=movement.event_id,
        line_no=movement.line_no,
        reference=movement.reference,
        reason=movement.reason,
        value=cost_number(movement.value),
        reverses_movement_id=movement.reverses_movement_id,
    )


def level_out(place: tuple[str, str], sku: str, name: str, balance: Balance, currency: str) -> StockLevel:
    return StockLevel(
        product_id=place[0],
        sku=sku,
        name=name,
        location_id=place[1],
        on_hand=balance.on_hand,
        committed=balance.committed,
        unavailable=balance.unavailable,
        available=balance.available,
        oversold=balance.oversold,
        average_cost=cost_number(average_cost(balance)),
        value=number(balance.value, currency),
        opened_at=balance.opened_at,
        last_moved_on=balance.last_moved_on,
        version=balance.version,
    )
