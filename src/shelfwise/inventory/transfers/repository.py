"""Transfers of one tenant."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.tables import TRANSFER_LINES, TRANSFERS
from shelfwise.inventory.transfers.rules import Status, Transfer, TransferLine
from shelfwise.platform.database import insert_into

_T, _L = TRANSFERS.c, TRANSFER_LINES.c


class TransferRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, transfer: Transfer) -> bool:
        """Whether the transfer was new."""
        statement = insert_into(self._connection, TRANSFERS).values(
            tenant_id=self._tenant_id,
            transfer_id=transfer.transfer_id,
            from_location_id=transfer.from_location_id,
            to_location_id=transfer.to_location_id,
            status=transfer.status,
            shipped_at=transfer.shipped_at,
            expected_on=transfer.expected_on,
            reference=transfer.reference,
            version=transfer.version,
        )
        if (await self._connection.execute(statement.on_conflict_do_nothing())).rowcount != 1:
            return False
        await self._connection.execute(
            sa.insert(TRANSFER_LINES),
            [
                {
                    "tenant_id": self._tenant_id,
                    "transfer_id": transfer.transfer_id,
                    "line_no": line.line_no,
                    "product_id": line.product_id,
                    "quantity": line.quantity,
                    "received_quantity": line.received_quantity,
                    "lost_quantity": line.lost_quantity,
                }
                for line in transfer.lines
            ],
        )
        return True

    async def get(self, transfer_id: str, *, lock: bool) -> Transfer | None:
        query = sa.select(TRANSFERS).where(_T.tenant_id == self._tenant_id, _T.transfer_id == transfer_id)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).first()
        return None if row is None else (await self._with_lines([row]))[0]

    async def page(self, *, after: str, limit: int, status: Status | None) -> list[Transfer]:
        """Transfers by id."""
        query = sa.select(TRANSFERS).where(_T.tenant_id == self._tenant_id, _T.transfer_id > after)
        if status is not None:
            query = query.where(_T.status == status)
        rows = (await self._connection.execute(query.order_by(_T.transfer_id).limit(limit))).all()
        return await self._with_lines(rows)

    async def save(self, transfer: Transfer) -> None:
        """Writes what has arrived."""
        await self._connection.execute(
            sa.update(TRANSFERS)
            .where(_T.tenant_id == self._tenant_id, _T.transfer_id == transfer.transfer_id)
            .values(status=transfer.status, version=transfer.version)
        )
        await self._connection.execute(
            sa.update(TRANSFER_LINES)
            .where(
                _L.tenant_id == self._tenant_id,
                _L.transfer_id == transfer.transfer_id,
                _L.line_no == sa.bindparam("key_line"),
            )
            .values(received_quantity=sa.bindparam("new_received"), lost_quantity=sa.bindparam("new_lost")),
            [
                {"key_line": line.line_no, "new_received": line.received_quantity, "new_lost": line.lost_quantity}
                for line in transfer.lines
            ],
        )

    async def _with_lines(self, rows: "Sequence[sa.Row[*tuple[Any, ...]]]") -> list[Transfer]:
        ids = [row.transfer_id for row in rows]
        query = (
            sa.select(TRANSFER_LINES)
            .where(_L.tenant_id == self._tenant_id, _L.transfer_id.in_(ids))
            .order_by(_L.transfer_id, _L.line_no)
        )
        lines: dict[str, list[TransferLine]] = {name: [] for name in ids}
        for row in await self._connection.execute(query):
            lines[row.transfer_id].append(
                TransferLine(row.line_no, row.product_id, row.quantity, row.received_quantity, row.lost_quantity)
            )
        return [
            Transfer(
                transfer_id=row.transfer_id,
                from_location_id=row.from_location_id,
                to_location_id=row.to_location_id,
                shipped_at=row.shipped_at,
                lines=tuple(lines[row.transfer_id]),
                status=row.status,
                expected_on=row.expected_on,
                reference=row.reference,
                version=row.version,
            )
            for row in rows
        ]
