"""Stock that the ledger has and that perhaps nobody can find: it has not sold for longer than it ever pauses."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

#: Pauses that must be known before a longer one means anything.
FEWEST_PAUSES = 20
SHARE = 0.99
WINDOW = timedelta(days=364)


@dataclass(frozen=True, slots=True)
class Move:
    """What changed at one place on a business day; ``sold`` says that it went to a customer."""

    day: date
    delta: int
    sold: bool


@dataclass(frozen=True, slots=True)
class Suspicion:
    """``silent_days`` without a sale, though 99 % of the usual pauses are no longer than ``usual_pause_days``."""

    last_sold_on: date
    silent_days: int
    usual_pause_days: int


def usual_pause(pauses: Sequence[int]) -> int | None:
    """The pause that 99 % of the known ones do not exceed (nearest rank); None when too few are known."""
    if len(pauses) < FEWEST_PAUSES:
        return None
    return sorted(pauses)[math.ceil(SHARE * len(pauses)) - 1]


def suspicion(on_hand: int, moves: Sequence[Move], today: date) -> Suspicion | None:
    """Whether what is on hand may be phantom stock. ``moves`` of one place in time order, ``on_hand`` after them.

    A pause in which the place ran out says nothing, and the present one begins when something was there to be sold.
    """
    stock = on_hand - sum(move.delta for move in moves)
    last_sale: date | None = None
    since: date | None = None
    pauses: list[int] = []
    for move in moves:
        before, stock = stock, stock + move.delta
        if move.sold:
            if since is not None and move.day > since:
                pauses.append((move.day - since).days)
            last_sale = since = move.day
        if stock <= 0:
            since = None
        elif before <= 0 and not move.sold:
            since = None if last_sale is None else move.day
    usual = usual_pause(pauses)
    if on_hand <= 0 or usual is None or since is None or last_sale is None:
        return None
    silent = (today - since).days
    return Suspicion(last_sale, silent, usual) if silent > usual else None
