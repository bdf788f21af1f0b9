"""Importing a catalogue file: the same code for the HTTP route and the command line."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.catalogue.repository import ProductRepository
from shelfwise.inventory.catalogue.rules import CatalogueRow, Product, RowError, read_rows
from shelfwise.inventory.catalogue.schemas import ImportResult, RowErrorOut
from shelfwise.inventory.catalogue.service import product_ref
from shelfwise.inventory.publishing import publish_products
from shelfwise.inventory.purchasing.rules import SupplierItem
from shelfwise.inventory.purchasing.service import put_items, resolve_suppliers
from shelfwise.inventory.tenants.service import require_tenant
from shelfwise.platform.database import Database

MAX_LISTED_ERRORS = 1000
_BATCH_ROWS = 500

Progress = Callable[[int], None]


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
