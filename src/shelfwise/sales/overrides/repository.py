"""Overrides, and what was sold on their days."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.database import insert_into
from shelfwise.sales.overrides.rules import Override
from shelfwise.sales.tables import FORECAST_OVERRIDES, SALES_DAILY

_NAMES = tuple(Override.__dataclass_fields__)
_C = FORECAST_OVERRIDES.c


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which overrides: of a product, with days from one on, or over before one; withdrawn ones too or not."""

    product_id: str | None
    from_day: date | None
    ended_before: date | None
    withdrawn: bool


class OverridesRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, override: Override) -> None:
        """Keeps a new one."""
        values = {name: getattr(override, name) for name in _NAMES} | {
            "statistical": override.statistical.astype("<f8").tobytes()
        }
        await self._connection.execute(
            insert_into(self._connection, FORECAST_OVERRIDES).values(tenant_id=self._tenant_id, **values)
        )

    async def get(self, override_id: str, *, lock: bool = False) -> Override | None:
        """One override, or None."""
        query = self._select().where(_C.override_id == override_id)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).first()
        return None if row is None else _override(row)

    async def withdraw(self, override_id: str, by: str, at: datetime) -> None:
        """Notes who withdrew it, and when."""
        await self._connection.execute(
            sa.update(FORECAST_OVERRIDES)
            .where(_C.tenant_id == self._tenant_id, _C.override_id == override_id)
            .values(withdrawn_by=by, withdrawn_at=at)
        )

    async def standing(self, product_ids: Collection[str], first: date, last: date) -> list[Override]:
        """Those of the products that are not withdrawn and touch the days ``first`` to ``last``, by first day."""
        query = self._select().where(
            _C.product_id.in_(product_ids), _C.withdrawn_at.is_(None), _C.last_day >= first, _C.first_day <= last
        )
        return [_override(row) for row in await self._connection.execute(query.order_by(_C.product_id, _C.first_day))]

    async def page(self, chosen: Chosen, *, before: str | None, limit: int) -> list[Override]:
        """The newest first; their ids rise with time."""
        query = self._select()
        if chosen.product_id is not None:
            query = query.where(_C.product_id == chosen.product_id)
        if chosen.from_day is not None:
            query = query.where(_C.last_day >= chosen.from_day)
        if chosen.ended_before is not None:
            query = query.where(_C.last_day < chosen.ended_before)
        if not chosen.withdrawn:
            query = query.where(_C.withdrawn_at.is_(None))
        if before is not None:
            query = query.where(_C.override_id < before)
        rows = await self._connection.execute(query.order_by(_C.override_id.desc()).limit(limit))
        return [_override(row) for row in rows]

    async def sold(self, overrides: Sequence[Override]) -> dict[str, float]:
        """Units sold on the days of each override, by its id."""
        c, found = SALES_DAILY.c, {override.override_id: 0.0 for override in overrides}
        query = (
            sa.select(_C.override_id, sa.func.sum(c.quantity))
            .join_from(
                FORECAST_OVERRIDES,
                SALES_DAILY,
                (c.tenant_id == _C.tenant_id)
                & (c.product_id == _C.product_id)
                & c.business_day.between(_C.first_day, _C.last_day),
            )
            .where(_C.tenant_id == self._tenant_id, _C.override_id.in_(found))
            .group_by(_C.override_id)
        )
        return found | {row[0]: float(row[1]) for row in await self._connection.execute(query)}

    def _select(self) -> "sa.Select[Any]":
        return sa.select(*(_C[name] for name in _NAMES)).where(_C.tenant_id == self._tenant_id)


def _override(row: "sa.Row[Any]") -> Override:
    return Override(**{**row._mapping, "statistical": np.frombuffer(row.statistical, dtype="<f8")})  # noqa: SLF001  SQLAlchemy's public name
