"""Kits: products that are sold as one and kept as their components."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from shelfwise.inventory.movements import Movement
from shelfwise.platform.problems import ConflictError, InvalidError

MAX_COMPONENTS = 50


@dataclass(frozen=True, slots=True)
class Component:
    """``quantity`` units of a product in one kit."""

    product_id: str
    quantity: int


def check_components(
    kit_product_id: str, components: Sequence[Component], known: Collection[str], kits: Collection[str]
) -> None:
    """Raises InvalidError for a component that is unknown, stands twice, or is the kit or a kit itself."""
    seen = set()
    for number, component in enumerate(components):
        field = f"components[{number}].product_id"
        if component.product_id not in known:
            raise InvalidError.of(field, "there is no such product")
        if component.product_id in seen:
            raise InvalidError.of(field, "stands on an earlier line: add the quantities up")
        if component.product_id == kit_product_id or component.product_id in kits:
            raise InvalidError.of(field, "is a kit itself: name its components")
        seen.add(component.product_id)


def check_may_be_kit(product_id: str, *, is_component: bool, has_stock: bool) -> None:
    """Raises ConflictError for a product that is part of a kit, or has stock of its own."""
    if is_component:
        raise ConflictError(f"Product {product_id!r} is a component of a kit and cannot be a kit.")
    if has_stock:
        raise ConflictError(f"Product {product_id!r} has stock of its own. Count it as 0 first: a kit has none.")


def buildable(components: Sequence[Component], available: Mapping[str, int]) -> int:
    """How many kits the available units of the components make."""
    if not components:
        return 0
    return max(min(available.get(part.product_id, 0) // part.quantity for part in components), 0)


def component_movements(movement: Movement, components: Sequence[Component]) -> list[Movement]:
    """What a kit's movement is to the ledger: its components', each under an event id of its own."""
    return [
        replace(
            movement,
            product_id=part.product_id,
            quantity=movement.quantity * part.quantity,
            event_id=f"{movement.event_id}#{number}",
        )
        for number, part in enumerate(components, start=1)
    ]
