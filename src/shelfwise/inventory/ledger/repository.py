"""The ledger of one tenant: movements are appended and balances follow, in the caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.ledger.rules import Balance, Place
from shelfwise.inventory.movements import Movement
from shelfwise.inventory.tables import STOCK_BALANCES, STOCK_MOVEMENTS
from shelfwise.platform.bulk import append
from shelfwise.platform.database import insert_into

_B = STOCK_BALANCES.c
_M = STOCK_MOVEMENTS.c
_PARAMETERS = 10_000
_MOVEMENT_COLUMNS = (
    "tenant_id",
    "movement_id",
    "product_id",
    "kind",
    "from_location_id",
    "to_location_id",
    "quantity",
    "unit_cost",
    "occurred_at",
    "business_date",
    "recorded_at",
    "source",
    "event_id",
    "line_no",
    "reference",
    "reason",
    "value",
    "sequence",
    "reverses_movement_id",
)

_SAVE = (
    sa.update(STOCK_BALANCES)
    .where(
        _B.tenant_id == sa.bindparam("key_tenant"),
        _B.product_id == sa.bindparam("key_product"),
        _B.location_id == sa.bindparam("key_location"),
    )
    .values(
        on_hand=sa.bindparam("new_on_hand"),
        committed=sa.bindparam("new_committed"),
        unavailable=sa.bindparam("new_unavailable"),
        value=sa.bindparam("new_value"),
        opened_at=sa.bindparam("new_opened_at"),
        first_moved_on=sa.bindparam("new_first_moved_on"),
        last_moved_on=sa.bindparam("new_last_moved_on"),
        version=sa.bindparam("new_version"),
    )
)


class LedgerRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def lock_balances(self, places: Iterable[Place]) -> dict[Place, Balance]:
        """Every balance of the products of (product, location) pairs, made where missing, locked in sorted order.

        Missing rows are made first: two transactions that both found none would each write their own total.
        """
        wanted = sorted(set(places))
        await append(
            self._connection,
            STOCK_BALANCES,
            ("tenant_id", "product_id", "location_id", "on_hand", "committed", "unavailable", "version"),
            [(self._tenant_id, product_id, location_id, 0, 0, 0, 0) for product_id, location_id in wanted],
            statement=insert_into(self._connection, STOCK_BALANCES).on_conflict_do_nothing(),
        )
        found: dict[Place, Balance] = {}
        for part in _parts(sorted({product_id for product_id, _ in wanted})):
            query = (
                sa.select(STOCK_BALANCES)
                .where(_B.tenant_id == self._tenant_id, _B.product_id.in_(part))
                .order_by(_B.product_id, _B.location_id)
                .with_for_update()
            )
            # PostgreSQL's first look does not see rows that whoever held the locks has made meanwhile; the second does.
            for _ in range(2 if self._connection.dialect.name == "postgresql" else 1):
                for row in await self._connection.execute(query):
                    found[row.product_id, row.location_id] = balance_of(row)
        return found

    async def save_balances(self, balances: Mapping[Place, Balance]) -> None:
        if balances:
            await self._connection.execute(
                _SAVE,
                [
                    {
                        "key_tenant": self._tenant_id,
                        "key_product": product_id,
                        "key_location": location_id,
                        "new_on_hand": balance.on_hand,
                        "new_committed": balance.committed,
                        "new_unavailable": balance.unavailable,
                        "new_value": balance.value,
                        "new_opened_at": balance.opened_at,
                        "new_first_moved_on": balance.first_moved_on,
                        "new_last_moved_on": balance.last_moved_on,
                        "new_version": balance.version,
                    }
                    for (product_id, location_id), balance in balances.items()
                ],
            )

    async def append(self, movements: Sequence[tuple[str, Movement]], source: str, now: datetime) -> None:
        """Appends movements, each with its id."""
        await append(
            self._connection,
            STOCK_MOVEMENTS,
            _MOVEMENT_COLUMNS,
            [
                (
                    self._tenant_id,
                    movement_id,
                    movement.product_id,
                    movement.kind,
                    movement.from_location_id,
                    movement.to_location_id,
                    movement.quantity,
                    movement.unit_cost,
                    movement.occurred_at,
                    movement.business_date,
                    now,
                    source,
                    movement.event_id,
                    movement.line_no,
                    movement.reference,
                    movement.reason,
                    movement.value,
                    movement.sequence,
                    movement.reverses_movement_id,
                )
                for movement_id, movement in movements
            ],
        )

    async def recorded(self, source: str, event_ids: Sequence[str]) -> dict[tuple[str, int], Movement]:
        """What the source's events moved before, by event and line."""
        found = {}
        for part in _parts(sorted(set(event_ids))):
            query = sa.select(STOCK_MOVEMENTS).where(
                _M.tenant_id == self._tenant_id, _M.source == source, _M.event_id.in_(part)
            )
            for row in await self._connection.execute(query):
                found[row.event_id, row.line_no] = movement_of(row)
        return found

    async def net_before(self, product_id: str, location_id: str, instant: datetime) -> int:
        """What movements that occurred before an instant added to a location."""
        query = sa.select(sa.func.coalesce(sa.func.sum(_delta(location_id)), 0)).where(
            _M.tenant_id == self._tenant_id,
            _M.product_id == product_id,
            sa.or_(_M.from_location_id == location_id, _M.to_location_id == location_id),
            _M.occurred_at < instant,
        )
        return int(await self._connection.scalar(query) or 0)

    async def net_after(self, product_ids: Sequence[str], location_id: str, instant: datetime) -> dict[str, int]:
        """What movements that occurred after an instant added to a location, by product."""
        query = (
            sa.select(_M.product_id, sa.func.sum(_delta(location_id)))
            .where(
                _M.tenant_id == self._tenant_id,
                _M.product_id.in_(product_ids),
                sa.or_(_M.from_location_id == location_id, _M.to_location_id == location_id),
                _M.occurred_at > instant,
            )
            .group_by(_M.product_id)
        )
        return {row[0]: int(row[1]) for row in await self._connection.execute(query)}


def _delta(location_id: str) -> sa.ColumnElement[int]:
    return sa.case((_M.to_location_id == location_id, _M.quantity), else_=-_M.quantity)


def _parts(values: list[str]) -> Iterable[list[str]]:
    return (values[at : at + _PARAMETERS] for at in range(0, len(values), _PARAMETERS))


def balance_of(row: "sa.Row[Any]") -> Balance:
    return Balance(
        on_hand=row.on_hand,
        committed=row.committed,
        unavailable=row.unavailable,
        value=row.value,
        opened_at=row.opened_at,
        first_moved_on=row.first_moved_on,
        last_moved_on=row.last_moved_on,
        version=row.version,
    )


def movement_of(row: "sa.Row[Any]") -> Movement:
    return Movement(
        product_id=row.product_id,
        kind=row.kind,
        from_location_id=row.from_location_id,
        to_location_id=row.to_location_id,
        quantity=row.quantity,
        occurred_at=row.occurred_at,
        business_date=row.business_date,
        event_id=row.event_id,
        line_no=row.line_no,
        unit_cost=row.unit_cost,
        reference=row.reference,
        reason=row.reason,
        reverses_movement_id=row.reverses_movement_id,
        value=row.value,
        sequence=row.sequence,
    )
