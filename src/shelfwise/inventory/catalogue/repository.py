"""Products of one tenant."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.tables import PRODUCTS

_COLUMNS = tuple(field.name for field in dataclasses.fields(Product))
_MINE = PRODUCTS.c


class ProductRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find(self, product_id: str, *, lock: bool = False) -> tuple[Product, int] | None:
        """The product and its version."""
        query = sa.select(PRODUCTS).where(_MINE.tenant_id == self._tenant_id, _MINE.product_id == product_id)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).mappings().first()
        return None if row is None else (_product(row), row["version"])

    async def find_many(self, product_ids: Sequence[str]) -> dict[str, tuple[Product, int]]:
        query = sa.select(PRODUCTS).where(_MINE.tenant_id == self._tenant_id, _MINE.product_id.in_(product_ids))
        rows = (await self._connection.execute(query.order_by(_MINE.product_id).with_for_update())).mappings()
        return {row["product_id"]: (_product(row), row["version"]) for row in rows}

    async def known(self, product_ids: Sequence[str]) -> set[str]:
        query = sa.select(_MINE.product_id).where(_MINE.tenant_id == self._tenant_id, _MINE.product_id.in_(product_ids))
        return set(await self._connection.scalars(query))

    async def costs(self, product_ids: Sequence[str]) -> dict[str, Any]:
        """The products' own unit cost, by id; None where it is not known. Unknown products are absent."""
        query = sa.select(_MINE.product_id, _MINE.unit_cost).where(
            _MINE.tenant_id == self._tenant_id, _MINE.product_id.in_(product_ids)
        )
        return {row.product_id: row.unit_cost for row in await self._connection.execute(query)}

    async def sku_owners(self, skus: Sequence[str]) -> dict[str, str]:
        """Product id by SKU."""
        query = sa.select(_MINE.sku, _MINE.product_id).where(_MINE.tenant_id == self._tenant_id, _MINE.sku.in_(skus))
        return {row.sku: row.product_id for row in await self._connection.execute(query)}

    async def page(
        self, *, after: str, limit: int, text: str | None, status: str | None, supplier_id: str | None
    ) -> list[tuple[Product, int]]:
        query = sa.select(PRODUCTS).where(_MINE.tenant_id == self._tenant_id, _MINE.product_id > after)
        query = query.where(_MINE.status == status if status else _MINE.status != "archived")
        if supplier_id:
            query = query.where(_MINE.supplier_id == supplier_id)
        if text:
            wanted = text.lower()
            query = query.where(
                sa.or_(
                    *(
                        sa.func.lower(column).contains(wanted, autoescape=True)
                        for column in (_MINE.product_id, _MINE.sku, _MINE.name, sa.cast(_MINE.barcodes, sa.Text))
                    )
                )
            )
        rows = (await self._connection.execute(query.order_by(_MINE.product_id).limit(limit))).mappings()
        return [(_product(row), row["version"]) for row in rows]

    async def add(self, products: Sequence[Product], now: datetime) -> None:
        """Adds products that are not there, version 1."""
        if products:
            await self._connection.execute(
                sa.insert(PRODUCTS),
                [
                    {"tenant_id": self._tenant_id, "version": 1, "created_at": now, "updated_at": now}
                    | _values(product)
                    for product in products
                ],
            )

    async def change(self, products: Sequence[tuple[Product, int]], now: datetime) -> None:
        """Replaces products; each with its new version."""
        if not products:
            return
        changed = [name for name in _COLUMNS if name != "product_id"]
        statement = (
            sa.update(PRODUCTS)
            .where(_MINE.tenant_id == sa.bindparam("key_tenant_id"), _MINE.product_id == sa.bindparam("key_product_id"))
            .values({name: sa.bindparam(f"new_{name}") for name in (*changed, "version", "updated_at")})
        )
        await self._connection.execute(
            statement,
            [
                {
                    "key_tenant_id": self._tenant_id,
                    "key_product_id": product.product_id,
                    "new_version": version,
                    "new_updated_at": now,
                }
                | {f"new_{name}": value for name, value in _values(product).items() if name != "product_id"}
                for product, version in products
            ],
        )


def _values(product: Product) -> dict[str, Any]:
    values = {name: getattr(product, name) for name in _COLUMNS}
    return values | {"barcodes": list(product.barcodes), "aliases": list(product.aliases)}


def _product(row: sa.RowMapping) -> Product:
    values: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    return Product(**values | {"barcodes": tuple(row["barcodes"]), "aliases": tuple(row["aliases"])})
