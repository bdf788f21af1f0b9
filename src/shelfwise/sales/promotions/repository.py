"""Promotions as they are kept."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.database import insert_into
from shelfwise.sales.promotions.rules import Promotion, Terms
from shelfwise.sales.tables import PROMOTIONS

_TERMS = tuple(Terms.__dataclass_fields__)
_C = PROMOTIONS.c
#: Values in one statement, well below what either database takes.
_IN_ONE_CALL = 500


class PromotionsRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def known(self, promotion_ids: Collection[str]) -> dict[str, Promotion]:
        """Those of the promotions that are kept, by id."""
        wanted = list(promotion_ids)
        found: dict[str, Promotion] = {}
        for at in range(0, len(wanted), _IN_ONE_CALL):
            query = self._select().where(_C.promotion_id.in_(wanted[at : at + _IN_ONE_CALL]))
            found |= {row.promotion_id: _promotion(row) for row in await self._connection.execute(query)}
        return found

    async def add(self, promotions: Sequence[Terms], now: datetime) -> None:
        """Keeps promotions; those that are there stay as they are."""
        if promotions:
            await self._connection.execute(
                insert_into(self._connection, PROMOTIONS).on_conflict_do_nothing(),
                [
                    {"tenant_id": self._tenant_id, "promotion_id": terms.promotion_id, "created_at": now}
                    | {name: getattr(terms, name) for name in _TERMS}
                    for terms in promotions
                ],
            )

    async def remove(self, promotion_id: str) -> None:
        """Removes one."""
        await self._connection.execute(
            sa.delete(PROMOTIONS).where(_C.tenant_id == self._tenant_id, _C.promotion_id == promotion_id)
        )

    async def touching(
        self, product_ids: Collection[str], categories: Collection[str], start: date, end: date
    ) -> list[Promotion]:
        """Those of the products, of the categories and of everything that touch ``start <= day < end``."""
        query = self._select().where(
            _C.last_day >= start,
            _C.first_day < end,
            _C.product_id.in_(product_ids)
            | _C.category.in_(categories)
            | (_C.product_id.is_(None) & _C.category.is_(None)),
        )
        rows = await self._connection.execute(query.order_by(_C.first_day, _C.promotion_id))
        return [_promotion(row) for row in rows]

    async def page(
        self,
        *,
        product_id: str | None,
        category: str | None,
        from_day: date | None,
        after: tuple[date, str] | None,
        limit: int,
    ) -> list[Promotion]:
        """The latest first day first."""
        query = self._select()
        if product_id is not None:
            query = query.where(_C.product_id == product_id)
        if category is not None:
            query = query.where(_C.category == category)
        if from_day is not None:
            query = query.where(_C.last_day >= from_day)
        if after is not None:
            day, promotion_id = after
            query = query.where((_C.first_day < day) | ((_C.first_day == day) & (_C.promotion_id > promotion_id)))
        rows = await self._connection.execute(query.order_by(_C.first_day.desc(), _C.promotion_id).limit(limit))
        return [_promotion(row) for row in rows]

    def _select(self) -> "sa.Select[Any]":
        return sa.select(_C.promotion_id, _C.created_at, *(_C[name] for name in _TERMS)).where(
            _C.tenant_id == self._tenant_id
        )


def _promotion(row: "sa.Row[Any]") -> Promotion:
    return Promotion(row.promotion_id, Terms(*(getattr(row, name) for name in _TERMS)), row.created_at)
