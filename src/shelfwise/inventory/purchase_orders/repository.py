"""Purchase orders of one tenant, in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.purchase_orders.rules import OrderLine, PurchaseOrder, Status
from shelfwise.inventory.tables import PURCHASE_ORDER_LINES, PURCHASE_ORDERS, SUPPLIER_ITEMS
from shelfwise.platform.database import insert_into

_O = PURCHASE_ORDERS.c
_L = PURCHASE_ORDER_LINES.c


class PurchaseOrderRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, order: PurchaseOrder, now: datetime) -> bool:
        """Whether the id was free."""
        statement = (
            insert_into(self._connection, PURCHASE_ORDERS)
            .values(
                tenant_id=self._tenant_id,
                order_id=order.order_id,
                supplier_id=order.supplier_id,
                status=order.status,
                ordered_on=order.ordered_on,
                expected_on=order.expected_on,
                version=order.version,
                recorded_at=now,
            )
            .on_conflict_do_nothing()
        )
        if (await self._connection.execute(statement)).rowcount != 1:
            return False
        await self._add_lines(order)
        return True

    async def replace_lines(self, order: PurchaseOrder) -> None:
        """Writes a draft's lines and version anew."""
        await self._connection.execute(
            sa.delete(PURCHASE_ORDER_LINES).where(_L.tenant_id == self._tenant_id, _L.order_id == order.order_id)
        )
        await self._add_lines(order)
        await self._connection.execute(
            sa.update(PURCHASE_ORDERS)
            .where(_O.tenant_id == self._tenant_id, _O.order_id == order.order_id)
            .values(version=order.version)
        )

    async def _add_lines(self, order: PurchaseOrder) -> None:
        await self._connection.execute(
            sa.insert(PURCHASE_ORDER_LINES),
            [
                {
                    "tenant_id": self._tenant_id,
                    "order_id": order.order_id,
                    "line_no": line.line_no,
                    "product_id": line.product_id,
                    "quantity": line.quantity,
                    "received_quantity": line.received_quantity,
                    "unit_cost": line.unit_cost,
                }
                for line in order.lines
            ],
        )

    async def get(self, order_id: str, *, lock: bool = False) -> PurchaseOrder | None:
        query = sa.select(PURCHASE_ORDERS).where(_O.tenant_id == self._tenant_id, _O.order_id == order_id)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).mappings().first()
        return None if row is None else (await self._with_lines([row]))[0]

    async def page(
        self, *, after: str, limit: int, status: Status | None, supplier_id: str | None
    ) -> list[PurchaseOrder]:
        """Orders by id."""
        query = (
            sa.select(PURCHASE_ORDERS)
            .where(_O.tenant_id == self._tenant_id, _O.order_id > after)
            .order_by(_O.order_id)
            .limit(limit)
        )
        if status is not None:
            query = query.where(_O.status == status)
        if supplier_id is not None:
            query = query.where(_O.supplier_id == supplier_id)
        return await self._with_lines((await self._connection.execute(query)).mappings().all())

    async def save(self, order: PurchaseOrder) -> None:
        """Writes status, dates and what was received; supplier, products and quantities never change."""
        await self._connection.execute(
            sa.update(PURCHASE_ORDERS)
            .where(_O.tenant_id == self._tenant_id, _O.order_id == order.order_id)
            .values(
                status=order.status,
                ordered_on=order.ordered_on,
                expected_on=order.expected_on,
                version=order.version,
            )
        )
        await self._connection.execute(
            sa.update(PURCHASE_ORDER_LINES)
            .where(
                _L.tenant_id == self._tenant_id, _L.order_id == order.order_id, _L.line_no == sa.bindparam("key_line")
            )
            .values(received_quantity=sa.bindparam("new_received")),
            [{"key_line": line.line_no, "new_received": line.received_quantity} for line in order.lines],
        )

    async def item_costs(self, supplier_id: str, product_ids: Sequence[str]) -> dict[str, Decimal | None]:
        """What the supplier asks for a base unit of each product that it lists."""
        item = SUPPLIER_ITEMS.c
        query = sa.select(item.product_id, item.unit_cost).where(
            item.tenant_id == self._tenant_id, item.supplier_id == supplier_id, item.product_id.in_(product_ids)
        )
        return {row.product_id: row.unit_cost for row in await self._connection.execute(query)}

    async def _with_lines(self, rows: Sequence[sa.RowMapping]) -> list[PurchaseOrder]:
        lines: dict[str, list[OrderLine]] = {row["order_id"]: [] for row in rows}
        query = (
            sa.select(PURCHASE_ORDER_LINES)
            .where(_L.tenant_id == self._tenant_id, _L.order_id.in_(list(lines)))
            .order_by(_L.order_id, _L.line_no)
        )
        for line in await self._connection.execute(query):
            lines[line.order_id].append(
                OrderLine(line.line_no, line.product_id, line.quantity, line.received_quantity, line.unit_cost)
            )
        return [
            PurchaseOrder(
                order_id=row["order_id"],
                supplier_id=row["supplier_id"],
                status=row["status"],
                lines=tuple(lines[row["order_id"]]),
                ordered_on=row["ordered_on"],
                expected_on=row["expected_on"],
                version=row["version"],
            )
            for row in rows
        ]
