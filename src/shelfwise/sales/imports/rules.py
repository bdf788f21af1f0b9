"""Rows of a sales CSV: what each means, or why it means nothing. One physical line is one row."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from typing import Literal, NamedTuple, cast
from zoneinfo import ZoneInfo

from shelfwise.sales.identifiers import code_problem, identifier_problem, text_problem
from shelfwise.sales.lines import Line
from shelfwise.sales.moments import TOO_FAR_AHEAD, Moment, is_ahead, read_moment

REQUIRED = ("order_id", "line_no", "ordered_at", "product", "quantity", "unit_price")
OPTIONAL = ("kind", "cancels_order_id", "cancels_line_no", "name", "location_id")
KINDS = ("sale", "cancellation", "return")
MAX_INTEGER = 10**9
MAX_AMOUNT = Decimal(10**12)
_MAX_NAME = 512

RowKind = Literal["sale", "cancellation", "return"]


class HeaderError(ValueError):
    """The first line names no table of order lines."""


class RowError(ValueError):
    """Why one row cannot be imported."""


class Row(NamedTuple):
    """One good row, its fields in the order of the booking's draft."""

    source: int
    order_id: str
    line_no: int
    kind: RowKind
    entry_no: int
    product: str
    quantity: int
    unit_price: Decimal | None
    occurred_at: datetime
    business_day: date
    name: str | None
    location_id: str | None
    refers_order_id: str | None
    refers_line_no: int | None


class BadRow(NamedTuple):
    line: int
    reason: str


def read_header(line: bytes) -> tuple[str, ...]:
    """The column names of a file.

    Raises:
        HeaderError: a required column is missing, or a column appears twice.
    """
    try:
        names = tuple(name.strip().lower() for name in fields_of(line.decode("utf-8")))
    except (UnicodeDecodeError, RowError) as error:
        raise HeaderError("the first line must name the columns, in UTF-8") from error
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise HeaderError(f"the first line must name the columns {', '.join(REQUIRED)}; missing: {', '.join(missing)}")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise HeaderError(f"the first line names a column twice: {', '.join(twice)}")
    return names


def fields_of(text: str) -> list[str]:
    """The values of a line, without the blanks around them.

    Raises:
        RowError: a quote is not closed, or stands where it cannot.
    """
    if '"' not in text:
        return [value.strip() for value in text.split(",")]
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise RowError(f"is not a CSV row: {error}") from error
    return [value.strip() for value in rows[0]]


@dataclass(slots=True)
class RowReader:
    """Reads the rows under a header; ``zone`` is the tenant's, for wall times without an offset.

    What lies more than a day after ``now``, and after a ``pinned`` business date, is a mistake.

    Values repeat from line to line, so what they mean is kept while one batch is read.
    """

    header: Sequence[str]
    zone: ZoneInfo
    now: datetime
    pinned: date | None = None
    _pick: Callable[[list[str]], tuple[str, ...]] = field(init=False)
    _moments: dict[str, Moment] = field(init=False, default_factory=dict)
    _prices: dict[str, Decimal] = field(init=False, default_factory=dict)
    _integers: dict[str, int] = field(init=False, default_factory=dict)
    _good: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        # A column that the file lacks is read from the empty text that every row is padded with.
        names = list(self.header)
        self._pick = itemgetter(*(names.index(n) if n in names else len(names) for n in (*REQUIRED, *OPTIONAL)))

    def read(self, lines: Iterable[Line]) -> tuple[list[Row], list[BadRow]]:
        """The good rows and the bad ones; empty lines are neither."""
        for known in (self._moments, self._prices, self._integers, self._good):
            known.clear()
        good: list[Row] = []
        bad: list[BadRow] = []
        for line in lines:
            try:
                values = self._values(line)
                if values is not None:
                    good.append(self._row(line.number, *self._pick(values)))
            except RowError as error:
                bad.append(BadRow(line.number, str(error)))
        return good, bad

    def _values(self, line: Line) -> list[str] | None:
        if line.data is None:
            raise RowError("the line is too long")
        if not line.data.strip():
            return None
        try:
            values = fields_of(line.data.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise RowError("is not valid UTF-8") from error
        if len(values) > len(self.header):
            raise RowError(f"has {len(values)} values under {len(self.header)} columns")
        return values + [""] * (len(self.header) + 1 - len(values))

    def _row(
        self,
        number: int,
        order_id: str,
        line_no: str,
        ordered_at: str,
        product: str,
        quantity: str,
        unit_price: str,
        kind: str,
        cancels_order_id: str,
        cancels_line_no: str,
        name: str,
        location_id: str,
    ) -> Row:
        kind = kind or "sale"
        if kind not in KINDS:
            raise RowError(f"kind: {kind[:40]!r} is not one of {', '.join(KINDS)}")
        moment = self._moment(ordered_at)
        units = self._integer(quantity, "quantity")
        price = self._price(unit_price, kind)
        if price is not None and price * units > MAX_AMOUNT:
            raise RowError("unit_price: comes to more than 10^12")
        refers_order_id, refers_line_no = self._target(cancels_order_id, cancels_line_no, kind)
        if text_problem(name) or len(name) > _MAX_NAME:
            raise RowError(f"name: is longer than {_MAX_NAME} characters or cannot be stored")
        return Row(
            number,
            self._identifier(order_id, "order_id"),
            self._integer(line_no, "line_no"),
            cast("RowKind", kind),
            0,
            self._code(product, "product"),
            units,
            price,
            moment.instant,
            moment.business_day,
            name or None,
            self._code(location_id, "location_id") if location_id else None,
            refers_order_id,
            refers_line_no,
        )

    def _moment(self, text: str) -> Moment:
        moment = self._moments.get(text)
        if moment is None:
            _need(text, "ordered_at")
            try:
                moment = read_moment(text, self.zone)
            except ValueError as error:
                raise RowError(f"ordered_at: {error}") from error
            if is_ahead(moment, self.now, self.pinned):
                raise RowError(f"ordered_at: {TOO_FAR_AHEAD}")
            self._moments[text] = moment
        return moment

    def _price(self, text: str, kind: str) -> Decimal | None:
        if not text:
            if kind == "sale":
                raise RowError("unit_price: is missing")
            return None
        price = self._prices.get(text)
        if price is None:
            try:
                price = Decimal(text)
            except InvalidOperation as error:
                raise RowError(f"unit_price: {text[:40]!r} is not a number") from error
            if not price.is_finite() or not 0 <= price <= MAX_AMOUNT:
                raise RowError(f"unit_price: {text[:40]!r} is not between 0 and 10^12")
            price = self._prices[text] = round(price, 4)
        return price

    def _target(self, order_id: str, line_no: str, kind: str) -> tuple[str | None, int | None]:
        if not order_id and not line_no:
            if kind == "cancellation":
                raise RowError("cancels_order_id: a cancellation must say which line it cancels")
            return None, None
        if kind == "sale":
            raise RowError("cancels_order_id: a sale cancels nothing")
        if not order_id or not line_no:
            raise RowError("cancels_order_id and cancels_line_no must both be given")
        return self._identifier(order_id, "cancels_order_id"), self._integer(line_no, "cancels_line_no")

    def _identifier(self, text: str, column: str) -> str:
        if text not in self._good:
            _need(text, column)
            problem = identifier_problem(text)
            if problem is not None:
                raise RowError(f"{column}: {problem}")
            self._good.add(text)
        return text

    def _code(self, text: str, column: str) -> str:
        if text not in self._good:
            _need(text, column)
            problem = code_problem(text)
            if problem is not None:
                raise RowError(f"{column}: {problem}")
        return text

    def _integer(self, text: str, column: str) -> int:
        known = self._integers.get(text)
        if known is not None:
            return known
        _need(text, column)
        if text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= (number := int(text)) <= MAX_INTEGER:
            self._integers[text] = number
            return number
        raise RowError(f"{column}: {text[:40]!r} is not a whole number from 1 to 10^9")


def _need(value: str, column: str) -> None:
    if not value:
        raise RowError(f"{column}: is missing")
