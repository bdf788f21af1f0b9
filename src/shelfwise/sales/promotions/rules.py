"""Promotions: for which products, when, how strong, and at which price. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shelfwise.sales.identifiers import code_problem, text_problem
from shelfwise.sales.rows import RowError, read_day

F32 = NDArray[np.float32]
MAX_NAME = 200
MAX_PRICE = 1e12
#: A year and a day: a longer "promotion" is the usual price.
MAX_DAYS = 366
NEEDED = ("name", "first_day", "last_day")
OPTIONAL = ("product", "category", "strength", "price")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a promotion is: of one product, of a category, or (neither) of everything, on both days and between them.

    ``strength`` 0 to 1: how strong among the tenant's promotions. ``price`` in currency, where one is planned.
    """

    name: str
    product_id: str | None
    category: str | None
    first_day: date
    last_day: date
    strength: float
    price: Decimal | None

    @property
    def promotion_id(self) -> str:
        """The same terms have the same id, so that a promotion is never kept twice."""
        price = None if self.price is None else f"{self.price:.4f}"
        parts = (self.name, self.product_id, self.category, self.first_day, self.last_day, self.strength, price)
        return hashlib.sha256("\x1f".join(repr(str(part)) for part in parts).encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion that is kept."""

    promotion_id: str
    terms: Terms
    created_at: datetime


class Planned(NamedTuple):
    """(n, D) strength of each product's strongest promotion, 0 without one, and its price, NaN without one."""

    strength: F32
    price: F32


def planned(
    promotions: Iterable[Promotion], products: Sequence[tuple[str, str | None]], start: date, days: int
) -> Planned | None:
    """What promotions mean for products (id, category) on ``days`` days from ``start``; None: nothing.

    Where several meet, the strongest counts, and the lowest price.
    """
    strength = np.zeros((len(products), days), dtype=np.float32)
    price = np.full((len(products), days), np.nan, dtype=np.float32)
    rows_of = _places(products)
    everything = list(range(len(products)))
    found = False
    for promotion in promotions:
        terms = promotion.terms
        begin, end = max((terms.first_day - start).days, 0), min((terms.last_day - start).days + 1, days)
        key = (terms.product_id, terms.category)
        rows = everything if key == (None, None) else rows_of.get(key, [])
        if begin >= end or not rows:
            continue
        found = True
        where = np.ix_(rows, range(begin, end))
        strength[where] = np.maximum(strength[where], terms.strength)
        if terms.price is not None:
            price[where] = np.fmin(price[where], float(terms.price))
    return Planned(strength, price) if found else None


def terms_problem(terms: Terms) -> tuple[str, str] | None:
    """Field and reason why there can be no such promotion, or None."""
    days = (terms.last_day - terms.first_day).days
    named = 1 <= len(terms.name) <= MAX_NAME and text_problem(terms.name) is None
    one_kind = terms.product_id is None or terms.category is None
    priced = terms.price is None or 0 < terms.price <= Decimal(10**12)
    checks = (
        (
            "category",
            "give a product, a category, or neither for all products",
            one_kind,
        ),
        ("name", f"must have 1 to {MAX_NAME} characters that can be stored", named),
        ("category", "is empty or cannot be stored", terms.category != "" and text_problem(terms.category) is None),
        ("last_day", "must not be before first_day", days >= 0),
        ("last_day", f"must be within {MAX_DAYS} days: what is always so is no promotion", days < MAX_DAYS),
        ("strength", "must be between 0 and 1", 0.0 <= terms.strength <= 1.0),
        ("price", "must be above 0 and at most 10^12", priced),
    )
    return next(((field, reason) for field, reason, good in checks if not good), None)


def read_terms(values: dict[str, str]) -> Terms:
    """The promotion of a CSV row; its ``product_id`` is still the code as it stands there.

    Raises:
        RowError: a value cannot be read.
    """
    product = values["product"] or None
    if product is not None and (problem := code_problem(product)):
        raise RowError(f"product: {problem}")
    terms = Terms(
        name=values["name"],
        product_id=product,
        category=values["category"] or None,
        first_day=read_day(values["first_day"], "first_day"),
        last_day=read_day(values["last_day"], "last_day"),
        strength=1.0 if not values["strength"] else float(_number(values["strength"], "strength")),
        price=None if not values["price"] else round(_number(values["price"], "price"), 4),
    )
    wrong = terms_problem(terms)
    if wrong is not None:
        raise RowError(f"{wrong[0]}: {wrong[1]}")
    return terms


def _number(text: str, column: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise RowError(f"{column}: {text[:40]!r} is not a number") from error
    if not number.is_finite() or abs(number) > Decimal(10**13):
        raise RowError(f"{column}: {text[:40]!r} is out of range")
    return number


def _places(products: Sequence[tuple[str, str | None]]) -> dict[tuple[str | None, str | None], list[int]]:
    """Rows by (product, None) and by (None, category)."""
    found: dict[tuple[str | None, str | None], list[int]] = {}
    for at, (name, category) in enumerate(products):
        found[name, None] = [at]
        if category is not None:
            found.setdefault((None, category), []).append(at)
    return found
