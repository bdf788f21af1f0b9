"""Orders, their lines, and the rollups that are written with them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

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

#: Rows in one statement: the event loop gets a turn between two.
_ROWS_PER_STATEMENT = 500
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
        await self._insert(
            insert_into(self._connection, ORDERS).on_conflict_do_nothing(),
            [
                {
                    "tenant_id": self._tenant_id,
                    "order_id": head.order_id,
                    "ordered_at": head.ordered_at,
                    "business_day": head.business_day,
                    "location_id": head.location_id,
                    "payload_hash": head.payload_hash,
                    "recorded_at": now,
                }
                for head in sorted(heads, key=lambda head: head.order_id)
            ],
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
        for table, wanted in ((ORDER_LINES, True), (UNRESOLVED_LINES, False)):
            rows = [
                self._row(line, history=history, now=now) for line in lines if (line.product_id is not None) is wanted
            ]
            if not wanted:
                for row in rows:
                    del row["product_id"]
            await self._insert(sa.insert(table), rows)

    async def add_daily(self, deltas: Mapping[ProductDay, DailyDelta]) -> None:
        """Adds to the rollup by product, day and location."""
        statement = insert_into(self._connection, SALES_DAILY)
        given, kept = statement.excluded, SALES_DAILY.c
        latest = sa.case(
            (sa.or_(kept.last_sold_at.is_(None), given.last_sold_at > kept.last_sold_at), given.last_sold_at),
            else_=kept.last_sold_at,
        )
        await self._insert(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "product_id", "business_day", "location_id"],
                set_={name: kept[name] + given[name] for name in _SUMMED} | {"last_sold_at": latest},
            ),
            [
                {
                    "tenant_id": self._tenant_id,
                    "product_id": product_id,
                    "business_day": day,
                    "location_id": location_id,
                    "last_sold_at": delta.last_sold_at,
                    **{name: getattr(delta, name) for name in _SUMMED},
                }
                for (product_id, day, location_id), delta in sorted(deltas.items(), key=lambda item: item[0])
            ],
        )

    async def add_days(self, deltas: Mapping[date, DailyDelta]) -> None:
        """Adds to the rollup by day."""
        statement = insert_into(self._connection, SALES_DAYS)
        await self._insert(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "business_day"],
                set_={name: SALES_DAYS.c[name] + statement.excluded[name] for name in _SUMMED},
            ),
            [
                {
                    "tenant_id": self._tenant_id,
                    "business_day": day,
                    **{name: getattr(delta, name) for name in _SUMMED},
                }
                for day, delta in sorted(deltas.items())
            ],
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

    async def _insert(self, statement: Any, rows: Sequence[dict[str, Any]]) -> None:  # noqa: ANN401  an Insert of either database
        for start in range(0, len(rows), _ROWS_PER_STATEMENT):
            await self._connection.execute(statement, rows[start : start + _ROWS_PER_STATEMENT])

    def _row(self, line: BookedLine, *, history: bool, now: datetime) -> dict[str, Any]:
        draft = line.draft
        return {
            "tenant_id": self._tenant_id,
            "order_id": draft.order_id,
            "line_no": draft.line_no,
            "kind": draft.kind,
            "entry_no": draft.entry_no,
            "product": draft.product,
            "name": draft.name,
            "quantity": draft.quantity,
            "unit_price": line.unit_price,
            "location_id": line.location_id,
            "occurred_at": draft.occurred_at,
            "business_day": line.counts_on,
            "refers_order_id": draft.refers_order_id,
            "refers_line_no": draft.refers_line_no,
            "resellable": draft.resellable,
            "history": history,
            "recorded_at": now,
            "product_id": line.product_id,
        }


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
