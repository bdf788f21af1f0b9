"""Tenants, products and their codes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.contracts.events import ProductRef
from shelfwise.platform.database import insert_into
from shelfwise.sales.product_refs.rules import LockedProduct, Tenant, codes_of
from shelfwise.sales.tables import PRODUCT_CODES, PRODUCT_REFS, TENANTS


@dataclass(frozen=True, slots=True)
class KnownProduct:
    product_id: str
    name: str
    category: str | None
    listed_from: date


class ProductRefsRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def tenant(self) -> tuple[Tenant, int] | None:
        """The tenant and its version, or None when it is not set up."""
        row = (await self._connection.execute(sa.select(TENANTS).where(TENANTS.c.tenant_id == self._tenant_id))).first()
        if row is None:
            return None
        tenant = Tenant(row.tenant_id, row.name, row.time_zone, row.currency, row.business_date, row.simulated)
        return tenant, row.version

    async def store_tenant(self, tenant: Tenant, version: int) -> None:
        """Keeps the tenant unless a newer version is there."""
        values = {
            "name": tenant.name,
            "time_zone": tenant.time_zone,
            "currency": tenant.currency,
            "business_date": tenant.pinned,
            "simulated": tenant.simulated,
            "version": version,
        }
        statement = insert_into(self._connection, TENANTS).values(tenant_id=self._tenant_id, **values)
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id"], set_=values, where=TENANTS.c.version < statement.excluded.version
            )
        )

    async def versions(self, product_ids: Collection[str]) -> dict[str, int]:
        """Known versions, their rows locked until the transaction ends."""
        query = (
            sa.select(PRODUCT_REFS.c.product_id, PRODUCT_REFS.c.version)
            .where(PRODUCT_REFS.c.tenant_id == self._tenant_id, PRODUCT_REFS.c.product_id.in_(product_ids))
            .order_by(PRODUCT_REFS.c.product_id)
            .with_for_update()
        )
        return {row.product_id: row.version for row in await self._connection.execute(query)}

    async def store(self, products: Sequence[ProductRef], listed_from: date) -> None:
        """Keeps products and replaces their codes; a product keeps its first listing day and its sequence."""
        if not products:
            return
        statement = insert_into(self._connection, PRODUCT_REFS)
        changing = ("sku", "name", "category", "status", "version")
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "product_id"],
                set_={name: statement.excluded[name] for name in changing},
                where=PRODUCT_REFS.c.version < statement.excluded.version,
            ),
            [
                {
                    "tenant_id": self._tenant_id,
                    "product_id": product.product_id,
                    "listed_from": listed_from,
                    **{name: getattr(product, name) for name in changing},
                }
                for product in products
            ],
        )
        await self._store_codes(products)

    async def _store_codes(self, products: Sequence[ProductRef]) -> None:
        c = PRODUCT_CODES.c
        await self._connection.execute(
            sa.delete(PRODUCT_CODES).where(
                c.tenant_id == self._tenant_id, c.product_id.in_([product.product_id for product in products])
            )
        )
        await self._connection.execute(
            insert_into(self._connection, PRODUCT_CODES).on_conflict_do_nothing(),
            [
                {"tenant_id": self._tenant_id, "code": code, "rank": rank, "product_id": product.product_id}
                for product in products
                for code, rank in codes_of(product)
            ],
        )

    async def candidates(self, codes: Collection[str]) -> list[tuple[str, int, str]]:
        """(code, rank, product id) of everything that the codes may name."""
        c = PRODUCT_CODES.c
        query = sa.select(c.code, c.rank, c.product_id).where(c.tenant_id == self._tenant_id, c.code.in_(codes))
        return [(row[0], row[1], row[2]) for row in await self._connection.execute(query)]

    async def lock(self, product_ids: Collection[str]) -> dict[str, LockedProduct]:
        """Locks products in the order of their ids, so that two bookings cannot wait for each other."""
        c = PRODUCT_REFS.c
        query = (
            sa.select(c.product_id, c.event_sequence, c.listed_from)
            .where(c.tenant_id == self._tenant_id, c.product_id.in_(product_ids))
            .order_by(c.product_id)
            .with_for_update()
        )
        return {row[0]: LockedProduct(row[1], row[2]) for row in await self._connection.execute(query)}

    async def store_locked(self, products: Mapping[str, LockedProduct]) -> None:
        """Writes back what changed of locked products."""
        if not products:
            return
        c = PRODUCT_REFS.c
        await self._connection.execute(
            sa.update(PRODUCT_REFS)
            .where(c.tenant_id == self._tenant_id, c.product_id == sa.bindparam("of_product"))
            .values(event_sequence=sa.bindparam("sequence"), listed_from=sa.bindparam("listed")),
            [
                {"of_product": name, "sequence": product.event_sequence, "listed": product.listed_from}
                for name, product in sorted(products.items())
            ],
        )

    async def known(self, product_ids: Collection[str]) -> list[KnownProduct]:
        """Those of the products that Sales knows."""
        c = PRODUCT_REFS.c
        query = sa.select(c.product_id, c.name, c.category, c.listed_from).where(
            c.tenant_id == self._tenant_id, c.product_id.in_(product_ids)
        )
        return [KnownProduct(*row) for row in await self._connection.execute(query)]

    async def all_products(self) -> list[KnownProduct]:
        """Every product of the tenant, by id."""
        c = PRODUCT_REFS.c
        query = (
            sa.select(c.product_id, c.name, c.category, c.listed_from)
            .where(c.tenant_id == self._tenant_id)
            .order_by(c.product_id)
        )
        return [KnownProduct(*row) for row in await self._connection.execute(query)]
