"""Kits: what is sold as one product and leaves the stock as its components."""

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.catalogue.service import product_costs, require_product
from shelfwise.inventory.effects import Effects, Outcome
from shelfwise.inventory.kits.repository import KitRepository
from shelfwise.inventory.kits.rules import (
    Component,
    buildable,
    check_components,
    check_may_be_kit,
    component_movements,
)
from shelfwise.inventory.kits.schemas import ComponentOut, ComponentsIn, KitOut
from shelfwise.inventory.stock.service import balances_of
from shelfwise.inventory.tenants.service import location_kinds, require_tenant
from shelfwise.platform.audit import SYSTEM, Actor, Change
from shelfwise.platform.database import Database
from shelfwise.platform.idempotency import RequestIdentity, StoredAnswer

__all__ = ["Component", "KitService", "component_movements", "components_of"]


async def components_of(
    connection: AsyncConnection, tenant_id: str, product_ids: Collection[str]
) -> dict[str, list[Component]]:
    """Components by kit, of those products that are kits, inside another feature's transaction."""
    return await KitRepository(connection, tenant_id).components(product_ids)


class KitService:
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._effects = Effects(database, clock)

    async def show(self, tenant_id: str, product_id: str) -> KitOut:
        """The product's components, none for a product that is no kit. Raises NotFoundError."""
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            await require_product(connection, tenant_id, product_id)
            return await _kit(connection, tenant_id, product_id)

    async def put(
        self,
        tenant_id: str,
        product_id: str,
        wanted: ComponentsIn,
        identity: RequestIdentity | None = None,
        actor: Actor = SYSTEM,
    ) -> StoredAnswer:
        """Makes a product a kit of these components; the answer's body is a KitOut.

        Raises:
            NotFoundError: no such product.
            ConflictError: it is part of a kit, or has stock of its own.
            InvalidError: a component that is unknown, stands twice or is a kit.
        """

        async def effect(connection: AsyncConnection, _now: datetime) -> Outcome:
            await require_tenant(connection, tenant_id)
            await require_product(connection, tenant_id, product_id)
            repository = KitRepository(connection, tenant_id)
            parts = [Component(part.product_id, part.quantity) for part in wanted.components]
            names = sorted({part.product_id for part in parts})
            known = await product_costs(connection, tenant_id, names)
            check_components(product_id, parts, set(known), set(await repository.components(names)))
            if parts:
                own = await balances_of(connection, tenant_id, [product_id])
                check_may_be_kit(
                    product_id,
                    is_component=await repository.is_component(product_id),
                    has_stock=any(balance.on_hand for balance in own.values()),
                )
            before = await _kit(connection, tenant_id, product_id)
            await repository.replace(product_id, parts)
            after = await _kit(connection, tenant_id, product_id)
            return Outcome(after, [Change("components", "products", product_id, before, after)])

        return await self._effects.once(tenant_id, identity, 200, effect, actor)


async def _kit(connection: AsyncConnection, tenant_id: str, product_id: str) -> KitOut:
    parts = (await KitRepository(connection, tenant_id).components([product_id])).get(product_id, [])
    kinds = await location_kinds(connection, tenant_id)
    balances = await balances_of(connection, tenant_id, [part.product_id for part in parts])
    available = {part.product_id: 0 for part in parts}
    for (name, place), balance in balances.items():
        if kinds.get(place) == "stock":
            available[name] += balance.available
    return KitOut(
        product_id,
        [ComponentOut(part.product_id, part.quantity, available[part.product_id]) for part in parts],
        buildable(parts, available),
    )
