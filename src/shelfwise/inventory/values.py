"""Values that every feature reads and writes alike: ids, quantities, money and cursors."""

import base64
import binascii
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated

import msgspec

from shelfwise.platform.columns import money_number
from shelfwise.platform.problems import InvalidError
from shelfwise.platform.tenancy import FIRST_YEAR, LAST_YEAR, in_calendar

MAX_QUANTITY = 10**9
MAX_MONEY = Decimal(10) ** 12
#: Clocks differ, and so do time zones; what lies further ahead is a mistake.
AHEAD = timedelta(days=1)

Quantity = Annotated[int, msgspec.Meta(ge=1, le=MAX_QUANTITY)]
#: JSON numbers are read as written, never through binary floating point.
Amount = Annotated[
    Decimal,
    msgspec.Meta(
        description="Amount of the tenant's currency, from 0 to 10^12: a number, or its digits as a string.",
        extra_json_schema={"type": ["number", "string"], "minimum": 0, "maximum": 10**12},
    ),
]
Limit = Annotated[int, msgspec.Meta(ge=1, le=100)]


def check_id(field: str, value: str) -> str:
    """The id itself when it can stand in a path.

    Raises:
        InvalidError: it cannot.
    """
    if not 1 <= len(value) <= 128 or "/" in value or value in {".", ".."} or not value.isprintable():
        raise InvalidError.of(field, "must be 1 to 128 printable characters without '/', and not '.' or '..'")
    return value


def check_text(field: str, value: str, most: int) -> str:
    """The text itself when it is neither empty nor longer than ``most`` nor carries control characters."""
    if not 1 <= len(value) <= most or not value.strip() or any(ord(letter) < 32 for letter in value):
        raise InvalidError.of(field, f"must be 1 to {most} characters, without control characters")
    return value


def check_code(field: str, value: str) -> str:
    """The code itself when Sales takes it too: 1 to 128 printable characters."""
    if not 1 <= len(value) <= 128 or not value.strip() or not value.isprintable():
        raise InvalidError.of(field, "must be 1 to 128 printable characters")
    return value


def check_amount(field: str, value: Decimal | None) -> Decimal | None:
    """The amount itself when it is finite and from 0 to 10^12."""
    if value is not None and (not value.is_finite() or not 0 <= value <= MAX_MONEY):
        raise InvalidError.of(field, "must be a number from 0 to 10^12")
    return value


def check_quantity(field: str, value: int) -> int:
    """The quantity itself when it is a whole number from 1 to 10^9."""
    if not 1 <= value <= MAX_QUANTITY:
        raise InvalidError.of(field, "must be a whole number from 1 to 10^9")
    return value


def check_moment(field: str, value: datetime | None, now: datetime) -> datetime:
    """The instant itself, now when there is none.

    Raises:
        InvalidError: it lies in the future, or in a year that cannot be reckoned with.
    """
    if value is None:
        return now
    if not in_calendar(value):
        raise InvalidError.of(field, f"must be between {FIRST_YEAR} and {LAST_YEAR}")
    if value > now + AHEAD:
        raise InvalidError.of(field, "lies in the future: correct the date, or leave it out for now")
    return value


def amount_of(field: str, text: str) -> Decimal | None:
    """The amount that a CSV cell holds; an empty one holds none."""
    if not text:
        return None
    try:
        return check_amount(field, Decimal(text))
    except InvalidOperation:
        raise InvalidError.of(field, f"{text[:40]!r} is not a number") from None


def quantity_of(field: str, text: str, default: int) -> int:
    """The quantity that a CSV cell holds; an empty one holds the default."""
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise InvalidError.of(field, f"{text[:40]!r} is not a whole number from 1 to 10^9")
    return check_quantity(field, int(text))


def number(amount: Decimal | None, currency: str) -> float | None:
    """The JSON number of an amount, at the currency's minor digits."""
    return None if amount is None else money_number(amount, currency)


def cost_number(amount: Decimal | None) -> float | None:
    """The JSON number of a unit cost, which may be finer than the currency's minor unit."""
    return None if amount is None else float(round(amount, 4))


def encode_cursor(position: str) -> str:
    """An opaque cursor that continues after ``position``."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str:
    """The position that a cursor continues after; empty for none.

    Raises:
        InvalidError: not a cursor of ours.
    """
    if not cursor:
        return ""
    try:
        position = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InvalidError.of("cursor", "is not a cursor that a list answered with", "query") from None
    if "\x00" in position:
        raise InvalidError.of("cursor", "is not a cursor that a list answered with", "query")
    return position
