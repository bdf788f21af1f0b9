"""Posting to the stock ledger, in the caller's transaction: lock the places first, then post, then save."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.ledger.repository import LedgerRepository, balance_of, movement_of
from shelfwise.inventory.ledger.rules import (
    Balance,
    Place,
    average_cost,
    is_before_opening,
    issued,
    received,
    split_value,
    valued,
)
from shelfwise.inventory.locations import OPENING, STOCKING_KINDS
from shelfwise.inventory.movements import Movement
from shelfwise.platform.problems import ConflictError

__all__ = [
    "Balance",
    "Ledger",
    "LedgerRepository",
    "Place",
    "Purpose",
    "average_cost",
    "balance_of",
    "is_before_opening",
    "issued",
    "movement_ids",
    "movement_of",
    "received",
    "split_value",
    "valued",
]

#: What is held counts as committed (to an order) or as unavailable (set aside).
Purpose = Literal["order", "set_aside"]


class Ledger:
    """The balances that one transaction locked, and what it did to them."""

    def __init__(self, connection: AsyncConnection, tenant_id: str, kinds: Mapping[str, str]) -> None:
        self._repository = LedgerRepository(connection, tenant_id)
        self._stocking = frozenset(name for name, kind in kinds.items() if kind in STOCKING_KINDS)
        self._balances: dict[Place, Balance] = {}
        self._changed: set[Place] = set()
        # By product, the sum of its balances' versions.
        self._sequences: dict[str, int] = {}

    def holds_stock(self, location_id: str) -> bool:
        return location_id in self._stocking

    async def lock(self, movements: Iterable[Movement]) -> None:
        """Locks the products that the movements touch, at every location."""
        await self.lock_places(
            (movement.product_id, location_id)
            for movement in movements
            for location_id in (movement.from_location_id, movement.to_location_id)
        )

    async def lock_places(self, places: Iterable[Place]) -> None:
        """Locks the places' products at every location. One call a transaction: locks are taken in sorted order."""
        wanted = {place for place in places if place[1] in self._stocking}
        if not wanted:
            return
        locked = await self._repository.lock_balances(wanted)
        self._balances |= locked
        for (product_id, _), balance in locked.items():
            self._sequences[product_id] = self._sequences.get(product_id, 0) + balance.version

    def balance(self, product_id: str, location_id: str) -> Balance:
        """A locked balance, with what was posted since."""
        return self._balances[product_id, location_id]

    def check_available(self, product_id: str, location_id: str, quantity: int) -> None:
        """Raises ConflictError when less than ``quantity`` is available at a locked place."""
        available = self._balances[product_id, location_id].available
        if available < quantity:
            raise ConflictError(
                f"Only {available} of product {product_id!r} are available at {location_id!r}, not {quantity}."
            )

    def apply(self, movement: Movement, own_cost: Decimal | None) -> Movement:
        """Moves the locked balances; what is sold or lost may drive them negative. The movement as it is kept."""
        source, target = (
            (movement.product_id, location_id) if location_id in self._stocking else None
            for location_id in (movement.from_location_id, movement.to_location_id)
        )
        before = None if source is None else self._balances[source]
        there = None if target is None else self._balances[target]
        movement = valued(movement, before, there, own_cost)
        if source is not None and before is not None:
            self._change(source, issued(before, movement))
        if target is not None:
            self._change(target, received(self._balances[target], movement))
        # Every change of a product's balances raises their versions' sum, whichever transaction makes it.
        return replace(movement, sequence=self._sequences.get(movement.product_id, 0))

    def hold(self, place: Place, quantity: int, purpose: Purpose) -> None:
        """Holds units of a locked place; a negative quantity lets them go."""
        balance = self._balances[place]
        if purpose == "order":
            balance = replace(balance, committed=balance.committed + quantity)
        else:
            balance = replace(balance, unavailable=balance.unavailable + quantity)
        self._change(place, replace(balance, version=balance.version + 1))

    def reopen(self, place: Place, instant: datetime) -> None:
        """A count says what was there at an instant: recorded sales from before it are history."""
        balance = self._balances[place]
        self._change(place, replace(balance, opened_at=instant, version=balance.version + 1))

    async def save(self, movements: Sequence[Movement], source: str, now: datetime) -> list[str]:
        """Appends what was applied and writes the balances that changed; the movements' ids, in order."""
        ids = movement_ids(now, len(movements))
        await self._repository.append(list(zip(ids, movements, strict=True)), source, now)
        await self._repository.save_balances({place: self._balances[place] for place in sorted(self._changed)})
        self._changed.clear()
        return ids

    async def net_after(self, product_ids: Sequence[str], location_id: str, instant: datetime) -> dict[str, int]:
        """What movements that occurred after an instant added to a location, by product."""
        return await self._repository.net_after(product_ids, location_id, instant)

    async def correction_before(self, movement: Movement) -> Movement | None:
        """What must be undone so that an opening balance is what is on hand at its instant: earlier movements."""
        place = (movement.product_id, movement.to_location_id)
        if self._balances[place].version == 0:
            return None
        net = await self._repository.net_before(*place, movement.occurred_at)
        if net == 0:
            return None
        ends = (place[1], OPENING) if net > 0 else (OPENING, place[1])
        return replace(
            movement,
            kind="opening_correction",
            from_location_id=ends[0],
            to_location_id=ends[1],
            quantity=abs(net),
            event_id=f"{movement.event_id}:correction"[-128:],
            reason="superseded by the opening balance",
        )

    def _change(self, place: Place, balance: Balance) -> None:
        self._sequences[place[0]] += balance.version - self._balances[place].version
        self._balances[place] = balance
        self._changed.add(place)


def movement_ids(now: datetime, count: int) -> list[str]:
    """Ids that rise with the time of recording, and within one recording with the order of its movements."""
    stem = f"{int(now.timestamp() * 1_000_000):014x}{secrets.token_hex(4)}"
    return [f"{stem}{number:05x}" for number in range(count)]
