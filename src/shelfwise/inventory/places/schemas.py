"""Locations as JSON."""

from datetime import datetime

import msgspec

from shelfwise.contracts.events import Identifier, Text
from shelfwise.inventory.places.rules import Location


class LocationIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A new place that holds stock; the id is its name unless given."""

    location_id: Identifier
    name: Text | None = None


class LocationChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Its new name; ``archived`` false brings an archived location back."""

    name: Text | msgspec.UnsetType = msgspec.UNSET
    archived: bool | msgspec.UnsetType = msgspec.UNSET


class LocationOut(msgspec.Struct, frozen=True):
    location_id: str
    name: str
    kind: str
    archived_at: datetime | None


class Locations(msgspec.Struct, frozen=True):
    items: list[LocationOut]
    next: str | None = None


def location_out(location: Location) -> LocationOut:
    return LocationOut(location.location_id, location.name, location.kind, location.archived_at)
