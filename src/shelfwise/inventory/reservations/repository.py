"""Reservations of one tenant. A reservation changes only under the lock of its product's balances."""

import dataclasses
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.reservations.rules import Reservation, Status
from shelfwise.inventory.tables import RESERVATIONS, TENANTS

_R = RESERVATIONS.c
_FIELDS = tuple(field.name for field in dataclasses.fields(Reservation))


class ReservationRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, reservation: Reservation) -> None:
        await self._connection.execute(
            sa.insert(RESERVATIONS).values(tenant_id=self._tenant_id, **dataclasses.asdict(reservation))
        )

    async def save(self, reservations: Sequence[Reservation]) -> None:
        """Writes how far reservations are consumed and how they ended."""
        for reservation in reservations:
            await self._connection.execute(
                sa.update(RESERVATIONS)
                .where(_R.tenant_id == self._tenant_id, _R.reservation_id == reservation.reservation_id)
                .values(
                    consumed_quantity=reservation.consumed_quantity,
                    status=reservation.status,
                    ended_at=reservation.ended_at,
                )
            )

    async def get(self, reservation_id: str) -> Reservation | None:
        rows = await self._connection.execute(self._select().where(_R.reservation_id == reservation_id))
        row = rows.first()
        return None if row is None else _reservation(row)

    async def due(self, now: datetime, *, limit: int, product_id: str | None = None) -> list[Reservation]:
        """Held reservations whose time is up, the longest overdue first."""
        query = self._select().where(_R.status == "held", _R.expires_at <= now)
        if product_id is not None:
            query = query.where(_R.product_id == product_id)
        rows = await self._connection.execute(query.order_by(_R.expires_at, _R.reservation_id).limit(limit))
        return [_reservation(row) for row in rows]

    async def held_for(self, references: Collection[str]) -> list[Reservation]:
        """What is held for orders, in the order in which it was held."""
        query = self._select().where(_R.reference.in_(references), _R.status == "held", _R.purpose == "order")
        rows = await self._connection.execute(query.order_by(_R.created_at, _R.reservation_id))
        return [_reservation(row) for row in rows]

    async def page(
        self, *, after: str, limit: int, status: Status | None, product_id: str | None, reference: str | None
    ) -> list[Reservation]:
        """Reservations by id."""
        query = self._select().where(_R.reservation_id > after)
        if status is not None:
            query = query.where(_R.status == status)
        if product_id is not None:
            query = query.where(_R.product_id == product_id)
        if reference is not None:
            query = query.where(_R.reference == reference)
        rows = await self._connection.execute(query.order_by(_R.reservation_id).limit(limit))
        return [_reservation(row) for row in rows]

    def _select(self) -> "sa.Select[*tuple[Any, ...]]":
        return sa.select(*(_R[name] for name in _FIELDS)).where(_R.tenant_id == self._tenant_id)


def _reservation(row: "sa.Row[*tuple[Any, ...]]") -> Reservation:
    return Reservation(**dict(zip(_FIELDS, row, strict=True)))


async def tenant_ids(connection: AsyncConnection) -> list[str]:
    """Every tenant that the connection may see."""
    return list(await connection.scalars(sa.select(TENANTS.c.tenant_id).order_by(TENANTS.c.tenant_id)))
