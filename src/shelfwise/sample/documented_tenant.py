"""``tenant-1``, wholly simulated: the integration document's laptop with 150 sold in 30 days and 50 on hand."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from shelfwise.sample.models import SampleLine, SampleMovement, SampleProduct, SampleSupplier, SampleTenant
from shelfwise.sample.simulation import (
    OPENING_REASON,
    RECEIPT_REASON,
    RECEIPT_TIME,
    default_opening_day,
    simulate_stock,
)

TENANT_ID = "tenant-1"
TIME_ZONE = "America/New_York"
SEED = 123
HISTORY_DAYS = 180
RECENT_DAYS = 30
LAPTOPS_SOLD = 150
LAPTOPS_LEFT = 50
#: A delivery is called for when the next days would leave fewer laptops than this.
SAFETY_LAPTOPS = 15
WEEK = (1.1, 1.0, 1.0, 1.05, 1.2, 0.95, 0.7)

SUPPLIERS = (
    SampleSupplier("SUP-A", "Example Computers (simulated)", ((7, 1.0),), tuple(range(7)), Decimal(0)),
    SampleSupplier(
        "SUP-B",
        "Example Accessories (simulated)",
        ((4, 0.3), (5, 0.4), (6, 0.3)),
        (0, 2, 4),
        Decimal("100.00"),
    ),
)
LAPTOP = SampleProduct(
    "PRD-123", "LAP-001", "Laptop", "Computers", Decimal("1200.00"), Decimal("900.00"), 100, 100, "SUP-A"
)


@dataclass(frozen=True, slots=True)
class _Other:
    product: SampleProduct
    daily_orders: float
    units: tuple[int, ...]


def _other(
    number: int, name: str, category: str, price: str, cost: str, pack: int, daily: float, *units: int
) -> _Other:
    ids = f"PRD-{number}", f"{category[:3].upper()}-{number}"
    product = SampleProduct(*ids, name, category, Decimal(price), Decimal(cost), pack, pack, "SUP-B")
    return _Other(product, daily, units or (1,))


OTHERS = (
    _other(124, "Docking station", "Accessories", "189.00", "121.00", 5, 1.6),
    _other(125, "Wireless mouse", "Accessories", "29.90", "14.20", 20, 6.0, 1, 1, 1, 2),
    _other(126, "Mechanical keyboard", "Accessories", "89.00", "51.00", 10, 2.4, 1, 1, 2),
    _other(127, "27-inch monitor", "Displays", "319.00", "228.00", 4, 1.2, 1, 1, 2),
    _other(128, "USB-C cable, 2 m", "Cables", "12.50", "4.10", 50, 7.5, 1, 2, 2, 3),
    _other(129, "Laptop sleeve", "Accessories", "24.00", "9.80", 12, 2.0),
    _other(130, "Webcam", "Accessories", "74.50", "43.00", 6, 0.8),
    _other(131, "Headset", "Audio", "99.00", "58.00", 6, 1.1, 1, 1, 1, 4),
    _other(132, "Privacy filter", "Displays", "45.00", "22.50", 5, 0.25),
    _other(133, "Portable SSD, 1 TB", "Storage", "109.00", "77.00", 10, 1.5),
    _other(134, "Trackball", "Accessories", "69.00", "39.00", 3, 0.12),
)


def documented_tenant(today: date) -> SampleTenant:
    """The tenant as it is loaded on ``today``, its business date: 180 days of sales, the last 120 in the ledger."""
    opening_day = default_opening_day(today)
    laptops = laptop_sales(today)
    lines = _numbered([*_laptop_orders(laptops), *(order for other in OTHERS for order in _orders(other, today))])
    products = [other.product for other in OTHERS]
    stock = simulate_stock(products, SUPPLIERS, lines, opening_day, today, TIME_ZONE)
    ledger = [units for day, units in laptops if day >= opening_day]
    movements = [*stock.movements, *_laptop_movements(opening_day, ledger)]
    return SampleTenant(
        tenant_id=TENANT_ID,
        name="Example electronics shop (simulated)",
        time_zone=TIME_ZONE,
        currency="USD",
        business_date=today,
        opening_day=opening_day,
        simulated=True,
        attribution="Every figure of this tenant is simulated.",
        products=(LAPTOP, *products),
        suppliers=SUPPLIERS,
        lines=tuple(lines),
        movements=tuple(sorted(movements, key=lambda movement: movement.occurred_at)),
        open_orders=stock.open_orders,
    )


def laptop_sales(today: date) -> list[tuple[date, int]]:
    """Laptops sold on each of the ``HISTORY_DAYS`` days before ``today``: exactly 150 on the last 30, rising."""
    rng = random.Random(SEED)  # noqa: S311 - a simulation, not a secret
    days = [today - timedelta(days=ago) for ago in range(HISTORY_DAYS, 0, -1)]
    earlier = HISTORY_DAYS - RECENT_DAYS
    rates = [3.8 + 0.4 * day / earlier for day in range(earlier)]
    rates += [3.6 + 2.8 * day / (RECENT_DAYS - 1) for day in range(RECENT_DAYS)]
    wanted = [max(0.0, rate * WEEK[day.weekday()] + rng.gauss(0, 1.1)) for day, rate in zip(days, rates, strict=True)]
    units = [*_whole(wanted[:earlier], round(sum(wanted[:earlier]))), *_whole(wanted[earlier:], LAPTOPS_SOLD)]
    return list(zip(days, units, strict=True))


def _whole(weights: Sequence[float], total: int) -> list[int]:
    """Whole numbers in proportion to the weights that add up to the total, by largest remainder."""
    shares = [weight * total / sum(weights) for weight in weights]
    units = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda index: units[index] - shares[index])
    for index in by_remainder[: total - sum(units)]:
        units[index] += 1
    return units


_Order = tuple[str, str, int, Decimal]


def _laptop_orders(sales: Iterable[tuple[date, int]]) -> Iterator[_Order]:
    rng = random.Random(SEED + 1)  # noqa: S311 - a simulation, not a secret
    for day, total in sales:
        left = total
        while left > 0:
            units = min(left, rng.choice((1, 1, 1, 2)))
            left -= units
            yield _time_of(day, rng), LAPTOP.sku, units, LAPTOP.price


def _orders(other: _Other, today: date) -> Iterator[_Order]:
    """Orders that arrive one by one, independently of each other, with the week's shape."""
    rng = random.Random(f"{SEED}:{other.product.product_id}")  # noqa: S311 - a simulation, not a secret
    for ago in range(HISTORY_DAYS, 0, -1):
        day = today - timedelta(days=ago)
        rate = other.daily_orders * WEEK[day.weekday()]
        waited = rng.expovariate(rate)
        while waited < 1:
            yield _time_of(day, rng), other.product.sku, rng.choice(other.units), other.product.price
            waited += rng.expovariate(rate)


def _time_of(day: date, rng: random.Random) -> str:
    return f"{day}T{rng.randint(9, 17):02d}:{rng.randint(0, 59):02d}"


def _numbered(orders: list[_Order]) -> list[SampleLine]:
    return [
        SampleLine(f"SIM-{number:06d}", 1, ordered_at, sku, units, str(price), "sale", None, None)
        for number, (ordered_at, sku, units, price) in enumerate(sorted(orders), start=1)
    ]


def _laptop_movements(opening_day: date, sold: Sequence[int]) -> Iterator[SampleMovement]:
    """An opening and packs of 100 such that exactly ``LAPTOPS_LEFT`` are left at the end."""
    zone = ZoneInfo(TIME_ZONE)
    pack = LAPTOP.pack_size
    balance = pack + (LAPTOPS_LEFT + sum(sold)) % pack
    yield SampleMovement(
        "opening",
        LAPTOP.product_id,
        balance,
        datetime.combine(opening_day, time(0), zone),
        LAPTOP.unit_cost,
        "SIM-OPENING",
        OPENING_REASON,
    )
    for number, units in enumerate(sold):
        day = opening_day + timedelta(days=number)
        # A weekend's sales and the Monday's are covered by Friday's delivery.
        if day.weekday() < 5 and balance - sum(sold[number : number + 4]) < SAFETY_LAPTOPS:
            balance += pack
            yield SampleMovement(
                "receipt",
                LAPTOP.product_id,
                pack,
                datetime.combine(day, RECEIPT_TIME, zone),
                LAPTOP.unit_cost,
                f"SIM-PO-L{day:%y%m%d}",
                RECEIPT_REASON,
                LAPTOP.supplier_id,
                day - timedelta(days=7),
            )
        balance -= units
