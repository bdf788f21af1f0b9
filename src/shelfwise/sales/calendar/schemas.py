"""Bodies and answers of the routes about the calendar."""

from datetime import date
from typing import Annotated, Literal, TypedDict

import msgspec

from shelfwise.sales.calendar.rules import MAX_ENTRIES, MAX_NAME, Entry


class CalendarEntry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is on a day: an `event` whose effect on demand is learned by its name, or `closed` for nothing is sold."""

    day: date
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
    kind: Literal["event", "closed"] = "event"

    def entry(self) -> Entry:
        """The entry that it names."""
        return Entry(self.day, self.name, self.kind)


class NewCalendar(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole calendar, past and future, in place of the one that is kept."""

    entries: Annotated[list[CalendarEntry], msgspec.Meta(max_length=MAX_ENTRIES)]


class CalendarEntryView(TypedDict):
    day: str
    name: str
    kind: str


class CalendarPage(TypedDict):
    items: list[CalendarEntryView]
    next: str | None


class CalendarStored(TypedDict):
    """How many entries the calendar has now."""

    entries: int


def entry_view(entry: Entry) -> CalendarEntryView:
    """The entry as it is shown."""
    return CalendarEntryView(day=entry.day.isoformat(), name=entry.name, kind=entry.kind)
