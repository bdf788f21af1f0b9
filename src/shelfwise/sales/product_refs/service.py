"""What Sales learns from Inventory's catalogue: tenants and products, each version once."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.contracts.events import CatalogueRefs, ProductRef, RefsAnswer, TenantRef
from shelfwise.platform.database import Database
from shelfwise.platform.problems import InvalidError, TenantNotSetUpError
from shelfwise.platform.tenancy import FIRST_YEAR, LAST_YEAR, check_time_zone, in_calendar
from shelfwise.sales.identifiers import code_problem, identifier_problem, text_problem
from shelfwise.sales.product_refs.repository import KnownProduct, ProductRefsRepository
from shelfwise.sales.product_refs.rules import LockedProduct, Tenant, newer, resolved

__all__ = ["KnownProduct", "LockedProduct", "ProductRefsService", "Tenant"]

_CACHE_SECONDS = 2.0
_CACHE_SIZE = 1024
_MAX_VERSION = 2**53

AfterChange = Callable[[str], Awaitable[object]]


class ProductRefsService:
    def __init__(
        self, database: Database, clock: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._clock = clock
        self._monotonic = monotonic
        self._tenants: OrderedDict[str, tuple[float, Tenant]] = OrderedDict()
        self._after_change: list[AfterChange] = []

    def when_changed(self, act: AfterChange) -> None:
        """Calls ``act`` with the tenant after each commit that brought products."""
        self._after_change.append(act)

    async def tenant(self, tenant_id: str) -> Tenant:
        """The tenant, at most two seconds old.

        Raises:
            TenantNotSetUpError: Inventory has not published it.
        """
        cached = self._tenants.get(tenant_id)
        if cached is not None and self._monotonic() < cached[0]:
            return cached[1]
        async with self._database.read(tenant_id) as connection:
            found = await ProductRefsRepository(connection, tenant_id).tenant()
        if found is None:
            raise TenantNotSetUpError(tenant_id)
        self._tenants[tenant_id] = (self._monotonic() + _CACHE_SECONDS, found[0])
        self._tenants.move_to_end(tenant_id)
        while len(self._tenants) > _CACHE_SIZE:
            self._tenants.popitem(last=False)
        return found[0]

    async def apply(self, tenant_id: str, refs: CatalogueRefs) -> RefsAnswer:
        """Keeps what is newer than what is known; older and equal versions count as stale and change nothing.

        Raises:
            InvalidError: a field is not valid.
            TenantNotSetUpError: products of a tenant that is not known and not among the message.
        """
        described = None if refs.tenant is None else _tenant_of(tenant_id, refs.tenant)
        for index, product in enumerate(refs.products):
            _check_product(product, f"products[{index}]")
        async with self._database.write(tenant_id) as connection:
            repository = ProductRefsRepository(connection, tenant_id)
            known = await repository.tenant()
            applied = 0
            if refs.tenant is not None and described is not None and (known is None or known[1] < refs.tenant.version):
                await repository.store_tenant(described, refs.tenant.version)
                known = (described, refs.tenant.version)
                applied = 1
            if known is None:
                raise TenantNotSetUpError(tenant_id)
            fresh = newer(refs.products, await repository.versions({p.product_id for p in refs.products}))
            await repository.store(fresh, known[0].today(self._clock()))
        self._tenants.pop(tenant_id, None)
        if fresh:
            for act in self._after_change:
                await act(tenant_id)
        offered = len(refs.products) + (refs.tenant is not None)
        return RefsAnswer(applied=applied + len(fresh), stale=offered - applied - len(fresh))

    async def resolve(self, connection: AsyncConnection, tenant_id: str, codes: Collection[str]) -> dict[str, str]:
        """Product id of each code that names one: product id, then SKU, then barcode, then alias."""
        if not codes:
            return {}
        return resolved(await ProductRefsRepository(connection, tenant_id).candidates(codes))

    async def lock(
        self, connection: AsyncConnection, tenant_id: str, product_ids: Collection[str]
    ) -> dict[str, LockedProduct]:
        """The products, locked until the transaction ends."""
        return await ProductRefsRepository(connection, tenant_id).lock(product_ids) if product_ids else {}

    async def store_locked(
        self, connection: AsyncConnection, tenant_id: str, products: Mapping[str, LockedProduct]
    ) -> None:
        """Writes back products that ``lock`` gave."""
        await ProductRefsRepository(connection, tenant_id).store_locked(products)

    async def known(
        self, connection: AsyncConnection, tenant_id: str, product_ids: Collection[str]
    ) -> dict[str, KnownProduct]:
        """Those of the products that Sales knows, by id."""
        found = await ProductRefsRepository(connection, tenant_id).known(product_ids)
        return {product.product_id: product for product in found}

    async def all_products(self, connection: AsyncConnection, tenant_id: str) -> list[KnownProduct]:
        """Every product of the tenant, by id."""
        return await ProductRefsRepository(connection, tenant_id).all_products()


def _tenant_of(tenant_id: str, ref: TenantRef) -> Tenant:
    if ref.tenant_id != tenant_id:
        raise InvalidError.of("tenant.tenant_id", "must be the tenant of X-Tenant-ID")
    if ref.version > _MAX_VERSION or text_problem(ref.name):
        raise InvalidError.of("tenant", "version is too large or name cannot be stored")
    try:
        pinned = None if ref.business_date is None else date.fromisoformat(ref.business_date)
    except ValueError as error:
        raise InvalidError.of("tenant.business_date", "must be a date, YYYY-MM-DD") from error
    if pinned is not None and not in_calendar(pinned):
        raise InvalidError.of("tenant.business_date", f"must be in the years {FIRST_YEAR} to {LAST_YEAR}")
    zone = check_time_zone(ref.time_zone, "tenant.time_zone")
    return Tenant(tenant_id, ref.name, zone, ref.currency, pinned, ref.simulated)


def _check_product(product: ProductRef, where: str) -> None:
    problems = [("product_id", identifier_problem(product.product_id)), ("sku", code_problem(product.sku))]
    problems += [("barcodes", code_problem(code)) for code in product.barcodes]
    problems += [("aliases", code_problem(code)) for code in product.aliases]
    problems += [(name, text_problem(getattr(product, name))) for name in ("name", "category", "status")]
    problems.append(("version", None if product.version <= _MAX_VERSION else "is too large"))
    for field, problem in problems:
        if problem is not None:
            raise InvalidError.of(f"{where}.{field}", problem)
