"""What planning reads, and the recommendations that it leaves."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.purchase_orders.service import OPEN
from shelfwise.inventory.purchasing.service import calendar_lead_times
from shelfwise.inventory.replenishment.rules import Facts
from shelfwise.inventory.tables import (
    LOCATIONS,
    POLICIES,
    PRODUCTS,
    PURCHASE_ORDER_LINES,
    PURCHASE_ORDERS,
    RECOMMENDATIONS,
    STOCK_BALANCES,
    SUPPLIER_ITEMS,
    SUPPLIERS,
)
from shelfwise.inventory.tenants.service import Tenant
from shelfwise.platform.database import insert_into

_P, _R, _B = PRODUCTS.c, RECOMMENDATIONS.c, STOCK_BALANCES.c
_TENANT = sa.bindparam("tenant", type_=sa.String())
_PRODUCT = sa.bindparam("product_id", type_=sa.String())
_REPLENISHED = ("new", "active")
_STORED = (
    "needs_reorder",
    "urgency",
    "urgency_rank",
    "reorder_point",
    "order_up_to_level",
    "order_quantity",
    "margin_at_risk",
    "document",
    "computed_at",
)


class StoredRow(NamedTuple):
    """A recommendation as a row; ``document`` is the whole of it."""

    product_id: str
    needs_reorder: bool
    urgency: str
    urgency_rank: int
    reorder_point: int
    order_up_to_level: int
    order_quantity: int
    margin_at_risk: Decimal | None
    document: bytes


class LowStockRow(NamedTuple):
    product_id: str
    sku: str
    name: str
    available: int
    on_order: int
    reorder_point: int
    urgency: str
    order_quantity: int
    margin_at_risk: Decimal | None
    business_date: date


def _same(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.tenant_id == _TENANT, *conditions)


def _stock(*conditions: sa.ColumnElement[bool]) -> sa.Subquery:
    """On hand and available by product, over stocking locations; the conditions spare it the tenant's other rows."""
    return (
        sa.select(
            _B.product_id,
            sa.cast(sa.func.sum(_B.on_hand), sa.BigInteger).label("on_hand"),
            sa.cast(sa.func.sum(_B.on_hand - _B.committed - _B.unavailable), sa.BigInteger).label("available"),
        )
        .join(LOCATIONS, _same(LOCATIONS, LOCATIONS.c.location_id == _B.location_id))
        .where(_B.tenant_id == _TENANT, LOCATIONS.c.kind == "stock", *conditions)
        .group_by(_B.product_id)
        .subquery("stock")
    )


def _open() -> sa.Subquery:
    line, order = PURCHASE_ORDER_LINES.c, PURCHASE_ORDERS.c
    # What is still to come of a line: never less than nothing, however much came.
    outstanding = sa.case(
        (line.quantity > line.received_quantity, line.quantity - line.received_quantity),
        else_=0,
    )
    return (
        sa.select(line.product_id, sa.cast(sa.func.sum(outstanding), sa.BigInteger).label("units"))
        .join(PURCHASE_ORDERS, _same(PURCHASE_ORDERS, order.order_id == line.order_id))
        .where(line.tenant_id == _TENANT, order.status.in_(OPEN))
        .group_by(line.product_id)
        .subquery("open_orders")
    )


def _latest() -> sa.Subquery:
    return (
        sa.select(_R.product_id, sa.func.max(_R.business_date).label("business_date"))
        .where(_R.tenant_id == _TENANT)
        .group_by(_R.product_id)
        .subquery("latest")
    )


def _facts_of(stock: sa.Subquery) -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            PRODUCTS,
            SUPPLIERS.c.lead_times,
            SUPPLIERS.c.lead_time_unit,
            SUPPLIERS.c.closed_dates,
            SUPPLIER_ITEMS.c.unit_cost.label("item_cost"),
            SUPPLIER_ITEMS.c.moq.label("item_moq"),
            SUPPLIER_ITEMS.c.pack_size.label("item_pack_size"),
            POLICIES.c.service_level,
            POLICIES.c.review_period_days,
            POLICIES.c.cover_days,
            POLICIES.c.max_stock,
            sa.func.coalesce(stock.c.on_hand, 0).label("on_hand"),
            sa.func.coalesce(stock.c.available, 0).label("available"),
        )
        .select_from(PRODUCTS)
        .outerjoin(SUPPLIERS, _same(SUPPLIERS, SUPPLIERS.c.supplier_id == _P.supplier_id))
        .outerjoin(
            SUPPLIER_ITEMS,
            _same(
                SUPPLIER_ITEMS,
                SUPPLIER_ITEMS.c.supplier_id == _P.supplier_id,
                SUPPLIER_ITEMS.c.product_id == _P.product_id,
            ),
        )
        .outerjoin(POLICIES, _same(POLICIES, POLICIES.c.product_id == _P.product_id))
        .outerjoin(stock, stock.c.product_id == _P.product_id)
        .where(_P.tenant_id == _TENANT)
    )


def _receipts() -> sa.Select[*tuple[Any, ...]]:
    line, order = PURCHASE_ORDER_LINES.c, PURCHASE_ORDERS.c
    return (
        sa.select(line.product_id, order.expected_on, line.quantity - line.received_quantity)
        .join(PURCHASE_ORDERS, _same(PURCHASE_ORDERS, order.order_id == line.order_id))
        .where(
            line.tenant_id == _TENANT,
            line.product_id.in_(sa.bindparam("product_ids", expanding=True)),
            order.status.in_(OPEN),
            line.quantity > line.received_quantity,
        )
        .order_by(line.product_id, order.expected_on)
    )


def _low_stock() -> sa.Select[*tuple[Any, ...]]:
    latest, stock, open_orders = _latest(), _stock(), _open()
    available = sa.func.coalesce(stock.c.available, 0)
    return (
        sa.select(
            _R.product_id,
            _P.sku,
            _P.name,
            available.label("available"),
            sa.func.coalesce(open_orders.c.units, 0).label("on_order"),
            _R.reorder_point,
            _R.urgency,
            _R.order_quantity,
            _R.margin_at_risk,
            _R.business_date,
            sa.func.count().over().label("total"),
        )
        .join(latest, sa.and_(latest.c.product_id == _R.product_id, latest.c.business_date == _R.business_date))
        .join(PRODUCTS, _same(PRODUCTS, _P.product_id == _R.product_id))
        .outerjoin(stock, stock.c.product_id == _R.product_id)
        .outerjoin(open_orders, open_orders.c.product_id == _R.product_id)
        .where(_R.tenant_id == _TENANT, _P.status.in_(_REPLENISHED), available <= _R.reorder_point)
        .order_by(_R.urgency_rank, sa.func.coalesce(_R.margin_at_risk, 0).desc(), _R.product_id)
        .limit(sa.bindparam("limit"))
    )


# Built once: putting these together costs more than running them.
_FACTS_OF_ONE = _facts_of(_stock(_B.product_id == _PRODUCT)).where(_P.product_id == _PRODUCT)
_FACTS_AFTER = (
    _facts_of(_stock(_B.product_id > sa.bindparam("after")))
    .where(_P.product_id > sa.bindparam("after"), _P.status.in_(_REPLENISHED))
    .order_by(_P.product_id)
    .limit(sa.bindparam("limit"))
)
_RECEIPTS = _receipts()
_LAST = (
    sa.select(_R.document)
    .where(_R.tenant_id == _TENANT, _R.product_id == _PRODUCT)
    .order_by(_R.business_date.desc())
    .limit(1)
)
_ANY_STORED = sa.select(_R.product_id).where(_R.tenant_id == _TENANT).limit(1)
_LOW_STOCK = _low_stock()


class ReplenishmentRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def facts(
        self, tenant: Tenant, today: date, *, product_id: str | None = None, after: str = "", limit: int = 1
    ) -> list[Facts]:
        """One product's facts whatever its status, or those of replenished products after an id, by id."""
        if product_id is not None:
            found = await self._execute(_FACTS_OF_ONE, product_id=product_id)
        else:
            found = await self._execute(_FACTS_AFTER, after=after, limit=limit)
        rows = found.mappings().all()
        receipts = await self._receipts([row["product_id"] for row in rows])
        return [_facts(row, tenant, today, receipts.get(row["product_id"], ())) for row in rows]

    async def count(self) -> int:
        """How many products are replenished."""
        query = sa.select(sa.func.count()).where(_P.tenant_id == self._tenant_id, _P.status.in_(_REPLENISHED))
        return int(await self._connection.scalar(query) or 0)

    async def store(self, rows: Sequence[StoredRow], business_date: date, now: datetime) -> None:
        """Keeps the recommendations of a business date; repeated, the newest stay."""
        if not rows:
            return
        statement = insert_into(self._connection, RECOMMENDATIONS)
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "product_id", "business_date"],
                set_={name: statement.excluded[name] for name in _STORED},
            ),
            [
                {
                    "tenant_id": self._tenant_id,
                    "business_date": business_date,
                    "computed_at": now,
                    **row._asdict(),
                }
                for row in rows
            ],
        )

    async def prune(self, before: date) -> None:
        """Drops recommendations of business dates before one."""
        await self._connection.execute(
            sa.delete(RECOMMENDATIONS).where(_R.tenant_id == self._tenant_id, _R.business_date < before)
        )

    async def last(self, product_id: str) -> bytes | None:
        """The product's last stored recommendation."""
        document: bytes | None = (await self._execute(_LAST, product_id=product_id)).scalar()
        return document

    async def page(
        self, *, after: tuple[int, str] | None, limit: int, needs_reorder: bool | None
    ) -> list[tuple[int, str, bytes]]:
        """(urgency rank, product id, document) of each product's last recommendation, the most urgent first."""
        latest = _latest()
        query = (
            sa.select(_R.urgency_rank, _R.product_id, _R.document)
            .join(latest, sa.and_(latest.c.product_id == _R.product_id, latest.c.business_date == _R.business_date))
            .where(_R.tenant_id == _TENANT)
            .order_by(_R.urgency_rank, _R.product_id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(sa.tuple_(_R.urgency_rank, _R.product_id) > sa.tuple_(*after))
        if needs_reorder is not None:
            query = query.where(_R.needs_reorder == needs_reorder)
        return [(row[0], row[1], row[2]) for row in await self._execute(query)]

    async def any_stored(self) -> bool:
        return (await self._execute(_ANY_STORED)).first() is not None

    async def low_stock(self, limit: int) -> tuple[list[LowStockRow], int]:
        """Replenished products that are at or below their last reorder point now, and how many there are."""
        rows = (await self._execute(_LOW_STOCK, limit=limit)).all()
        return [LowStockRow(*row[:-1]) for row in rows], int(rows[0].total) if rows else 0

    async def _receipts(self, product_ids: Sequence[str]) -> dict[str, tuple[tuple[date, int], ...]]:
        found: dict[str, tuple[tuple[date, int], ...]] = {}
        for product_id, expected_on, units in await self._execute(_RECEIPTS, product_ids=list(product_ids)):
            found[product_id] = (*found.get(product_id, ()), (expected_on, int(units)))
        return found

    async def _execute(self, query: sa.Select[*tuple[Any, ...]], **values: object) -> sa.CursorResult[*tuple[Any, ...]]:
        return await self._connection.execute(query, {"tenant": self._tenant_id, **values})


def _facts(row: sa.RowMapping, tenant: Tenant, today: date, receipts: tuple[tuple[date, int], ...]) -> Facts:
    settings = tenant.settings
    item_cost = row["item_cost"]
    return Facts(
        product_id=row["product_id"],
        sku=row["sku"],
        name=row["name"],
        replenished=row["status"] in _REPLENISHED,
        available=row["available"],
        on_hand=row["on_hand"],
        receipts=receipts,
        lead_times=_lead_times(row, today) or ((settings.default_lead_time_days, 1.0),),
        review_period_days=_first(row["review_period_days"], settings.review_period_days),
        cover_days=_first(row["cover_days"], settings.cover_days),
        service_level=row["service_level"] or settings.service_level,
        moq=_first(row["item_moq"], row["moq"]),
        pack_size=_first(row["item_pack_size"], row["pack_size"]),
        max_stock=row["max_stock"],
        unit_cost=row["unit_cost"] if item_cost is None else item_cost,
        price=row["price"],
        supplier_id=row["supplier_id"],
    )


def _lead_times(row: sa.RowMapping, today: date) -> tuple[tuple[int, float], ...]:
    """(calendar days from today, probability) as the product's supplier states them; none without a supplier."""
    if row["lead_times"] is None:
        return ()
    stated = tuple((int(days), float(share)) for days, share in row["lead_times"])
    closed = tuple(map(date.fromisoformat, row["closed_dates"]))
    return calendar_lead_times(stated, row["lead_time_unit"], closed, today)


def _first(value: int | None, fallback: int) -> int:
    return fallback if value is None else value
