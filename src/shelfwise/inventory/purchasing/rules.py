"""Suppliers and what they sell."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from shelfwise.platform.problems import InvalidError

MAX_LEAD_TIME_DAYS = 365
MAX_LEAD_TIMES = 64
_SLUG = re.compile(r"[^a-z0-9]+")
_SUPPLIER_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")

LeadTimes = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Supplier:
    """``lead_times``: (calendar days, probability), probabilities sum to 1. ``order_weekdays``: Monday = 0; empty:
    every day.
    """  # noqa: D205 - one sentence does not fit a line

    supplier_id: str
    name: str
    lead_times: LeadTimes
    order_weekdays: tuple[int, ...] = ()
    min_order_value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SupplierItem:
    """What a supplier asks for a product: cost of one base unit, least order and pack, in base units."""

    supplier_id: str
    product_id: str
    unit_cost: Decimal | None
    moq: int = 1
    pack_size: int = 1


def check_supplier(supplier: Supplier) -> Supplier:
    """The supplier itself when it is possible.

    Raises:
        InvalidError: something is not; it is named.
    """
    if not _SUPPLIER_ID.match(supplier.supplier_id):
        raise InvalidError.of("supplier_id", "must be 1 to 128 letters, digits, '.', '_' or '-'")
    if not 0 < len(supplier.name.strip()) <= 256 or not supplier.name.isprintable():
        raise InvalidError.of("name", "must be 1 to 256 printable characters")
    times = supplier.lead_times
    if not 1 <= len(times) <= MAX_LEAD_TIMES or len({days for days, _ in times}) != len(times):
        raise InvalidError.of("lead_times", f"must list 1 to {MAX_LEAD_TIMES} different numbers of days")
    if any(not 0 <= days <= MAX_LEAD_TIME_DAYS for days, _ in times):
        raise InvalidError.of("lead_times", f"days must be from 0 to {MAX_LEAD_TIME_DAYS}")
    if any(not 0 < share <= 1 for _, share in times) or not math.isclose(sum(p for _, p in times), 1.0, abs_tol=1e-6):
        raise InvalidError.of("lead_times", "probabilities must be over 0 and sum to 1")
    days = supplier.order_weekdays
    if len(set(days)) != len(days) or any(not 0 <= day <= 6 for day in days):
        raise InvalidError.of("order_weekdays", "must be different numbers from 0 (Monday) to 6 (Sunday)")
    return supplier


def slug(name: str) -> str:
    """A supplier's id made of its name."""
    return _SLUG.sub("-", name.casefold()).strip("-")[:100] or "supplier"
