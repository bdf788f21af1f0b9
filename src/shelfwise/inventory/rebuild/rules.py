"""Balances again from nothing but what was recorded, and how they differ from those that are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal

from shelfwise.inventory.ledger.service import Balance, Place, issued, received, valued
from shelfwise.inventory.movements import Movement

_COMPARED = tuple(field.name for field in fields(Balance) if field.name != "version")


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of a balance: as it was kept, and as the movements say."""

    product_id: str
    location_id: str
    field: str
    kept: object
    rebuilt: object


class Replay:
    """Posts recorded movements again, product by product in the order in which the balances took them."""

    def __init__(self, stocking: frozenset[str], own_costs: Mapping[str, Decimal | None]) -> None:
        self._stocking = stocking
        self._own_costs = own_costs
        self.balances: dict[Place, Balance] = {}
        self.movements = 0

    def post(self, movement: Movement) -> None:
        self.movements += 1
        source, target = (
            (movement.product_id, location_id) if location_id in self._stocking else None
            for location_id in (movement.from_location_id, movement.to_location_id)
        )
        before = None if source is None else self.balances.get(source, Balance())
        there = None if target is None else self.balances.get(target, Balance())
        if movement.sequence == 0:
            # Recorded before movements kept their value: reckoned again as it was then.
            movement = valued(movement, before, there, self._own_costs.get(movement.product_id))
        if source is not None and before is not None:
            self.balances[source] = issued(before, movement)
        if target is not None:
            self.balances[target] = received(self.balances.get(target, Balance()), movement)

    def hold(self, place: Place, committed: int, unavailable: int) -> None:
        """What open reservations hold at a place."""
        balance = self.balances.get(place, Balance())
        self.balances[place] = replace(balance, committed=committed, unavailable=unavailable)

    def counted(self, place: Place, counted_at: datetime) -> None:
        """A count opened the place again, unless it was opened later."""
        balance = self.balances.get(place, Balance())
        if balance.opened_at is None or balance.opened_at < counted_at:
            self.balances[place] = replace(balance, opened_at=counted_at)


def differences(place: Place, kept: Balance, rebuilt: Balance) -> list[Difference]:
    """What of a kept balance is not what was recorded; its version is no figure of stock."""
    return [
        Difference(*place, name, getattr(kept, name), getattr(rebuilt, name))
        for name in _COMPARED
        if getattr(kept, name) != getattr(rebuilt, name)
    ]
