"""Products as JSON."""

from typing import Annotated, Literal

import msgspec

from shelfwise.contracts.events import Identifier
from shelfwise.inventory.catalogue.rules import MAX_CODES, Product
from shelfwise.inventory.values import Amount, Quantity, cost_number, number

Codes = Annotated[list[str], msgspec.Meta(max_length=MAX_CODES)]
Status = Literal["new", "active", "phase_out", "discontinued", "do_not_reorder", "archived"]


class ProductIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A product as it is read back, ``id`` included. ``sku`` left out: the id.

    Cost, MOQ and pack of the supplier's item go before the product's own.
    """

    id: str
    name: str
    sku: str | None = None
    category: str | None = None
    barcodes: Codes = msgspec.field(default_factory=list)
    aliases: Codes = msgspec.field(default_factory=list)
    price: Amount | None = None
    unit_cost: Amount | None = None
    pack_size: Quantity = 1
    moq: Quantity = 1
    supplier_id: Identifier | None = None
    status: Status = "active"


class ProductChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is left out stays. ``version``: refuse when it is not the current one."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    sku: str | msgspec.UnsetType = msgspec.UNSET
    category: str | msgspec.UnsetType | None = msgspec.UNSET
    barcodes: Codes | msgspec.UnsetType = msgspec.UNSET
    aliases: Codes | msgspec.UnsetType = msgspec.UNSET
    price: Amount | msgspec.UnsetType | None = msgspec.UNSET
    unit_cost: Amount | msgspec.UnsetType | None = msgspec.UNSET
    pack_size: Quantity | msgspec.UnsetType = msgspec.UNSET
    moq: Quantity | msgspec.UnsetType = msgspec.UNSET
    supplier_id: Identifier | msgspec.UnsetType | None = msgspec.UNSET
    status: Status | msgspec.UnsetType = msgspec.UNSET
    version: int | msgspec.UnsetType = msgspec.UNSET


class ProductOut(msgspec.Struct, frozen=True):
    id: str
    sku: str
    name: str
    category: str | None
    barcodes: list[str]
    aliases: list[str]
    price: float | None
    unit_cost: float | None
    pack_size: int
    moq: int
    supplier_id: str | None
    status: str
    currency: str
    version: int


class Products(msgspec.Struct, frozen=True):
    items: list[ProductOut]
    next: str | None


class RowErrorOut(msgspec.Struct, frozen=True):
    line: int
    reason: str


class ImportResult(msgspec.Struct, frozen=True):
    """``errors`` lists the first 1,000 rows that were left out; ``error_count`` counts them all."""

    rows: int
    created: int
    updated: int
    unchanged: int
    error_count: int
    errors: list[RowErrorOut]


def product_of(data: ProductIn) -> Product:
    return Product(
        product_id=data.id,
        sku=data.id if data.sku is None else data.sku,
        name=data.name,
        category=data.category,
        barcodes=tuple(data.barcodes),
        aliases=tuple(data.aliases),
        price=data.price,
        unit_cost=data.unit_cost,
        pack_size=data.pack_size,
        moq=data.moq,
        supplier_id=data.supplier_id,
        status=data.status,
    )


def product_out(product: Product, version: int, currency: str) -> ProductOut:
    return ProductOut(
        id=product.product_id,
        sku=product.sku,
        name=product.name,
        category=product.category,
        barcodes=list(product.barcodes),
        aliases=list(product.aliases),
        price=number(product.price, currency),
        unit_cost=cost_number(product.unit_cost),
        pack_size=product.pack_size,
        moq=product.moq,
        supplier_id=product.supplier_id,
        status=product.status,
        currency=currency,
        version=version,
    )
