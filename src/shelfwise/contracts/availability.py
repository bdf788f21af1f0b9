"""How much of each business day a product could be bought: what turns sales into demand."""

from typing import Annotated, TypedDict

import msgspec

from shelfwise.contracts.analytics import ProductIds
from shelfwise.contracts.events import Identifier

MAX_AVAILABILITY_DAYS = 1100

Day = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class AvailabilityQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Body of ``POST /api/inventory/stock-availability/query``: business days ``start <= day < end``."""

    product_ids: ProductIds
    start: Day
    end: Day
    location_id: Identifier | None = None


class ProductAvailability(TypedDict):
    """``shares`` has an entry for each day: the share of the day with stock on hand, null where no ledger says."""

    product_id: str
    shares: list[float | None]


class AvailabilityAnswer(TypedDict):
    """``items`` holds one entry for each product that Inventory knows; ``unknown`` the ids that it does not."""

    start: str
    end: str
    items: list[ProductAvailability]
    unknown: list[str]
