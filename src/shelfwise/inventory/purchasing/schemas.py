"""Suppliers and their items as JSON."""

from typing import Annotated

import msgspec

from shelfwise.contracts.events import Identifier
from shelfwise.inventory.purchasing.rules import Supplier, SupplierItem
from shelfwise.inventory.values import Amount, Quantity, cost_number, number


class LeadTime(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A lead time in calendar days and how probable it is."""

    days: Annotated[int, msgspec.Meta(ge=0, le=365)]
    probability: Annotated[float, msgspec.Meta(gt=0, le=1)]


class SupplierIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    supplier_id: str
    name: str
    lead_times: Annotated[list[LeadTime], msgspec.Meta(min_length=1, max_length=64)]
    order_weekdays: Annotated[list[int], msgspec.Meta(max_length=7)] = msgspec.field(default_factory=list)
    min_order_value: Amount | None = None


class SupplierChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is left out stays. ``version``: refuse when it is not the current one."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    lead_times: list[LeadTime] | msgspec.UnsetType = msgspec.UNSET
    order_weekdays: list[int] | msgspec.UnsetType = msgspec.UNSET
    min_order_value: Amount | msgspec.UnsetType | None = msgspec.UNSET
    version: int | msgspec.UnsetType = msgspec.UNSET


class SupplierOut(msgspec.Struct, frozen=True):
    supplier_id: str
    name: str
    lead_times: list[LeadTime]
    order_weekdays: list[int]
    min_order_value: float | None
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


def supplier_out(supplier: Supplier, version: int, currency: str) -> SupplierOut:
    return SupplierOut(
        supplier.supplier_id,
        supplier.name,
        [LeadTime(days, share) for days, share in supplier.lead_times],
        list(supplier.order_weekdays),
        number(supplier.min_order_value, currency),
        version,
    )


def item_out(item: SupplierItem) -> SupplierItemOut:
    return SupplierItemOut(item.supplier_id, item.product_id, cost_number(item.unit_cost), item.moq, item.pack_size)
