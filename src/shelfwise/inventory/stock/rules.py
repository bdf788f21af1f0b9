"""The ledger's arithmetic: what a movement does to a balance, and what a sale is to the ledger.

A balance with cost keeps its store value, not a rate: what comes in adds its cost, what goes out takes its share of the
value, and the last unit takes the rest, so no rounding is left behind.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from shelfwise.inventory.movements import Movement

#: A balance worth more has no known value rather than one that no column keeps.
_MAX_VALUE = Decimal(10) ** 12
#: A movement's value is kept to what the column keeps.
_VALUE_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Balance:
    """One product at one location. ``value`` is None while no cost is known."""

    on_hand: int = 0
    committed: int = 0
    unavailable: int = 0
    value: Decimal | None = None
    opened_at: datetime | None = None
    first_moved_on: date | None = None
    last_moved_on: date | None = None
    version: int = 0

    @property
    def available(self) -> int:
        return self.on_hand - self.committed - self.unavailable

    @property
    def oversold(self) -> bool:
        """More was sold than the ledger knew of: somebody should count."""
        return self.on_hand < 0


def received(balance: Balance, movement: Movement, own_cost: Decimal | None) -> Balance:
    """The balance of the location that the movement goes to.

    A movement without a cost comes in at the balance's own average, else at ``own_cost``, the product's.
    """
    on_hand = balance.on_hand + movement.quantity
    rate = movement.unit_cost if movement.unit_cost is not None else (average_cost(balance) or own_cost)
    value: Decimal | None
    if rate is None:
        value = balance.value if on_hand <= 0 else None
    elif balance.on_hand <= 0 or balance.value is None:
        value = rate * max(on_hand, 0)
    else:
        value = balance.value + rate * movement.quantity
    return _moved(balance, movement, on_hand, value)


def issued(balance: Balance, movement: Movement) -> Balance:
    """The balance of the location that the movement leaves; it may become negative."""
    on_hand = balance.on_hand - movement.quantity
    value = balance.value
    if value is not None:
        value = (value * on_hand / balance.on_hand).quantize(_VALUE_STEP) if on_hand > 0 else Decimal(0)
    return _moved(balance, movement, on_hand, value)


def average_cost(balance: Balance) -> Decimal | None:
    """Moving-average cost of a unit, where stock with a value is on hand."""
    if balance.value is None or balance.on_hand <= 0:
        return None
    return balance.value / balance.on_hand


def _moved(balance: Balance, movement: Movement, on_hand: int, value: Decimal | None) -> Balance:
    day = movement.business_date
    if value is not None and value > _MAX_VALUE:
        value = None
    return replace(
        balance,
        on_hand=on_hand,
        value=value,
        opened_at=movement.occurred_at if movement.kind == "opening" else balance.opened_at,
        first_moved_on=day if balance.first_moved_on is None else min(day, balance.first_moved_on),
        last_moved_on=day if balance.last_moved_on is None else max(day, balance.last_moved_on),
        version=balance.version + 1,
    )


def is_before_opening(opened_at: datetime | None, opened_on: date | None, movement: Movement) -> bool:
    """Whether a recorded sale is history that the opening balance already contains.

    A cancellation goes back to its order's day, so the business day counts beside the instant. Where nobody gave an
    opening balance, nothing is history: the sale moves stock, which may become negative.
    """
    if opened_at is None or opened_on is None:
        return False
    return movement.occurred_at < opened_at or movement.business_date < opened_on
