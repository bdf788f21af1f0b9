"""The tenant's calendar: named events on days, and days on which it is closed. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shelfwise.platform.tenancy import FIRST_YEAR, LAST_YEAR, in_calendar
from shelfwise.sales.identifiers import text_problem
from shelfwise.sales.rows import RowError, read_day

Flags = NDArray[np.bool_]
EVENT, CLOSED = KINDS = ("event", "closed")
MAX_NAME = 100
#: More names than that say nothing together: each is learned from its own few days.
MAX_NAMES = 50
MAX_ENTRIES = 5000
NEEDED = ("day", "name")
OPTIONAL = ("kind",)


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A day, the name of what is on it, and its kind: ``event``, or ``closed`` for nothing is sold."""

    day: date
    name: str
    kind: str


class CalendarDays(NamedTuple):
    """(D,) flags by event name, and (D,) days that are closed."""

    events: dict[str, Flags]
    closed: Flags


def days_of(entries: Iterable[Entry], start: date, days: int) -> CalendarDays:
    """What the calendar says of ``days`` days from ``start``; events without a day among them are left out."""
    events: dict[str, Flags] = {}
    closed = np.zeros(days, dtype=bool)
    for entry in sorted(entries):
        at = (entry.day - start).days
        if 0 <= at < days:
            flags = closed if entry.kind == CLOSED else events.setdefault(entry.name, np.zeros(days, dtype=bool))
            flags[at] = True
    return CalendarDays({name: events[name] for name in sorted(events)}, closed)


def calendar_problem(entries: Iterable[Entry]) -> tuple[str, str] | None:
    """Field and reason why a calendar cannot be kept, or None."""
    found = list(entries)
    if len(found) > MAX_ENTRIES:
        return "entries", f"are {len(found)}: at most {MAX_ENTRIES} can be kept"
    names = {entry.name for entry in found if entry.kind == EVENT}
    if len(names) > MAX_NAMES:
        return "entries", f"name {len(names)} different events: at most {MAX_NAMES} can be kept"
    return None


def entry_problem(entry: Entry) -> tuple[str, str] | None:
    """Field and reason why an entry cannot be kept, or None."""
    if not 1 <= len(entry.name) <= MAX_NAME or text_problem(entry.name):
        return "name", f"must have 1 to {MAX_NAME} characters that can be stored"
    if not in_calendar(entry.day):
        return "day", f"must be in the years {FIRST_YEAR} to {LAST_YEAR}"
    if entry.kind not in KINDS:
        return "kind", f"{entry.kind[:40]!r} is not one of {', '.join(KINDS)}"
    return None


def read_entry(values: dict[str, str]) -> Entry:
    """The entry of a CSV row.

    Raises:
        RowError: a value cannot be read.
    """
    entry = Entry(read_day(values["day"], "day"), values["name"], values["kind"] or EVENT)
    wrong = entry_problem(entry)
    if wrong is not None:
        raise RowError(f"{wrong[0]}: {wrong[1]}")
    return entry
