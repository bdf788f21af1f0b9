"""Stock, suppliers' deliveries and open orders, simulated from a sample's sales with a fixed seed.

The data set has no stock. What is made here is plausible and coherent with the sales: in the ledger (openings,
receipts, lines, in time order) no recorded sale finds too little stock, shelves stand empty only on days without
sales, and the end is a mix of well stocked, low, empty, excessive and dead products.
"""

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from shelfwise.sample.flow import Flow, flows_of
from shelfwise.sample.models import (
    SampleLine,
    SampleMovement,
    SampleOpenOrder,
    SampleOpenOrderLine,
    SampleProduct,
    SampleSupplier,
)
from shelfwise.sample.stockouts import plan_stock_outs
from shelfwise.sample.supply import Care, Supply, simulate_supply

SEED = 1201
LEDGER_DAYS = 120
OPENING_REASON = "simulated opening balance"
RECEIPT_REASON = "simulated receipt"
#: Before the wholesaler's first order of any day.
RECEIPT_TIME = time(6, 0)
EMPTY_AT_END, OVERSTOCKED, NEGLECTED, EMPTY_BETWEEN = 0.05, 0.07, 0.28, 0.35


@dataclass(frozen=True, slots=True)
class SimulatedStock:
    """Movements in time order and the orders still open."""

    movements: tuple[SampleMovement, ...]
    open_orders: tuple[SampleOpenOrder, ...]


def default_opening_day(today: date) -> date:
    """The first of the ledger's ``LEDGER_DAYS`` complete days."""
    return today - timedelta(days=LEDGER_DAYS)


def simulate_stock(
    products: Sequence[SampleProduct],
    suppliers: Sequence[SampleSupplier],
    lines: Sequence[SampleLine],
    opening_day: date,
    today: date,
    time_zone: str,
) -> SimulatedStock:
    """Simulate from ``opening_day`` to the day before ``today``; ``lines`` are in time order.

    Raises ValueError when the ledger would have fewer than 28 days.
    """
    if (today - opening_day).days < 28:
        raise ValueError(f"opening_day {opening_day} must lie at least 28 days before {today}")
    by_id = {supplier.supplier_id: supplier for supplier in suppliers}
    flows = flows_of([product.sku for product in products], lines, opening_day, today)
    lead_times = {supplier.supplier_id: _lead_times(supplier, opening_day) for supplier in suppliers}
    supplies = [
        (
            product,
            _supply_of(
                product,
                by_id[product.supplier_id],
                flows[product.sku],
                lead_times[product.supplier_id],
            ),
        )
        for product in products
    ]
    zone = ZoneInfo(time_zone)
    return _documents(supplies, by_id, opening_day, today, zone)


def _supply_of(product: SampleProduct, supplier: SampleSupplier, flow: Flow, lead_time: Callable[[int], int]) -> Supply:
    rng = random.Random(f"{SEED}:{product.product_id}")  # noqa: S311 - a simulation, not a secret
    fate = rng.random()
    care = Care.STEADY
    if EMPTY_AT_END <= fate < EMPTY_AT_END + OVERSTOCKED:
        care = Care.OVERSTOCKED
    elif fate > 1 - NEGLECTED:
        care = Care.NEGLECTED
    count = rng.choice((1, 1, 2)) if rng.random() < EMPTY_BETWEEN else 0
    stock_outs = (
        [] if care is Care.OVERSTOCKED else plan_stock_outs(flow, product, rng, count=count, at_end=fate < EMPTY_AT_END)
    )
    return simulate_supply(flow, product, supplier, stock_outs, care, lead_time, rng)


def _lead_times(supplier: SampleSupplier, opening_day: date) -> Callable[[int], int]:
    """The lead time of the supplier's order of a day: one draw for all products on it."""
    days, weights = zip(*supplier.lead_times, strict=True)

    def lead_time(ordered: int) -> int:
        day = opening_day + timedelta(days=ordered)
        rng = random.Random(f"{SEED}:{supplier.supplier_id}:{day}")  # noqa: S311 - a simulation, not a secret
        return int(rng.choices(days, weights)[0])

    return lead_time


def _documents(
    supplies: Sequence[tuple[SampleProduct, Supply]],
    suppliers: dict[str, SampleSupplier],
    opening_day: date,
    today: date,
    zone: ZoneInfo,
) -> SimulatedStock:
    """Gather order lines into purchase orders: one for each supplier, order day and arrival."""
    openings = []
    orders: dict[tuple[date, str, date | None], list[tuple[SampleProduct, int]]] = defaultdict(list)
    for product, supply in supplies:
        openings.append(_opening(product, supply.opening, datetime.combine(opening_day, time(0), zone)))
        for delivery in supply.deliveries:
            arrival = opening_day + timedelta(days=delivery.arrives)
            received_on = arrival if arrival < today else None
            ordered_on = opening_day + timedelta(days=delivery.ordered)
            orders[ordered_on, product.supplier_id, received_on].append((product, delivery.quantity))
    receipts, open_orders = [], []
    for number, key in enumerate(sorted(orders, key=lambda key: (key[2] or today, key[0], key[1])), start=1):
        ordered_on, supplier_id, received_on = key
        reference = f"SIM-PO-{number:04d}"
        if received_on is None:
            order_lines = _at_least(orders[key], suppliers[supplier_id].min_order_value)
            open_orders.append(_open_order(reference, suppliers[supplier_id], ordered_on, order_lines))
        else:
            received_at = datetime.combine(received_on, RECEIPT_TIME, zone)
            receipts += [
                _receipt(product, quantity, received_at, reference, ordered_on) for product, quantity in orders[key]
            ]
    return SimulatedStock((*openings, *receipts), tuple(open_orders))


def _opening(product: SampleProduct, quantity: int, occurred_at: datetime) -> SampleMovement:
    return SampleMovement(
        kind="opening",
        product_id=product.product_id,
        quantity=quantity,
        occurred_at=occurred_at,
        unit_cost=product.unit_cost,
        reference="SIM-OPENING",
        reason=OPENING_REASON,
    )


def _receipt(
    product: SampleProduct, quantity: int, occurred_at: datetime, reference: str, ordered_on: date
) -> SampleMovement:
    return SampleMovement(
        kind="receipt",
        product_id=product.product_id,
        quantity=quantity,
        occurred_at=occurred_at,
        unit_cost=product.unit_cost,
        reference=reference,
        reason=RECEIPT_REASON,
        supplier_id=product.supplier_id,
        ordered_on=ordered_on,
    )


def _open_order(
    reference: str,
    supplier: SampleSupplier,
    ordered_on: date,
    order_lines: Sequence[tuple[SampleProduct, int]],
) -> SampleOpenOrder:
    return SampleOpenOrder(
        reference=reference,
        supplier_id=supplier.supplier_id,
        ordered_on=ordered_on,
        expected_on=ordered_on + timedelta(days=supplier.lead_time_days),
        lines=tuple(
            SampleOpenOrderLine(product.product_id, quantity, product.unit_cost) for product, quantity in order_lines
        ),
    )


def _at_least(
    order_lines: list[tuple[SampleProduct, int]], min_order_value: Decimal
) -> list[tuple[SampleProduct, int]]:
    """The order topped up evenly, in whole packs, to the supplier's minimum."""
    value = sum((product.unit_cost * quantity for product, quantity in order_lines), Decimal(0))
    if value >= min_order_value:
        return order_lines
    factor = min_order_value / value
    return [
        (product, math.ceil(quantity * factor / product.pack_size) * product.pack_size)
        for product, quantity in order_lines
    ]
