"""Suspected phantom stock as JSON."""

from datetime import date

import msgspec


class PhantomOut(msgspec.Struct, frozen=True):
    """Nothing was sold for ``silent_days``; 99 % of the usual pauses are at most ``usual_pause_days`` long."""

    product_id: str
    sku: str
    name: str
    location_id: str
    on_hand: int
    last_sold_on: date
    silent_days: int
    usual_pause_days: int


class Phantoms(msgspec.Struct, frozen=True):
    """A page looks through 200 products with stock, and may be empty though there is a next one."""

    items: list[PhantomOut]
    next: str | None
