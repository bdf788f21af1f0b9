"""The catalogue: products are created, changed, imported and archived here, and published to Sales."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.contracts.events import ProductRef
from shelfwise.inventory.catalogue.repository import ProductRepository
from shelfwise.inventory.catalogue.rules import STATUSES, Product, check_product
from shelfwise.inventory.catalogue.schemas import ProductOut, Products, product_out
from shelfwise.inventory.publishing import publish_products
from shelfwise.inventory.purchasing.service import supplier_exists
from shelfwise.inventory.tenants.service import require_tenant
from shelfwise.inventory.values import decode_cursor, encode_cursor
from shelfwise.platform.database import Database
from shelfwise.platform.problems import ConflictError, InvalidError, NotFoundError


async def product_costs(
    connection: AsyncConnection, tenant_id: str, product_ids: Sequence[str]
) -> dict[str, Decimal | None]:
    """The products' own unit cost by id, inside the ledger's transaction; unknown products are absent."""
    return await ProductRepository(connection, tenant_id).costs(product_ids)


async def require_product(connection: AsyncConnection, tenant_id: str, product_id: str) -> Product:
    """The product, inside another feature's transaction.

    Raises:
        NotFoundError: there is none, or it is another tenant's.
    """
    found = await ProductRepository(connection, tenant_id).find(product_id)
    if found is None:
        raise NotFoundError(f"There is no product {product_id!r}.")
    return found[0]


class CatalogueService:
    def __init__(self, database: Database, clock: Callable[[], datetime], committed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._committed = committed

    async def create(self, tenant_id: str, product: Product) -> ProductOut:
        """Raises InvalidError; ConflictError when the id or the SKU is taken."""
        check_product(product)
        now = self._clock()
        try:
            async with self._database.write(tenant_id) as connection:
                tenant = await require_tenant(connection, tenant_id)
                repository = ProductRepository(connection, tenant_id)
                if await repository.find(product.product_id) is not None:
                    raise ConflictError(f"A product {product.product_id!r} exists.")
                await self._check_references(connection, tenant_id, product)
                await repository.add([product], now)
                await publish_products(connection, tenant_id, [product_ref(product, 1)], now)
        except IntegrityError as error:
            raise ConflictError("A product with this id or SKU was created at the same moment.") from error
        self._committed()
        return product_out(product, 1, tenant.settings.currency)

    async def show(self, tenant_id: str, product_id: str) -> ProductOut:
        """Raises NotFoundError when the tenant has no such product."""
        async with self._database.read(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            found = await ProductRepository(connection, tenant_id).find(product_id)
        if found is None:
            raise NotFoundError(f"There is no product {product_id!r}.")
        return product_out(*found, tenant.settings.currency)

    async def page(
        self,
        tenant_id: str,
        *,
        limit: int,
        cursor: str | None = None,
        text: str | None = None,
        status: str | None = None,
        supplier_id: str | None = None,
    ) -> Products:
        """Products by id; ``text`` is searched in id, SKU, name and barcodes. Archived ones only when asked for."""
        if status is not None and status not in STATUSES:
            raise InvalidError.of("status", f"must be one of {', '.join(STATUSES)}", "query")
        async with self._database.read(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            rows = await ProductRepository(connection, tenant_id).page(
                after=decode_cursor(cursor), limit=limit + 1, text=text, status=status, supplier_id=supplier_id
            )
        following = encode_cursor(rows[limit - 1][0].product_id) if len(rows) > limit else None
        return Products([product_out(*row, tenant.settings.currency) for row in rows[:limit]], following)

    async def change(
        self, tenant_id: str, product_id: str, changes: Mapping[str, Any], version: int | None = None
    ) -> ProductOut:
        """The product with some fields replaced.

        Raises:
            NotFoundError: there is none.
            InvalidError: a field is not possible.
            ConflictError: ``version`` is given and stale, or the SKU is another product's.
        """
        now = self._clock()
        try:
            async with self._database.write(tenant_id) as connection:
                tenant = await require_tenant(connection, tenant_id)
                repository = ProductRepository(connection, tenant_id)
                found = await repository.find(product_id, lock=True)
                if found is None:
                    raise NotFoundError(f"There is no product {product_id!r}.")
                known, current = found
                if version is not None and version != current:
                    raise ConflictError(f"The product is at version {current}, not {version}. Read it again.")
                product = check_product(dataclasses.replace(known, **changes))
                if product == known:
                    return product_out(known, current, tenant.settings.currency)
                await self._check_references(connection, tenant_id, product)
                await repository.change([(product, current + 1)], now)
                await publish_products(connection, tenant_id, [product_ref(product, current + 1)], now)
        except IntegrityError as error:
            raise ConflictError("Another product took this SKU at the same moment.") from error
        self._committed()
        return product_out(product, current + 1, tenant.settings.currency)

    async def archive(self, tenant_id: str, product_id: str) -> None:
        """Takes the product out of lists and planning; its history stays. Repeating it changes nothing."""
        await self.change(tenant_id, product_id, {"status": "archived"})

    async def _check_references(self, connection: AsyncConnection, tenant_id: str, product: Product) -> None:
        owner = (await ProductRepository(connection, tenant_id).sku_owners([product.sku])).get(product.sku)
        if owner not in {None, product.product_id}:
            raise ConflictError(f"The SKU {product.sku!r} is product {owner!r}'s.")
        if product.supplier_id is not None and not await supplier_exists(connection, tenant_id, product.supplier_id):
            raise InvalidError.of("supplier_id", "there is no such supplier")


def product_ref(product: Product, version: int) -> ProductRef:
    """The product as Sales needs it."""
    return ProductRef(
        product_id=product.product_id,
        sku=product.sku,
        name=product.name,
        version=version,
        category=product.category,
        status=product.status,
        barcodes=list(product.barcodes),
        aliases=list(product.aliases),
    )
