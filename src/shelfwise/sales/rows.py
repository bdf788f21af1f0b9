"""Small CSV tables, read whole: named columns, and what each bad row lacks. One physical line is one row."""

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import NamedTuple, TypedDict, TypeVar

from shelfwise.platform.tenancy import FIRST_YEAR, LAST_YEAR, in_calendar

MAX_TABLE_BYTES = 8 * 1024 * 1024
MAX_LISTED_ERRORS = 1000

T = TypeVar("T")


class TableError(ValueError):
    """The file is no such table: its first line does not name the columns, or it is too large."""


class RowError(ValueError):
    """Why one row cannot be taken."""


class BadRow(NamedTuple):
    line: int
    reason: str


class RowErrorView(TypedDict):
    """A row that was not taken: its line in the file, counted from 1 with the header, and why."""

    line: int
    reason: str


class TableReport(TypedDict):
    """What became of a file's rows: ``unchanged`` ones were there already. The first 1,000 bad rows are listed."""

    rows: int
    imported: int
    unchanged: int
    errors: int
    row_errors: list[RowErrorView]


def read_table(
    data: bytes, needed: Sequence[str], optional: Sequence[str], read: Callable[[dict[str, str]], T]
) -> tuple[list[tuple[int, T]], list[BadRow]]:
    """Good rows as ``read`` makes them, each with its line, and bad ones; empty lines are neither.

    Raises:
        TableError: it is larger than 8 MiB, or the first line does not name the columns.
    """
    if len(data) > MAX_TABLE_BYTES:
        raise TableError(f"the file is larger than {MAX_TABLE_BYTES // 1024 // 1024} MiB: cut it in parts")
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    names = _header(lines[0], needed, optional)
    good: list[tuple[int, T]] = []
    bad: list[BadRow] = []
    for number, line in _filled(lines):
        try:
            good.append((number, read(_values(line, names, (*needed, *optional)))))
        except RowError as error:
            bad.append(BadRow(number, str(error)))
    return good, bad


def report(imported: int, unchanged: int, bad: Sequence[BadRow]) -> TableReport:
    """The report of a file."""
    listed = sorted(bad)[:MAX_LISTED_ERRORS]
    return TableReport(
        rows=imported + unchanged + len(bad),
        imported=imported,
        unchanged=unchanged,
        errors=len(bad),
        row_errors=[RowErrorView(line=row.line, reason=row.reason) for row in listed],
    )


def read_day(text: str, column: str) -> date:
    """The day that a value names.

    Raises:
        RowError: none.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise RowError(f"{column}: {text[:40]!r} is not a day such as 2026-12-24") from error
    if not in_calendar(day):
        raise RowError(f"{column}: the year is not between {FIRST_YEAR} and {LAST_YEAR}")
    return day


def _filled(lines: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(lines[1:], start=2) if line.strip())


def _header(line: bytes, needed: Sequence[str], optional: Sequence[str]) -> list[str]:
    try:
        names = [name.lower() for name in _fields(line)]
    except RowError as error:
        raise TableError("the first line must name the columns, in UTF-8") from error
    missing = [name for name in needed if name not in names]
    unknown = [name for name in names if name not in (*needed, *optional)]
    if missing or unknown or len(set(names)) != len(names):
        raise TableError(
            f"the first line must name the columns {', '.join(needed)} and may name {', '.join(optional)}, each once; "
            f"missing: {', '.join(missing) or 'none'}, unknown: {', '.join(unknown)[:100] or 'none'}"
        )
    return names


def _values(line: bytes, names: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    values = _fields(line)
    if len(values) > len(names):
        raise RowError(f"has {len(values)} values under {len(names)} columns")
    return dict.fromkeys(columns, "") | dict(zip(names, values, strict=False))


def _fields(line: bytes) -> list[str]:
    try:
        rows = list(csv.reader([line.decode("utf-8")], strict=True))
    except UnicodeDecodeError as error:
        raise RowError("is not valid UTF-8") from error
    except csv.Error as error:
        raise RowError(f"is not a CSV row: {error}") from error
    return [value.strip() for value in rows[0]]
