"""Kits as JSON."""

from typing import Annotated

import msgspec

from shelfwise.contracts.events import Identifier
from shelfwise.inventory.kits.rules import MAX_COMPONENTS

#: A kit's largest sale must still be a quantity.
PerKit = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class ComponentIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    product_id: Identifier
    quantity: PerKit


class ComponentsIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What one kit is made of; an empty list makes the product an ordinary one again."""

    components: Annotated[list[ComponentIn], msgspec.Meta(max_length=MAX_COMPONENTS)]


class ComponentOut(msgspec.Struct, frozen=True):
    product_id: str
    quantity: int
    available: int


class KitOut(msgspec.Struct, frozen=True):
    """``buildable``: kits that the available units at all stocking locations make."""

    product_id: str
    components: list[ComponentOut]
    buildable: int
