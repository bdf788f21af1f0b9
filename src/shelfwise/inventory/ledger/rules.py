"""The ledger's arithmetic: what a movement does to a balance, and what a sale is to the ledger.

A balance with cost keeps its store value, not a rate. A movement carries a value: what comes in adds it, what goes out
takes its share, and shares are rounded by largest remainder, so that what leaves and what stays add up to what was
there, and what one location loses is what the other gets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from shelfwise.inventory.movements import Movement

#: Product and location.
Place = tuple[str, str]

#: A balance worth more has no known value rather than one that no column keeps.
_MAX_VALUE = Decimal(10) ** 12
#: A movement's value is kept to what the column keeps.
_VALUE_STEP = Decimal("0.0001")
#: Digits of the largest value times the largest quantity.
_DIGITS = 60


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


def split_value(total: Decimal, weights: Sequence[int]) -> list[Decimal]:
    """``total`` in parts proportional to the weights, each in whole ten-thousandths, that add up to it exactly.

    Largest-remainder (Hamilton) rounding: every part is rounded down, and the steps left over go to the parts that
    lost most; equal losses go to the earlier part.

    Raises:
        ValueError: the weights are not positive in sum.
    """
    whole = sum(weights)
    if whole <= 0:
        raise ValueError("weights must be positive in sum")
    with localcontext(prec=_DIGITS):
        steps = int((total / _VALUE_STEP).to_integral_value(ROUND_HALF_EVEN))
        shares = [divmod(steps * weight, whole) for weight in weights]
        left_over = steps - sum(share for share, _ in shares)
        first = sorted(range(len(weights)), key=lambda index: (-shares[index][1], index))[:left_over]
        return [(share + (index in first)) * _VALUE_STEP for index, (share, _) in enumerate(shares)]


def average_cost(balance: Balance) -> Decimal | None:
    """Moving-average cost of a unit, where stock with a value is on hand."""
    if balance.value is None or balance.on_hand <= 0:
        return None
    return balance.value / balance.on_hand


def valued(movement: Movement, source: Balance | None, target: Balance | None, own_cost: Decimal | None) -> Movement:
    """The movement with the store value that it moves.

    Out of stock (``source``): the share of the balance's value; a reversal takes back what it brought as far as that
    is there. Into stock alone: its cost, else the target's average, else ``own_cost``, the product's. None where no
    cost is known.
    """
    if source is not None:
        value = _leaving(source, movement)
        if value is not None:
            return replace(movement, value=value)
        rate = movement.unit_cost if movement.unit_cost is not None else own_cost
    elif movement.value is not None:
        return movement
    else:
        known = average_cost(target) if target is not None else None
        rate = movement.unit_cost if movement.unit_cost is not None else (known if known is not None else own_cost)
    return replace(movement, value=None if rate is None else _kept(rate * movement.quantity))


def received(balance: Balance, movement: Movement) -> Balance:
    """The balance of the location that the valued movement goes to.

    Where less than nothing was on hand, only the units that are there now have a value.
    """
    on_hand = balance.on_hand + movement.quantity
    value: Decimal | None
    if movement.value is None:
        value = balance.value if on_hand <= 0 else None
    elif on_hand <= 0:
        value = Decimal(0)
    elif balance.on_hand <= 0:
        value = split_value(movement.value, (on_hand, movement.quantity - on_hand))[0]
    elif balance.value is None:
        value = _kept(movement.value * on_hand / movement.quantity)
    else:
        value = balance.value + movement.value
    return _moved(balance, movement, on_hand, value)


def issued(balance: Balance, movement: Movement) -> Balance:
    """The balance of the location that the valued movement leaves; it may become negative."""
    on_hand = balance.on_hand - movement.quantity
    value = balance.value
    if value is not None:
        value = value - (movement.value or Decimal(0)) if on_hand > 0 else Decimal(0)
    return _moved(balance, movement, on_hand, value)


def _leaving(source: Balance, movement: Movement) -> Decimal | None:
    if source.value is None or source.on_hand <= 0:
        return None
    stays = source.on_hand - movement.quantity
    if stays <= 0:
        return source.value
    if movement.value is not None:
        return min(movement.value, source.value)
    return split_value(source.value, (movement.quantity, stays))[0]


def _kept(value: Decimal) -> Decimal | None:
    return None if value > _MAX_VALUE else value.quantize(_VALUE_STEP, ROUND_HALF_EVEN)


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
    """Whether a recorded sale is history that the opening balance, or a count since, already contains.

    A cancellation goes back to its order's day, so the business day counts beside the instant. Where nobody gave an
    opening balance, nothing is history: the sale moves stock, which may become negative.
    """
    if opened_at is None or opened_on is None:
        return False
    return movement.occurred_at < opened_at or movement.business_date < opened_on
