"""Rows of a sales CSV."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.sales.imports.rules import HeaderError, RowReader, read_header
from shelfwise.sales.lines import Line, LineSplitter

HEADER = b"order_id,line_no,ordered_at,product,quantity,unit_price,kind,cancels_order_id,cancels_line_no,name"


def read(row: bytes):
    reader = RowReader(read_header(HEADER), ZoneInfo("Europe/London"), datetime(2300, 1, 1, tzinfo=UTC))
    return reader.read([Line(7, row)])


def test_a_wall_time_is_read_in_the_tenants_zone():
    (row,), bad = read(b'o1, 2 ,2026-07-01T00:30,P-1,3,1.25,sale,,,"Mug, blue"')
    assert bad == []
    assert row.occurred_at == datetime(2026, 6, 30, 23, 30, tzinfo=UTC)
    assert row.business_day == date(2026, 7, 1)
    assert (row.source, row.line_no, row.unit_price, row.name) == (7, 2, Decimal("1.2500"), "Mug, blue")


def test_an_instant_falls_on_the_tenants_day():
    (row,), _ = read(b"o1,2,2026-06-30T23:30:00Z,P-1,3,1.25,,,,")
    assert (row.kind, row.business_day) == ("sale", date(2026, 7, 1))


@pytest.mark.parametrize("day", [b"1971-01-01", b"2198-12-31"])
def test_the_first_and_the_last_year_that_the_message_names_are_taken(day):
    good, bad = read(b"o,1," + day + b",P,1,1,sale,,,")
    assert (len(good), bad) == (1, [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"o,1,2026-01-01,P,x,1,sale,,,", "quantity: 'x' is not a whole number"),
        (b"o,1,2026-01-01,P,NaN,1,sale,,,", "quantity: 'NaN' is not"),
        (b"o,1,2026-01-01,P,-1,1,sale,,,", "quantity: '-1' is not"),
        (b"o,1,2026-01-01,P,0,1,sale,,,", "quantity: '0' is not"),
        (b"o,1,2026-01-01,P,1.5,1,sale,,,", "quantity: '1.5' is not"),
        (b"o,1,2026-01-01,P,1000000001,1,sale,,,", "quantity"),
        ("o,1,2026-01-01,P,٣,1,sale,,,".encode(), "quantity"),
        (b"o,1,2026-01-01,P,1,NaN,sale,,,", "unit_price: 'NaN' is not between"),
        (b"o,1,2026-01-01,P,1,inf,sale,,,", "unit_price: 'inf' is not between"),
        (b"o,1,2026-01-01,P,1,1e13,sale,,,", "unit_price"),
        (b"o,1,2026-01-01,P,1,-1,sale,,,", "unit_price"),
        (b"o,1,2026-01-01,P,1,,sale,,,", "unit_price: is missing"),
        (b"o,1,2026-01-01,P,1000000000,1000000,sale,,,", "more than 10^12"),
        (b"o,1,2026-02-30,P,1,1,sale,,,", "ordered_at: '2026-02-30' is not a date"),
        (b"o,1,0001-01-01,P,1,1,sale,,,", "ordered_at: the year 1"),
        (b"o,1,1970-12-31,P,1,1,sale,,,", "ordered_at: the year 1970 is not between 1971 and 2198"),
        (b"o,1,2199-01-01,P,1,1,sale,,,", "ordered_at: the year 2199 is not between 1971 and 2198"),
        (b"o,1,2026-01-01,P,1,1,refund,,,", "kind: 'refund' is not one of"),
        (b"o,1,2026-01-01,P,1,1,cancellation,,,", "must say which line"),
        (b"o,1,2026-01-01,P,1,1,cancellation,o,,", "must both be given"),
        (b"o,1,2026-01-01,P,1,1,sale,o,1,", "a sale cancels nothing"),
        (b"o,1,2026-01-01,P\xff,1,1,sale,,,", "not valid UTF-8"),
        (b"o,1,2026-01-01,P\x00,1,1,sale,,,", "product: contains a character"),
        (b"a/b,1,2026-01-01,P,1,1,sale,,,", "order_id: must not contain '/'"),
        (b"o,1,2026-01-01,,1,1,sale,,,", "product: is missing"),
        (b"o,1,2026-01-01", "is missing"),
        (b"o,1,2026-01-01,P,1,1,sale,,,n,extra", "has 11 values under 10 columns"),
        (b'o,1,2026-01-01,"P,1,1,sale,,,', "is not a CSV row"),
    ],
)
def test_a_bad_row_says_what_is_wrong(row, reason):
    good, bad = read(row)
    assert good == []
    assert bad[0].line == 7
    assert reason in bad[0].reason


@pytest.mark.parametrize("header", [b"", b"a,b", HEADER + b",kind", b"\xff\xfe", b'"order_id'])
def test_a_first_line_that_names_no_table_is_refused(header):
    with pytest.raises(HeaderError):
        read_header(header)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail(row):
    good, bad = read(row.replace(b"\n", b" "))
    assert len(good) + len(bad) <= 1


@given(st.lists(st.binary(max_size=30), max_size=20), st.integers(1, 7))
def test_lines_do_not_depend_on_how_the_stream_is_cut(lines, size):
    stream = b"\n".join(lines)
    whole = LineSplitter()
    expected = [*whole.feed(stream), *whole.finish()]
    parts = LineSplitter()
    found = [line for at in range(0, len(stream), size) for line in parts.feed(stream[at : at + size])]
    assert [*found, *parts.finish()] == expected


def test_a_line_without_end_is_dropped_and_reported_in_bounded_memory():
    splitter = LineSplitter(max_line_bytes=10)
    lines = splitter.feed(b"ok\n" + b"x" * 25)
    lines += splitter.feed(b"y" * 25)
    lines += splitter.feed(b"\nnext\n")
    assert lines == [Line(1, b"ok"), Line(2, None), Line(3, b"next")]


def test_a_row_dated_more_than_a_day_ahead_is_a_row_error_unless_the_business_date_is_pinned_later():
    now = datetime(2026, 7, 1, 9, tzinfo=UTC)
    rows = [Line(1, b"o1,1,2026-07-02T08:59:00Z,P-1,1,1"), Line(2, b"o2,1,2062-07-01,P-1,1,1")]
    good, bad = RowReader(read_header(HEADER), ZoneInfo("UTC"), now).read(rows)
    assert [row.order_id for row in good] == ["o1"]
    assert [(row.line, row.reason) for row in bad] == [(2, "ordered_at: must not be more than a day in the future")]
    pinned = RowReader(read_header(HEADER), ZoneInfo("UTC"), now, date(2062, 7, 1))
    assert pinned.read(rows)[1] == []
