"""Suppliers and what they sell."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.purchasing.repository import PurchasingRepository
from shelfwise.inventory.purchasing.rules import (
    LeadTimes,
    LeadTimeUnit,
    Supplier,
    SupplierItem,
    calendar_days,
    check_supplier,
    expected_on,
    next_cut_off,
    order_day,
    slug,
)
from shelfwise.inventory.purchasing.schemas import (
    SupplierItemOut,
    SupplierItems,
    SupplierOut,
    Suppliers,
    item_out,
    supplier_out,
)
from shelfwise.inventory.tables import AUDIT_LOG
from shelfwise.inventory.tenants.service import Tenant, require_tenant
from shelfwise.inventory.values import check_amount, decode_cursor, encode_cursor
from shelfwise.platform.audit import SYSTEM, Actor, AuditLog, Change
from shelfwise.platform.database import Database
from shelfwise.platform.problems import ConflictError, InvalidError, NotFoundError

__all__ = [
    "PurchasingService",
    "Supplier",
    "SupplierItem",
    "calendar_lead_times",
    "expected_delivery",
    "find_supplier",
    "put_items",
    "resolve_suppliers",
    "supplier_exists",
]


async def put_items(connection: AsyncConnection, tenant_id: str, items: Sequence[SupplierItem]) -> None:
    """Adds or replaces supplier items, inside the catalogue's transaction."""
    await PurchasingRepository(connection, tenant_id).put_items(items)


async def find_supplier(connection: AsyncConnection, tenant_id: str, supplier_id: str) -> Supplier | None:
    """The supplier, inside another feature's transaction."""
    found = await PurchasingRepository(connection, tenant_id).supplier(supplier_id)
    return None if found is None else found[0]


def calendar_lead_times(
    lead_times: LeadTimes, unit: LeadTimeUnit, closed_dates: Sequence[date], start: date
) -> LeadTimes:
    """(calendar days, probability) of lead times in days of a unit, counted from a start."""
    return tuple((calendar_days(days, unit, closed_dates, start), share) for days, share in lead_times)


def expected_delivery(supplier: Supplier, tenant: Tenant, now: datetime, ordered_on: date | None) -> date:
    """When an order placed now, or earlier on a day before its cut-off, is expected."""
    if ordered_on is not None:
        return expected_on(supplier, order_day(supplier, ordered_on))
    taken_on, _ = next_cut_off(supplier, _wall_clock(tenant, now), tenant.settings.time_zone)
    return expected_on(supplier, taken_on)


def _wall_clock(tenant: Tenant, now: datetime) -> datetime:
    """The present time of day on the tenant's business date, which may be pinned."""
    local = now.astimezone(ZoneInfo(tenant.settings.time_zone))
    return datetime.combine(tenant.today(now), local.timetz())


async def supplier_exists(connection: AsyncConnection, tenant_id: str, supplier_id: str) -> bool:
    return await PurchasingRepository(connection, tenant_id).supplier(supplier_id) is not None


async def resolve_suppliers(
    connection: AsyncConnection, tenant_id: str, names: Iterable[str], default_lead_time_days: int
) -> dict[str, str]:
    """Supplier id by what a catalogue calls it, its id or its name; an unknown name becomes a supplier."""
    repository = PurchasingRepository(connection, tenant_id)
    known = [supplier for supplier, _ in await repository.suppliers()]
    by_key = {supplier.name.casefold(): supplier.supplier_id for supplier in known}
    by_key |= {supplier.supplier_id.casefold(): supplier.supplier_id for supplier in known}
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        key = name.casefold()
        if key not in by_key:
            supplier = Supplier(_free_id(slug(name), set(by_key)), name, ((default_lead_time_days, 1.0),))
            await repository.add_supplier(check_supplier(supplier))
            by_key[key] = by_key[supplier.supplier_id] = supplier.supplier_id
        found[name] = by_key[key]
    return found


def _free_id(wanted: str, taken: set[str]) -> str:
    number, candidate = 2, wanted
    while candidate in taken:
        candidate, number = f"{wanted}-{number}", number + 1
    return candidate


class PurchasingService:
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def add_supplier(self, tenant_id: str, supplier: Supplier, actor: Actor = SYSTEM) -> SupplierOut:
        """Raises InvalidError; ConflictError when the id or the name is taken."""
        check_supplier(supplier)
        check_amount("min_order_value", supplier.min_order_value)
        async with self._database.write(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            if not await PurchasingRepository(connection, tenant_id).add_supplier(supplier):
                raise ConflictError("A supplier with this supplier_id or this name exists.")
            answer = self._out(tenant, supplier, 1)
            change = Change("create", "suppliers", supplier.supplier_id, None, answer)
            await self._record(connection, tenant_id, actor, change)
        return answer

    async def suppliers(self, tenant_id: str, limit: int, cursor: str | None) -> Suppliers:
        async with self._database.read(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            rows = await PurchasingRepository(connection, tenant_id).suppliers(
                after=decode_cursor(cursor), limit=limit + 1
            )
        page = rows[:limit]
        following = encode_cursor(page[-1][0].supplier_id) if len(rows) > limit else None
        return Suppliers([self._out(tenant, *row) for row in page], following)

    async def supplier(self, tenant_id: str, supplier_id: str) -> SupplierOut:
        async with self._database.read(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            found = await PurchasingRepository(connection, tenant_id).supplier(supplier_id)
        if found is None:
            raise NotFoundError(f"There is no supplier {supplier_id!r}.")
        return self._out(tenant, *found)

    async def change_supplier(
        self,
        tenant_id: str,
        supplier_id: str,
        changes: Mapping[str, Any],
        version: int | None,
        actor: Actor = SYSTEM,
    ) -> SupplierOut:
        """Raises NotFoundError, InvalidError, or ConflictError for a stale version or a taken name."""
        async with self._database.write(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            repository = PurchasingRepository(connection, tenant_id)
            found = await repository.supplier(supplier_id, lock=True)
            if found is None:
                raise NotFoundError(f"There is no supplier {supplier_id!r}.")
            known, current = found
            if version is not None and version != current:
                raise ConflictError(f"The supplier is at version {current}, not {version}. Read it again.")
            supplier = check_supplier(dataclasses.replace(known, **changes))
            check_amount("min_order_value", supplier.min_order_value)
            if supplier == known:
                return self._out(tenant, known, current)
            if await repository.name_taken(supplier.name, supplier_id):
                raise ConflictError("Another supplier has this name.")
            await repository.change_supplier(supplier, current + 1)
            before, after = self._out(tenant, known, current), self._out(tenant, supplier, current + 1)
            await self._record(connection, tenant_id, actor, Change("edit", "suppliers", supplier_id, before, after))
        return after

    async def put_item(self, tenant_id: str, item: SupplierItem, actor: Actor = SYSTEM) -> SupplierItemOut:
        """Sets what a supplier asks for a product; it becomes the product's supplier where there was none."""
        check_amount("unit_cost", item.unit_cost)
        async with self._database.write(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            repository = PurchasingRepository(connection, tenant_id)
            if await repository.supplier(item.supplier_id) is None:
                raise NotFoundError(f"There is no supplier {item.supplier_id!r}.")
            if not await repository.known_products([item.product_id]):
                raise InvalidError.of("product_id", "there is no such product")
            known, answer = await repository.item(item.supplier_id, item.product_id), item_out(item)
            await repository.put_items([item])
            await repository.prefer(item.supplier_id, item.product_id)
            if item != known:
                before = None if known is None else item_out(known)
                object_id = f"{item.supplier_id}/{item.product_id}"
                await self._record(
                    connection, tenant_id, actor, Change("set", "supplier_items", object_id, before, answer)
                )
        return answer

    async def items(self, tenant_id: str, supplier_id: str, limit: int, cursor: str | None) -> SupplierItems:
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            repository = PurchasingRepository(connection, tenant_id)
            if await repository.supplier(supplier_id) is None:
                raise NotFoundError(f"There is no supplier {supplier_id!r}.")
            rows = await repository.items(supplier_id, after=decode_cursor(cursor), limit=limit + 1)
        following = encode_cursor(rows[limit - 1].product_id) if len(rows) > limit else None
        return SupplierItems([item_out(item) for item in rows[:limit]], following)

    async def _record(self, connection: AsyncConnection, tenant_id: str, actor: Actor, change: Change) -> None:
        await AuditLog(AUDIT_LOG, connection, tenant_id).record(actor, [change], self._clock())

    def _out(self, tenant: Tenant, supplier: Supplier, version: int) -> SupplierOut:
        now = _wall_clock(tenant, self._clock())
        _, cut_off = next_cut_off(supplier, now, tenant.settings.time_zone)
        return supplier_out(supplier, version, tenant.settings.currency, cut_off)
