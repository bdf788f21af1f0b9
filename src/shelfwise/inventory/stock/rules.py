"""What the opposite of a movement is."""

from dataclasses import replace
from datetime import date, datetime

from shelfwise.inventory.movements import Movement
from shelfwise.platform.problems import ConflictError

#: What reversals are recorded as; the event is the movement that they reverse.
REVERSALS = "reversals"
_REVERSIBLE = ("receipt", "adjustment", "transfer", "issue")
_ELSEWHERE = {
    "purchase_orders": "It is a receipt of a purchase order: record an adjustment.",
    "transfers": "It is part of a transfer: record what was received, or an adjustment.",
    "reservations": "It is a reservation that was consumed: record an adjustment.",
}


def reversal(movement_id: str, movement: Movement, source: str, reason: str, now: datetime, today: date) -> Movement:
    """The movement that takes another back, units and value, on the day it is recorded.

    Raises:
        ConflictError: this kind of movement is corrected in another way, which the message names.
    """
    if source in _ELSEWHERE:
        raise ConflictError(_ELSEWHERE[source])
    if movement.kind not in _REVERSIBLE:
        raise ConflictError(
            f"A movement of the kind {movement.kind!r} cannot be reversed: sales are cancelled or returned at Sales, "
            "and opening balances and counts are corrected by a count."
        )
    return replace(
        movement,
        kind="reversal",
        from_location_id=movement.to_location_id,
        to_location_id=movement.from_location_id,
        occurred_at=now,
        business_date=today,
        event_id=movement_id,
        line_no=1,
        reason=reason,
        reverses_movement_id=movement_id,
    )
