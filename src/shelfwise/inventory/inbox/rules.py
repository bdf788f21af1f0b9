"""What a sale event means for the ledger."""

from collections.abc import Container, Mapping
from datetime import date, datetime

from shelfwise.contracts.events import SaleEvent
from shelfwise.inventory.locations import CUSTOMER, LOSS
from shelfwise.inventory.movements import Movement
from shelfwise.platform.tenancy import in_calendar

SOURCE = "sales"


class RejectedError(Exception):
    """The event cannot be applied; the message says why and what would help."""


def check_known(event: SaleEvent, kinds: Mapping[str, str], products: Container[str], default_location_id: str) -> None:
    """Raises RejectedError when the ledger has no such product or no such stocking location."""
    if event.product_id not in products:
        raise RejectedError(f"unknown product {event.product_id!r}: add it, then retry")
    if kinds.get(event.location_id or default_location_id) != "stock":
        raise RejectedError(f"unknown stocking location {event.location_id!r}: add it, then retry")


def movement_of(event: SaleEvent, default_location_id: str) -> Movement:
    """The movement of an event: a sale goes to the customer, a cancellation or return comes back.

    What comes back unfit to be sold again goes to losses and raises no stock.

    Raises:
        RejectedError: a date or instant that is none.
    """
    place = event.location_id or default_location_id
    if event.kind == "sale":
        ends = (place, CUSTOMER)
    else:
        ends = (CUSTOMER, place if event.resellable or event.kind == "cancellation" else LOSS)
    return Movement(
        product_id=event.product_id,
        kind=event.kind,
        from_location_id=ends[0],
        to_location_id=ends[1],
        quantity=event.quantity,
        occurred_at=_instant(event.occurred_at),
        business_date=_day(event.business_date),
        event_id=event.event_id,
        line_no=event.line_no,
        reference=event.order_id,
    )


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise RejectedError("occurred_at is not an ISO 8601 instant") from None
    if instant.tzinfo is None:
        raise RejectedError("occurred_at has no time zone")
    if not in_calendar(instant):
        raise RejectedError("occurred_at is outside the years that can be reckoned with")
    return instant


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise RejectedError("business_date is not a date") from None
    if not in_calendar(day):
        raise RejectedError("business_date is outside the years that can be reckoned with")
    return day
