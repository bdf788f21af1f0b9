"""The catalogue: products are created, changed, imported and archived here, and published to Sales."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.contracts.events import ProductRef
from shelfwise.inventory.catalogue.repository import ProductRepository
from shelfwise.inventory.catalogue.rules import STATUSES, CatalogueRow, Product, RowError, check_product, read_rows
from shelfwise.inventory.catalogue.schemas import ImportResult, ProductOut, Products, RowErrorOut, product_out
from shelfwise.inventory.publishing import publish_products
from shelfwise.inventory.purchasing.service import SupplierItem, put_items, resolve_suppliers, supplier_exists
from shelfwise.inventory.tenants.service import require_tenant
from shelfwise.inventory.values import decode_cursor, encode_cursor
from shelfwise.platform.database import Database
from shelfwise.platform.problems import ConflictError, InvalidError, NotFoundError

MAX_LISTED_ERRORS = 1000
_BATCH_ROWS = 500

Progress = Callable[[int], None]


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


@dataclasses.dataclass(slots=True)
class _Tally:
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    errors: list[RowError] = dataclasses.field(default_factory=list)


class CatalogueImport:
    """Imports rows in batches, each one transaction; a bad row is named and the others are taken."""

    def __init__(self, database: Database, clock: Callable[[], datetime], committed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._committed = committed

    async def run(self, tenant_id: str, lines: Iterable[bytes], progress: Progress | None = None) -> ImportResult:
        """Adds the products of a CSV file and changes those that differ. ``progress`` is told the rows done so far.

        Raises:
            InvalidError: the header lacks a column that is needed; nothing is imported.
            TenantNotSetUpError: there is no such tenant.
        """
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
        tally = _Tally()
        rows = read_rows(lines)
        while batch := list(islice(rows, _BATCH_ROWS)):
            tally.rows += len(batch)
            tally.errors.extend(row for row in batch if isinstance(row, RowError))
            products = _last_of_each([row for row in batch if isinstance(row, CatalogueRow)])
            if products:
                await self._take(tenant_id, products, tally)
                self._committed()
            if progress is not None:
                progress(tally.rows)
            await asyncio.sleep(0)
        return ImportResult(
            rows=tally.rows,
            created=tally.created,
            updated=tally.updated,
            unchanged=tally.unchanged,
            error_count=len(tally.errors),
            errors=[RowErrorOut(error.line, error.reason) for error in tally.errors[:MAX_LISTED_ERRORS]],
        )

    async def _take(self, tenant_id: str, rows: list[CatalogueRow], tally: _Tally) -> None:
        now = self._clock()
        async with self._database.write(tenant_id) as connection:
            rows = await self._without_taken_skus(connection, tenant_id, rows, tally)
            products = await self._with_suppliers(connection, tenant_id, rows)
            repository = ProductRepository(connection, tenant_id)
            known = await repository.find_many([product.product_id for product in products])
            new = [product for product in products if product.product_id not in known]
            changed = [
                (product, known[product.product_id][1] + 1)
                for product in products
                if product.product_id in known and known[product.product_id][0] != product
            ]
            await repository.add(new, now)
            await repository.change(changed, now)
            await put_items(connection, tenant_id, _items(products))
            refs = [product_ref(product, 1) for product in new] + [product_ref(*entry) for entry in changed]
            await publish_products(connection, tenant_id, refs, now)
        tally.created += len(new)
        tally.updated += len(changed)
        tally.unchanged += len(products) - len(new) - len(changed)

    async def _without_taken_skus(
        self, connection: AsyncConnection, tenant_id: str, rows: list[CatalogueRow], tally: _Tally
    ) -> list[CatalogueRow]:
        owners = await ProductRepository(connection, tenant_id).sku_owners([row.product.sku for row in rows])
        kept = []
        for row in rows:
            owner = owners.setdefault(row.product.sku, row.product.product_id)
            if owner == row.product.product_id:
                kept.append(row)
            else:
                tally.errors.append(RowError(row.line, f"sku: {row.product.sku!r} is product {owner!r}'s"))
        return kept

    async def _with_suppliers(
        self, connection: AsyncConnection, tenant_id: str, rows: Sequence[CatalogueRow]
    ) -> list[Product]:
        names = [row.supplier for row in rows if row.supplier is not None]
        if not names:
            return [row.product for row in rows]
        tenant = await require_tenant(connection, tenant_id)
        ids = await resolve_suppliers(connection, tenant_id, names, tenant.settings.default_lead_time_days)
        return [
            row.product if row.supplier is None else dataclasses.replace(row.product, supplier_id=ids[row.supplier])
            for row in rows
        ]


def _last_of_each(rows: list[CatalogueRow]) -> list[CatalogueRow]:
    return list({row.product.product_id: row for row in rows}.values())


def _items(products: Sequence[Product]) -> list[SupplierItem]:
    return [
        SupplierItem(product.supplier_id, product.product_id, product.unit_cost, product.moq, product.pack_size)
        for product in products
        if product.supplier_id is not None
    ]
