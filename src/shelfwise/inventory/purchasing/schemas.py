"""Suppliers and their items as JSON."""

from datetime import date, datetime, time
from typing import Annotated

import msgspec

from shelfwise.contracts.events import Identifier
from shelfwise.inventory.purchasing.rules import MAX_CLOSED_DATES, LeadTimeUnit, Supplier, SupplierItem
from shelfwise.inventory.values import Amount, Quantity, cost_number, number


class LeadTime(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A lead time, in days of the supplier's ``lead_time_unit``, and how probable it is."""

    days: Annotated[int, msgspec.Meta(ge=0, le=365)]
    probability: Annotated[float, msgspec.Meta(gt=0, le=1)]


#: Local time of day, ``HH:MM``.
CutOff = Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["15:30"])]
ClosedDates = Annotated[list[date], msgspec.Meta(max_length=MAX_CLOSED_DATES)]


class SupplierIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    supplier_id: str
    name: str
    lead_times: Annotated[list[LeadTime], msgspec.Meta(min_length=1, max_length=64)]
    order_weekdays: Annotated[list[int], msgspec.Meta(max_length=7)] = msgspec.field(default_factory=list)
    min_order_value: Amount | None = None
    min_order_units: Quantity | None = None
    cut_off: CutOff | None = None
    closed_dates: ClosedDates = msgspec.field(default_factory=list)
    lead_time_unit: LeadTimeUnit = "calendar"


class SupplierChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is left out stays. ``version``: refuse when it is not the current one."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    lead_times: list[LeadTime] | msgspec.UnsetType = msgspec.UNSET
    order_weekdays: list[int] | msgspec.UnsetType = msgspec.UNSET
    min_order_value: Amount | msgspec.UnsetType | None = msgspec.UNSET
    min_order_units: Quantity | msgspec.UnsetType | None = msgspec.UNSET
    cut_off: CutOff | msgspec.UnsetType | None = msgspec.UNSET
    closed_dates: ClosedDates | msgspec.UnsetType = msgspec.UNSET
    lead_time_unit: LeadTimeUnit | msgspec.UnsetType = msgspec.UNSET
    version: int | msgspec.UnsetType = msgspec.UNSET


class SupplierOut(msgspec.Struct, frozen=True):
    """``next_cut_off``: until when an order is taken next, in the tenant's time zone."""

    supplier_id: str
    name: str
    lead_times: list[LeadTime]
    order_weekdays: list[int]
    min_order_value: float | None
    min_order_units: int | None
    cut_off: str | None
    closed_dates: list[date]
    lead_time_unit: LeadTimeUnit
    next_cut_off: datetime
    version: int


class Suppliers(msgspec.Struct, frozen=True):
    items: list[SupplierOut]
    next: str | None


class SupplierItemIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    product_id: Identifier
    unit_cost: Amount | None = None
    moq: Quantity = 1
    pack_size: Quantity = 1


class SupplierItemOut(msgspec.Struct, frozen=True):
    supplier_id: str
    product_id: str
    unit_cost: float | None
    moq: int
    pack_size: int


class SupplierItems(msgspec.Struct, frozen=True):
    items: list[SupplierItemOut]
    next: str | None


def cut_off_time(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)


def supplier_out(supplier: Supplier, version: int, currency: str, cut_off: datetime) -> SupplierOut:
    return SupplierOut(
        supplier.supplier_id,
        supplier.name,
        [LeadTime(days, share) for days, share in supplier.lead_times],
        list(supplier.order_weekdays),
        number(supplier.min_order_value, currency),
        supplier.min_order_units,
        None if supplier.cut_off is None else supplier.cut_off.strftime("%H:%M"),
        list(supplier.closed_dates),
        supplier.lead_time_unit,
        cut_off,
        version,
    )


def item_out(item: SupplierItem) -> SupplierItemOut:
    return SupplierItemOut(item.supplier_id, item.product_id, cost_number(item.unit_cost), item.moq, item.pack_size)
