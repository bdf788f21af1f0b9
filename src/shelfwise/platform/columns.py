"""Column types that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

#: Money is stored as whole ten-thousandths of the currency unit: exact on both databases, and finer than any
#: currency's minor unit so that unit costs below a cent survive.
MONEY_SCALE = Decimal(10_000)


class Money(TypeDecorator[Decimal]):
    """Decimal amount of the tenant's currency; sums in SQL stay exact."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        del dialect
        if value is None:
            return None
        return int((value * MONEY_SCALE).to_integral_value(rounding=ROUND_HALF_EVEN))

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        del dialect
        return None if value is None else Decimal(value) / MONEY_SCALE


class Instant(TypeDecorator[datetime]):
    """Aware instant, UTC; SQLite keeps no zone of its own."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("An instant needs a time zone.")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


#: Minor digits of currencies that do not have two (ISO 4217).
_MINOR_DIGITS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    "CLF": 4,
    "UYW": 4,
}


def minor_digits(currency: str) -> int:
    """Digits after the point of an ISO 4217 currency: 0 for JPY, 3 for KWD, mostly 2."""
    return _MINOR_DIGITS.get(currency, 2)


def money_number(amount: Decimal, currency: str) -> float:
    """The JSON number of an amount: rounded half to even at the currency's minor digits."""
    return float(round(amount, minor_digits(currency)))


BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
