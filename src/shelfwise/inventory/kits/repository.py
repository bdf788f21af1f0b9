"""What kits of one tenant are made of."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.kits.rules import Component
from shelfwise.inventory.tables import KIT_COMPONENTS

_K = KIT_COMPONENTS.c


class KitRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def components(self, product_ids: Collection[str]) -> dict[str, list[Component]]:
        """Components by kit, of those products that are kits."""
        query = (
            sa.select(_K.kit_product_id, _K.component_product_id, _K.quantity)
            .where(_K.tenant_id == self._tenant_id, _K.kit_product_id.in_(product_ids))
            .order_by(_K.kit_product_id, _K.component_product_id)
        )
        found: dict[str, list[Component]] = {}
        for kit, component, quantity in await self._connection.execute(query):
            found.setdefault(kit, []).append(Component(component, quantity))
        return found

    async def is_component(self, product_id: str) -> bool:
        query = sa.select(_K.kit_product_id).where(
            _K.tenant_id == self._tenant_id, _K.component_product_id == product_id
        )
        return (await self._connection.execute(query.limit(1))).first() is not None

    async def replace(self, kit_product_id: str, components: Sequence[Component]) -> None:
        """Makes these the kit's components; none: it is no kit."""
        await self._connection.execute(
            sa.delete(KIT_COMPONENTS).where(_K.tenant_id == self._tenant_id, _K.kit_product_id == kit_product_id)
        )
        if components:
            await self._connection.execute(
                sa.insert(KIT_COMPONENTS),
                [
                    {
                        "tenant_id": self._tenant_id,
                        "kit_product_id": kit_product_id,
                        "component_product_id": component.product_id,
                        "quantity": component.quantity,
                    }
                    for component in components
                ],
            )
