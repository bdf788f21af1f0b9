"""Counts and values over a tenant's whole stock."""

from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.tables import LOCATIONS, PRODUCTS, STOCK_BALANCES

_B, _P = STOCK_BALANCES.c, PRODUCTS.c
_TENANT = sa.bindparam("tenant", type_=sa.String())


class StockStats(NamedTuple):
    """``value`` is the known store value over stocking locations; ``without_cost`` products have stock and none."""

    products: int
    active: int
    value: Decimal
    without_cost: int
    oversold: int


def _stats() -> sa.Select[*tuple[Any, ...]]:
    mine = sa.and_(_P.tenant_id == _TENANT, _P.status != "archived")
    places = (
        sa.select(_B.product_id, _B.on_hand, _B.value, _B.last_moved_on)
        .join(
            PRODUCTS,
            sa.and_(_P.tenant_id == _B.tenant_id, _P.product_id == _B.product_id, _P.status != "archived"),
        )
        .join(
            LOCATIONS,
            sa.and_(LOCATIONS.c.tenant_id == _B.tenant_id, LOCATIONS.c.location_id == _B.location_id),
        )
        .where(_B.tenant_id == _TENANT, LOCATIONS.c.kind == "stock")
        .subquery("places")
    )
    place = places.c

    def products_where(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.count(sa.distinct(sa.case((condition, place.product_id))))

    return sa.select(
        sa.select(sa.func.count()).select_from(PRODUCTS).where(mine).scalar_subquery().label("products"),
        products_where(place.last_moved_on >= sa.bindparam("active_since")).label("active"),
        sa.type_coerce(
            sa.func.coalesce(sa.cast(sa.func.sum(sa.type_coerce(place.value, sa.BigInteger)), sa.BigInteger), 0),
            STOCK_BALANCES.c.value.type,
        ).label("value"),
        products_where(sa.and_(place.on_hand > 0, place.value.is_(None))).label("without_cost"),
        products_where(place.on_hand < 0).label("oversold"),
    ).select_from(places)


_STATS = _stats()  # built once: putting it together costs more than running it


class DashboardRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def stats(self, active_since: date) -> StockStats:
        """``active_since``: a product that moved on or after that business date is active."""
        values = {"tenant": self._tenant_id, "active_since": active_since}
        row = (await self._connection.execute(_STATS, values)).one()
        return StockStats(row.products, row.active, row.value, row.without_cost, row.oversold)
