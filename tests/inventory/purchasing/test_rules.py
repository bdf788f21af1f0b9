"""When a supplier takes orders and when it delivers, around weekends, closed dates and clocks that change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from shelfwise.inventory.purchasing.rules import (
    MAX_CLOSED_DATES,
    MAX_LEAD_TIME_DAYS,
    MAX_LEAD_TIME_WORKING_DAYS,
    Supplier,
    calendar_days,
    expected_on,
    next_cut_off,
    order_day,
)

DAYS = st.dates(date(2024, 1, 1), date(2027, 12, 31))
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(["UTC", "Europe/London", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "Asia/Kathmandu"])
SUPPLIERS = st.builds(
    Supplier,
    st.just("acme"),
    st.just("Acme"),
    st.integers(0, 30).map(lambda days: ((days, 1.0),)),
    order_weekdays=st.lists(st.integers(0, 6), unique=True).map(tuple),
    cut_off=st.none() | st.times(),
    closed_dates=st.lists(DAYS, max_size=MAX_CLOSED_DATES, unique=True).map(tuple),
    lead_time_unit=st.sampled_from(["calendar", "working"]),
)


def acme(days: int = 3, **terms) -> Supplier:
    return Supplier("acme", "Acme", ((days, 1.0),), **terms)


@given(SUPPLIERS, MOMENTS, ZONES)
def test_an_order_is_taken_on_an_order_day_and_never_after_its_cut_off(supplier, now, zone):
    day, cut_off = next_cut_off(supplier, now, zone)
    assert supplier.takes_orders_on(day)
    assert now <= cut_off
    assert day >= now.astimezone(ZoneInfo(zone)).date()


@given(SUPPLIERS, MOMENTS, ZONES)
def test_the_cut_off_itself_still_counts_and_the_next_moment_is_for_a_later_day(supplier, now, zone):
    day, cut_off = next_cut_off(supplier, now, zone)
    assert next_cut_off(supplier, cut_off, zone) == (day, cut_off)
    assert next_cut_off(supplier, cut_off.astimezone(UTC) + timedelta(microseconds=1), zone)[0] > day


@given(SUPPLIERS, MOMENTS, ZONES, st.timedeltas(timedelta(0), timedelta(days=60)))
def test_who_orders_later_is_never_expected_earlier(supplier, now, zone, waited):
    first, second = (next_cut_off(supplier, moment, zone)[0] for moment in (now, now + waited))
    assert first <= second
    assert expected_on(supplier, first) <= expected_on(supplier, second)


@given(st.integers(0, MAX_LEAD_TIME_WORKING_DAYS), st.lists(DAYS, max_size=MAX_CLOSED_DATES, unique=True), DAYS)
def test_working_days_are_the_weekdays_that_are_not_closed(days, closed, start):
    length = calendar_days(days, "working", closed, start)
    passed = [start + timedelta(days=number) for number in range(1, length + 1)]
    assert sum(day.weekday() < 5 and day not in closed for day in passed) == days
    assert not passed or (passed[-1].weekday() < 5 and passed[-1] not in closed)
    assert length <= MAX_LEAD_TIME_DAYS


def test_a_friday_order_of_three_working_days_comes_on_wednesday():
    friday = date(2026, 3, 13)
    assert expected_on(acme(lead_time_unit="working"), friday) == date(2026, 3, 18)
    assert expected_on(acme(), friday) == date(2026, 3, 16)


def test_the_mean_of_lead_times_is_rounded_up_but_not_for_a_floating_point_crumb():
    day = date(2026, 3, 10)
    for lead_times, days in ((((5, 0.5), (8, 0.5)), 7), (((7, 1.0),), 7), (((1, 0.1), (2, 0.2), (3, 0.7)), 3)):
        assert (expected_on(Supplier("acme", "Acme", lead_times), day) - day).days == days


def test_an_order_of_a_closed_day_is_taken_on_the_next_order_day():
    supplier = acme(order_weekdays=(0, 3), closed_dates=(date(2026, 3, 12),))
    assert order_day(supplier, date(2026, 3, 10)) == date(2026, 3, 16)
    assert order_day(supplier, date(2026, 3, 9)) == date(2026, 3, 9)


def test_a_cut_off_is_local_time_on_both_sides_of_a_clock_change():
    supplier = acme(cut_off=time(15, 30))
    for day, hour in ((28, 15), (29, 14)):
        _, cut_off = next_cut_off(supplier, datetime(2026, 3, day, 9, tzinfo=UTC), "Europe/London")
        assert cut_off.astimezone(UTC) == datetime(2026, 3, day, hour, 30, tzinfo=UTC)


def test_without_a_cut_off_the_day_lasts_to_its_local_end():
    day, cut_off = next_cut_off(acme(), datetime(2026, 7, 1, 22, 30, tzinfo=UTC), "Europe/London")
    assert (day, cut_off.astimezone(UTC).hour) == (date(2026, 7, 1), 22)
    day, _ = next_cut_off(acme(), datetime(2026, 7, 1, 23, 30, tzinfo=UTC), "Europe/London")
    assert day == date(2026, 7, 2)
