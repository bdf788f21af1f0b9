"""What lines do to the figures, against a recomputation from the lines themselves."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.sales.booking.rules import Book, BookedLine, DailyDelta, LineDraft

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
PRODUCTS = {"a": "A", "b": "B"}


def draft(order, line, kind="sale", quantity=1, *, product="a", day=0, price="2.50", refers=None, entry=0, place=None):
    moment = START + timedelta(days=day)
    return LineDraft(
        source=0,
        order_id=order,
        line_no=line,
        kind=kind,
        entry_no=entry,
        product=product,
        quantity=quantity,
        unit_price=None if price is None else Decimal(price),
        occurred_at=moment,
        business_day=moment.date(),
        location_id=place,
        refers_order_id=refers[0] if refers else None,
        refers_line_no=refers[1] if refers else None,
    )


def book_of(*drafts, days=None, known=()):
    book = Book(order_days=days or {d.order_id: d.business_day for d in reversed(drafts)})
    book.remember(known)
    book.book(drafts, PRODUCTS)
    return book


def recomputed(lines):
    """Both rollups from nothing but the recorded lines."""
    daily, days = defaultdict(DailyDelta), defaultdict(DailyDelta)
    left, orders = {}, defaultdict(set)
    for line in lines:
        d = line.draft
        if line.product_id is None:
            continue
        key = (line.product_id, line.counts_on, line.location_id or "")
        for delta in (daily[key], days[line.counts_on]):
            if d.kind == "sale":
                delta.quantity += d.quantity
                delta.revenue += d.quantity * line.unit_price
            elif d.kind == "cancellation":
                delta.quantity -= d.quantity
                delta.revenue -= d.quantity * line.unit_price
            else:
                delta.returned_quantity += d.quantity
                delta.refunded_revenue += d.quantity * line.unit_price
        if d.kind == "sale":
            left[d.order_id, d.line_no] = [d.quantity, key]
        elif d.kind == "cancellation":
            left[d.refers_order_id, d.refers_line_no][0] -= d.quantity
    for (order, _), (quantity, key) in left.items():
        if quantity:
            orders[key].add(order)
    for key, names in orders.items():
        daily[key].orders = len(names)
    return daily, days, {order for (order, _), (quantity, _) in left.items() if quantity}


def figures(delta):
    return (delta.quantity, delta.revenue, delta.orders, delta.returned_quantity, delta.refunded_revenue)


def test_a_cancellation_goes_back_to_the_day_and_price_of_its_line():
    book = book_of(
        draft("1", 1, quantity=5, day=0, price="4"),
        draft("C", 1, "cancellation", 2, day=9, price="9", refers=("1", 1)),
    )
    assert figures(book.daily["A", START.date(), ""]) == (3, Decimal(12), 1, 0, 0)
    assert set(book.days) == {START.date()}


def test_a_return_is_booked_on_its_own_day_and_never_reduces_demand():
    book = book_of(draft("1", 1, quantity=5), draft("R", 1, "return", 2, day=3, price="1", refers=("1", 1)))
    assert figures(book.daily["A", START.date(), ""]) == (5, Decimal("12.5"), 1, 0, 0)
    assert figures(book.daily["A", START.date() + timedelta(days=3), ""]) == (0, 0, 0, 2, Decimal(2))


def test_an_order_with_two_lines_of_a_product_counts_once_and_leaves_when_both_are_cancelled():
    lines = (draft("1", 1, quantity=2), draft("1", 2, quantity=3))
    first = draft("1", 1, "cancellation", 2, refers=("1", 1), entry=1)
    second = draft("1", 2, "cancellation", 3, refers=("1", 2), entry=1)
    key = ("A", START.date(), "")
    assert book_of(*lines).daily[key].orders == 1
    assert book_of(*lines, first).daily[key].orders == 1
    assert book_of(*lines, first, second).daily[key].orders == 0
    assert book_of(*lines, first, second).days[START.date()].orders == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (draft("C", 1, "cancellation", 6, refers=("1", 1)), "of which 5 are left"),
        (draft("C", 1, "cancellation", 1, refers=("1", 2)), "not known"),
        (draft("C", 1, "cancellation", 1, product="b", refers=("1", 1)), "another product"),
        (draft("R", 1, "return", 1, price=None), "unit_price is missing"),
        (draft("1", 1, quantity=4), "other values"),
    ],
)
def test_a_line_that_cannot_be_says_why_and_changes_nothing(line, reason):
    book = book_of(draft("1", 1, quantity=5), line)
    assert reason in book.problems[0].reason
    assert figures(book.daily["A", START.date(), ""])[0] == 5


def test_an_unresolved_line_counts_nowhere_and_takes_its_cancellation_with_it():
    book = book_of(
        draft("1", 1, quantity=5, product="?"), draft("C", 1, "cancellation", 2, product="?", refers=("1", 1))
    )
    assert [line.product_id for line in book.booked] == [None, None]
    assert not book.daily


steps = st.lists(
    st.tuples(
        st.sampled_from(["sale", "sale", "cancellation", "return", "again"]),
        st.integers(1, 4),  # order
        st.integers(1, 3),  # line
        st.integers(1, 5),  # quantity
        st.sampled_from(["a", "b", "?"]),
        st.integers(0, 3),  # day
        st.sampled_from([None, "N"]),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(steps, st.integers(1, 7))
def test_the_rollup_equals_a_recomputation_whatever_comes_in_whatever_batches(given_steps, batch):
    drafts = []
    for number, (kind, order, line, quantity, product, day, place) in enumerate(given_steps):
        target = (f"o{order}", line)
        if kind == "again" and drafts:
            drafts.append(drafts[number % len(drafts)])
        elif kind in {"sale", "again"}:
            drafts.append(draft(*target, quantity=quantity, product=product, day=day, place=place))
        else:
            row = draft(f"x{number}", 1, kind, quantity, product=product, day=day, refers=target, place=place)
            drafts.append(row)
    order_days: dict[str, date] = {}
    recorded: list[BookedLine] = []
    total_daily, total_days = defaultdict(DailyDelta), defaultdict(DailyDelta)
    seen = 0
    for start in range(0, len(drafts), batch):
        part = drafts[start : start + batch]
        for item in part:
            order_days.setdefault(item.order_id, item.business_day)
        book = Book(order_days=dict(order_days))
        book.remember(recorded)
        book.book(part, PRODUCTS)
        recorded += book.booked
        seen += len(book.booked) + book.duplicates + len(book.problems)
        for total, deltas in ((total_daily, book.daily), (total_days, book.days)):
            for key, delta in deltas.items():
                total[key] = DailyDelta(*map(sum, zip(figures(total[key]), figures(delta), strict=True)))
    assert seen == len(drafts)
    daily, days, live = recomputed(recorded)
    for key in {*daily, *total_daily}:
        assert figures(total_daily[key]) == figures(daily[key]), key
    for day in {*days, *total_days}:
        expected = sum(order_days[order] == day for order in live)
        assert figures(total_days[day])[:2] == figures(days[day])[:2]
        assert total_days[day].orders == expected
