"""Orders, their lines, and the rollups that are written with them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.bulk import append
from shelfwise.platform.database import insert_into
from shelfwise.sales.booking.rules import BookedLine, DailyDelta, LineDraft, ProductDay
from shelfwise.sales.tables import (
    ORDER_LINES,
    ORDERS,
    PRODUCT_CODES,
    SALES_DAILY,
    SALES_DAYS,
    UNRESOLVED_LINES,
)

_SUMMED = ("quantity", "revenue", "orders", "returned_quantity", "refunded_revenue")


@dataclass(frozen=True, slots=True)
class OrderHead:
    order_id: str
    ordered_at: datetime
    business_day: date
    location_id: str | None
    payload_hash: bytes | None


@dataclass(frozen=True, slots=True)
class UnresolvedCode:
    """A code that names no product, and how much waits for it."""

    product: str
    lines: int
    quantity: int


class BookingRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def heads(self, order_ids: Collection[str], *, lock: bool = True) -> dict[str, OrderHead]:
        """The orders that exist, locked in the order of their ids until the transaction ends."""
        c = ORDERS.c
        query = (
            sa.select(c.order_id, c.ordered_at, c.business_day, c.location_id, c.payload_hash)
            .where(c.tenant_id == self._tenant_id, c.order_id.in_(order_ids))
            .order_by(c.order_id)
        )
        rows = await self._connection.execute(query.with_for_update() if lock else query)
        return {row.order_id: OrderHead(*row) for row in rows}

    async def add_heads(self, heads: Sequence[OrderHead], now: datetime) -> None:
        """Adds orders, in the order of their ids; one that another transaction adds first stays as that made it."""
        await append(
            self._connection,
            ORDERS,
            ("order_id", "ordered_at", "business_day", "location_id", "payload_hash", "recorded_at", "tenant_id"),
            [
                (
                    head.order_id,
                    head.ordered_at,
                    head.business_day,
                    head.location_id,
                    head.payload_hash,
                    now,
                    self._tenant_id,
                )
                for head in sorted(heads, key=lambda head: head.order_id)
            ],
            statement=insert_into(self._connection, ORDERS).on_conflict_do_nothing(),
        )

    async def lines(self, order_ids: Collection[str]) -> list[BookedLine]:
        """Every line of the orders and every line that refers to them, resolved or not."""
        if not order_ids:
            return []
        found: dict[tuple[object, ...], BookedLine] = {}
        for table in (ORDER_LINES, UNRESOLVED_LINES):
            columns = [table.c[name] for name in _LINE_COLUMNS]
            columns += [table.c.product_id] if table is ORDER_LINES else []
            for key in (table.c.order_id, table.c.refers_order_id):
                query = sa.select(*columns).where(table.c.tenant_id == self._tenant_id, key.in_(order_ids))
                for row in await self._connection.execute(query):
                    line = _booked(row, row.product_id if table is ORDER_LINES else None)
                    found[line.draft.identity] = line
        return list(found.values())

    async def add_lines(self, lines: Sequence[BookedLine], *, history: bool, now: datetime) -> None:
        """Appends lines, each to the table of its kind: resolved or waiting for a product."""
        resolved = [(*self._row(line, history, now), line.product_id) for line in lines if line.product_id is not None]
        await append(self._connection, ORDER_LINES, (*_STORED_COLUMNS, "product_id"), resolved)
        waiting = [self._row(line, history, now) for line in lines if line.product_id is None]
        await append(self._connection, UNRESOLVED_LINES, _STORED_COLUMNS, waiting)

    async def add_daily(self, deltas: Mapping[ProductDay, DailyDelta]) -> None:
        """Adds to the rollup by product, day and location."""
        statement = insert_into(self._connection, SALES_DAILY)
        given, kept = statement.excluded, SALES_DAILY.c
        latest = sa.case(
            (sa.or_(kept.last_sold_at.is_(None), given.last_sold_at > kept.last_sold_at), given.last_sold_at),
            else_=kept.last_sold_at,
        )
        await append(
            self._connection,
            SALES_DAILY,
            ("tenant_id", "product_id", "business_day", "location_id", "last_sold_at", *_SUMMED),
            [
                (self._tenant_id, *row, delta.last_sold_at, *_summed(delta))
                for row, delta in sorted(deltas.items(), key=lambda item: item[0])
            ],
            statement=statement.on_conflict_do_update(
                index_elements=["tenant_id", "product_id", "business_day", "location_id"],
                set_={name: kept[name] + given[name] for name in _SUMMED} | {"last_sold_at": latest},
            ),
        )

    async def add_days(self, deltas: Mapping[date, DailyDelta]) -> None:
        """Adds to the rollup by day."""
        statement = insert_into(self._connection, SALES_DAYS)
        await append(
            self._connection,
            SALES_DAYS,
            ("tenant_id", "business_day", *_SUMMED),
            [(self._tenant_id, day, *_summed(delta)) for day, delta in sorted(deltas.items())],
            statement=statement.on_conflict_do_update(
                index_elements=["tenant_id", "business_day"],
                set_={name: SALES_DAYS.c[name] + statement.excluded[name] for name in _SUMMED},
            ),
        )

    async def take_resolvable(self, limit: int) -> tuple[list[BookedLine], list[bool]]:
        """Removes unresolved lines whose code names a product by now; returns them, and which are history."""
        c = UNRESOLVED_LINES.c
        named = sa.exists().where(PRODUCT_CODES.c.tenant_id == c.tenant_id, PRODUCT_CODES.c.code == c.product)
        query = (
            sa.select(UNRESOLVED_LINES)
            .where(c.tenant_id == self._tenant_id, named)
            .order_by(sa.case((c.kind == "sale", 0), else_=1), c.order_id, c.line_no, c.kind, c.entry_no)
            .limit(limit)
            .with_for_update()
        )
        rows = (await self._connection.execute(query)).all()
        if rows:
            await self._connection.execute(
                sa.delete(UNRESOLVED_LINES).where(
                    c.tenant_id == self._tenant_id,
                    c.order_id == sa.bindparam("b_order"),
                    c.line_no == sa.bindparam("b_line"),
                    c.kind == sa.bindparam("b_kind"),
                    c.entry_no == sa.bindparam("b_entry"),
                ),
                [{"b_order": r.order_id, "b_line": r.line_no, "b_kind": r.kind, "b_entry": r.entry_no} for r in rows],
            )
        return [_booked(row, None) for row in rows], [row.history for row in rows]

    async def unresolved_codes(self, *, after: str, limit: int) -> list[UnresolvedCode]:
        """Codes that name no product, by code, beginning after one."""
        c = UNRESOLVED_LINES.c
        query = (
            sa.select(c.product, sa.func.count(), sa.func.sum(c.quantity))
            .where(c.tenant_id == self._tenant_id, c.product > after)
            .group_by(c.product)
            .order_by(c.product)
            .limit(limit)
        )
        return [UnresolvedCode(row[0], row[1], int(row[2])) for row in await self._connection.execute(query)]

    def _row(self, line: BookedLine, history: bool, now: datetime) -> tuple[Any, ...]:  # noqa: FBT001  private
        draft = line.draft
        return (
            draft.order_id,
            draft.line_no,
            draft.kind,
            draft.entry_no,
            draft.product,
            draft.name,
            draft.quantity,
            line.unit_price,
            line.location_id,
            draft.occurred_at,
            line.counts_on,
            draft.refers_order_id,
            draft.refers_line_no,
            draft.resellable,
            self._tenant_id,
            history,
            now,
        )


_LINE_COLUMNS = (
    "order_id",
    "line_no",
    "kind",
    "entry_no",
    "product",
    "name",
    "quantity",
    "unit_price",
    "location_id",
    "occurred_at",
    "business_day",
    "refers_order_id",
    "refers_line_no",
    "resellable",
)
_STORED_COLUMNS = (*_LINE_COLUMNS, "tenant_id", "history", "recorded_at")


def _booked(row: Any, product_id: str | None) -> BookedLine:  # noqa: ANN401  a row of either table of lines
    draft = LineDraft(
        source=0,
        order_id=row.order_id,
        line_no=row.line_no,
        kind=row.kind,
        entry_no=row.entry_no,
        product=row.product,
        quantity=row.quantity,
        unit_price=row.unit_price,
        occurred_at=row.occurred_at,
        business_day=row.business_day,
        name=row.name,
        location_id=row.location_id,
        refers_order_id=row.refers_order_id,
        refers_line_no=row.refers_line_no,
        resellable=row.resellable,
    )
    return BookedLine(draft, product_id, row.unit_price, row.business_day, row.location_id)


def _summed(delta: DailyDelta) -> tuple[int, Decimal, int, int, Decimal]:
    return delta.quantity, delta.revenue, delta.orders, delta.returned_quantity, delta.refunded_revenue
