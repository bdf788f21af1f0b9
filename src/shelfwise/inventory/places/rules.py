"""What a location of a tenant's own may be."""

from dataclasses import dataclass
from datetime import datetime

from shelfwise.inventory.locations import VIRTUAL_LOCATIONS
from shelfwise.inventory.values import check_id, check_text
from shelfwise.platform.problems import ConflictError, InvalidError

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Location:
    location_id: str
    name: str
    # stock | transit | supplier | customer | loss | opening
    kind: str
    archived_at: datetime | None = None


def new_location(location_id: str, name: str) -> Location:
    """A stocking location.

    Raises:
        InvalidError: the id cannot stand in a path or is one that every tenant has, or the name is empty or too long.
    """
    check_id("location_id", location_id)
    if location_id in VIRTUAL_LOCATIONS:
        raise InvalidError.of("location_id", f"{location_id!r} is what the ledger calls where stock comes from or goes")
    return Location(location_id, check_text("name", name, _LONGEST_NAME), "stock")


def check_own(location: Location) -> None:
    """Raises ConflictError for a location that every tenant has."""
    if location.kind != "stock":
        raise ConflictError(f"Location {location.location_id!r} belongs to the ledger itself and stays as it is.")


def check_archivable(location: Location, default_location_id: str, *, in_use: bool) -> None:
    """Raises ConflictError while anything is at the location, held there or on its way, or it is the default."""
    check_own(location)
    if location.location_id == default_location_id:
        raise ConflictError("This is the tenant's default location. Choose another one with PATCH /tenant first.")
    if in_use:
        raise ConflictError(
            f"There is stock at {location.location_id!r}, or on its way there. Transfer it, or count it as 0, first."
        )
