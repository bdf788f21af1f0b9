"""Suppliers and their items."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.purchasing.rules import Supplier, SupplierItem
from shelfwise.inventory.tables import (
    PRODUCTS,
    SUPPLIER_ITEMS,
    SUPPLIERS,
)
from shelfwise.platform.database import insert_into


class PurchasingRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def suppliers(self, *, after: str = "", limit: int | None = None) -> list[tuple[Supplier, int]]:
        """Suppliers with their versions, by id."""
        query = (
            sa.select(SUPPLIERS)
            .where(SUPPLIERS.c.tenant_id == self._tenant_id, SUPPLIERS.c.supplier_id > after)
            .order_by(SUPPLIERS.c.supplier_id)
            .limit(limit)
        )
        return [_supplier(row) for row in (await self._connection.execute(query)).mappings()]

    async def supplier(self, supplier_id: str, *, lock: bool = False) -> tuple[Supplier, int] | None:
        query = sa.select(SUPPLIERS).where(
            SUPPLIERS.c.tenant_id == self._tenant_id, SUPPLIERS.c.supplier_id == supplier_id
        )
        row = (await self._connection.execute(query.with_for_update() if lock else query)).mappings().first()
        return None if row is None else _supplier(row)

    async def name_taken(self, name: str, by_other_than: str) -> bool:
        query = sa.select(SUPPLIERS.c.supplier_id).where(
            SUPPLIERS.c.tenant_id == self._tenant_id,
            SUPPLIERS.c.name == name,
            SUPPLIERS.c.supplier_id != by_other_than,
        )
        return (await self._connection.execute(query)).first() is not None

    async def add_supplier(self, supplier: Supplier) -> bool:
        """Whether id and name were free."""
        statement = (
            insert_into(self._connection, SUPPLIERS)
            .values(tenant_id=self._tenant_id, supplier_id=supplier.supplier_id, version=1, **_values(supplier))
            .on_conflict_do_nothing()
        )
        return (await self._connection.execute(statement)).rowcount == 1

    async def change_supplier(self, supplier: Supplier, version: int) -> None:
        await self._connection.execute(
            sa.update(SUPPLIERS)
            .where(SUPPLIERS.c.tenant_id == self._tenant_id, SUPPLIERS.c.supplier_id == supplier.supplier_id)
            .values(version=version, **_values(supplier))
        )

    async def put_items(self, items: Sequence[SupplierItem]) -> None:
        """Adds the items or replaces their terms."""
        if not items:
            return
        statement = insert_into(self._connection, SUPPLIER_ITEMS)
        terms = ("unit_cost", "moq", "pack_size")
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "supplier_id", "product_id"],
                set_={name: statement.excluded[name] for name in terms},
            ),
            [
                {
                    "tenant_id": self._tenant_id,
                    "supplier_id": item.supplier_id,
                    "product_id": item.product_id,
                    "unit_cost": item.unit_cost,
                    "moq": item.moq,
                    "pack_size": item.pack_size,
                }
                for item in items
            ],
        )

    async def items(self, supplier_id: str, *, after: str, limit: int) -> list[SupplierItem]:
        query = (
            sa.select(SUPPLIER_ITEMS)
            .where(
                SUPPLIER_ITEMS.c.tenant_id == self._tenant_id,
                SUPPLIER_ITEMS.c.supplier_id == supplier_id,
                SUPPLIER_ITEMS.c.product_id > after,
            )
            .order_by(SUPPLIER_ITEMS.c.product_id)
            .limit(limit)
        )
        return [_item(row) for row in (await self._connection.execute(query)).mappings()]

    async def item(self, supplier_id: str, product_id: str) -> SupplierItem | None:
        query = sa.select(SUPPLIER_ITEMS).where(
            SUPPLIER_ITEMS.c.tenant_id == self._tenant_id,
            SUPPLIER_ITEMS.c.supplier_id == supplier_id,
            SUPPLIER_ITEMS.c.product_id == product_id,
        )
        row = (await self._connection.execute(query)).mappings().first()
        return None if row is None else _item(row)

    async def known_products(self, product_ids: Sequence[str]) -> set[str]:
        query = sa.select(PRODUCTS.c.product_id).where(
            PRODUCTS.c.tenant_id == self._tenant_id, PRODUCTS.c.product_id.in_(product_ids)
        )
        return set(await self._connection.scalars(query))

    async def prefer(self, supplier_id: str, product_id: str) -> None:
        """Makes the supplier the product's, where it has none yet."""
        await self._connection.execute(
            sa.update(PRODUCTS)
            .where(
                PRODUCTS.c.tenant_id == self._tenant_id,
                PRODUCTS.c.product_id == product_id,
                PRODUCTS.c.supplier_id.is_(None),
            )
            .values(supplier_id=supplier_id)
        )


def _values(supplier: Supplier) -> dict[str, Any]:
    return {
        "name": supplier.name,
        "lead_times": [list(pair) for pair in supplier.lead_times],
        "order_weekdays": list(supplier.order_weekdays),
        "min_order_value": supplier.min_order_value,
        "min_order_units": supplier.min_order_units,
        "cut_off": supplier.cut_off,
        "closed_dates": [day.isoformat() for day in supplier.closed_dates],
        "lead_time_unit": supplier.lead_time_unit,
    }


def _item(row: sa.RowMapping) -> SupplierItem:
    return SupplierItem(row["supplier_id"], row["product_id"], row["unit_cost"], row["moq"], row["pack_size"])


def _supplier(row: sa.RowMapping) -> tuple[Supplier, int]:
    supplier = Supplier(
        row["supplier_id"],
        row["name"],
        tuple((int(days), float(share)) for days, share in row["lead_times"]),
        tuple(row["order_weekdays"]),
        row["min_order_value"],
        row["min_order_units"],
        row["cut_off"],
        tuple(map(date.fromisoformat, row["closed_dates"])),
        row["lead_time_unit"],
    )
    return supplier, row["version"]
