"""How much to order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

F = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OrderQuantity:
    """needed: what lifts the position to S. quantity: what can be ordered, after MOQ, pack and limits.

    held_by_max_stock: the product's hard limit cut the order. needs_approval: MOQ or pack make the order go beyond
    the longest cover. All (n,) or scalar arrays.
    """

    needed: NDArray[np.int64]
    quantity: NDArray[np.int64]
    held_by_max_stock: NDArray[np.bool_]
    needs_approval: NDArray[np.bool_]


def needs_reorder(position: ArrayLike, s: ArrayLike) -> NDArray[np.bool_]:
    """Whether the inventory position is at or below the reorder point: the one predicate of the policy."""
    return np.asarray(np.asarray(position, np.float64) <= np.asarray(s, np.float64))


def order_quantity(
    position: ArrayLike, s: ArrayLike, S: ArrayLike, moq: ArrayLike = 1, pack_size: ArrayLike = 1
) -> NDArray[np.int64]:
    """Units to order: 0 above s, else max(MOQ, S - position) rounded up to whole packs.

    The (s, nQ)-rounded (s, S) policy of Axsaeter, Inventory Control (3rd ed., 2015), section 3.2. Scalars or (n,).
    Raises ``ValueError`` for a pack size below 1 or a negative MOQ.
    """
    return recommend(position, s, S, moq, pack_size).quantity


def recommend(
    position: ArrayLike,
    s: ArrayLike,
    S: ArrayLike,
    moq: ArrayLike = 1,
    pack_size: ArrayLike = 1,
    max_stock: ArrayLike = np.inf,
    max_cover_units: ArrayLike = np.inf,
) -> OrderQuantity:
    """The order with what it was derived from. ``max_stock`` is hard (rounded down to packs, below MOQ nothing);
    ``max_cover_units``, the mean demand of the longest cover, is only flagged.
    """  # noqa: D205 - one sentence does not fit a line
    have, least, pack = (np.asarray(a, np.float64) for a in (position, moq, pack_size))
    if np.any(pack < 1) or np.any(pack != np.floor(pack)):
        raise ValueError("pack_size: not a whole number from 1 on")
    if np.any(least < 0):
        raise ValueError("moq: negative")
    due = needs_reorder(position, s)
    needed = np.where(due, np.maximum(np.ceil(np.asarray(S, np.float64) - have), 0.0), 0.0)
    wanted = np.where(needed > 0, np.ceil(np.maximum(least, needed) / pack) * pack, 0.0)
    room = np.maximum(np.floor((np.asarray(max_stock, np.float64) - have) / pack) * pack, 0.0)
    allowed = np.where(room >= least, room, 0.0)
    quantity = np.minimum(wanted, allowed)
    beyond = (quantity > 0) & (have + quantity > np.asarray(max_cover_units, np.float64)) & (quantity > needed)
    return OrderQuantity(
        needed=np.asarray(needed, np.int64),
        quantity=np.asarray(quantity, np.int64),
        held_by_max_stock=np.asarray(quantity < wanted),
        needs_approval=np.asarray(beyond),
    )
