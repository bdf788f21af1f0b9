"""Many rows into one table, several times faster than one parameter dictionary per row.

The statement is compiled once and the driver is given tuples. Values are converted by the columns' own types, each
distinct value of a repetitive column once: rows of one batch share most of their days, instants and prices.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

#: Rows handed to the driver at once: the event loop gets a turn between two calls.
ROWS_PER_CALL = 500
ROWS_PER_STATEMENT = 50

Convert = Callable[[Any], Any]


async def append(
    connection: AsyncConnection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    statement: "sqlite.Insert | postgresql.Insert | None" = None,
) -> None:
    """Inserts rows whose values stand in the order of ``columns``.

    ``statement`` is the INSERT to use, for one that says what happens ON CONFLICT; without it a conflict is an error.
    """
    if not rows:
        return
    dialect = connection.dialect
    insert = sa.insert(table) if statement is None else statement
    # Text of our own table and column names: no value is ever part of it.
    compiled = insert.values({name: sa.bindparam(name) for name in columns}).compile(dialect=dialect)
    order = [columns.index(name) for name in compiled.positiontup or ()]
    converters = [_converter(table.c[columns[index]], dialect) for index in order]
    for start in range(0, len(rows), ROWS_PER_CALL):
        part = rows[start : start + ROWS_PER_CALL]
        arrays = [
            [row[index] for row in part] if convert is None else _converted(part, index, convert)
            for index, convert in zip(order, converters, strict=True)
        ]
        values = list(zip(*arrays, strict=True))
        if dialect.paramstyle == "qmark" and len(values) >= ROWS_PER_STATEMENT:
            # SQLite's cost is by statement: the same statement over many rows halves it.
            whole = len(values) // ROWS_PER_STATEMENT * ROWS_PER_STATEMENT
            wide = [
                tuple(chain.from_iterable(values[at : at + ROWS_PER_STATEMENT]))
                for at in range(0, whole, ROWS_PER_STATEMENT)
            ]
            await connection.exec_driver_sql(_widened(compiled.string, len(order)), wide)
            values = values[whole:]
        if values:
            await connection.exec_driver_sql(compiled.string, values)


def _widened(statement: str, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    head, _, tail = statement.partition(f"VALUES {row}")
    return f"{head}VALUES {', '.join([row] * ROWS_PER_STATEMENT)}{tail}"


def _converter(column: "sa.Column[Any]", dialect: sa.Dialect) -> Convert | None:
    if isinstance(column.type, sa.LargeBinary):
        return None
    return column.type.dialect_impl(dialect).bind_processor(dialect)


def _converted(rows: Sequence[tuple[Any, ...]], index: int, convert: Convert) -> list[Any]:
    known: dict[Any, Any] = {}
    values = []
    for row in rows:
        value = row[index]
        if value not in known:
            known[value] = convert(value)
        values.append(known[value])
    return values
