"""The one policy: from a product's stock and the distribution of its demand to what to order.

s is the smallest level that suffices over lead time + review with the service level's probability, the lead time mixed
exactly; S the smallest that suffices over the days to cover. At or below s, order up to S, in packs, MOQ at least.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfwise.planning.demand import TotalDemandTable
from shelfwise.planning.stock import (
    cover_days,
    days_of_cover,
    expected_stockout_day,
    margin_at_risk,
    needs_reorder,
    order_up_to_level,
    projected_stock,
    recommend,
    reorder_point_mixture,
    urgency,
)

MAX_HORIZON_DAYS = 180
#: What a decision reads of a forecast.
FORECAST_KEYS = ("totals", "levels", "predicted_demand", "recommended_stock_level", "forecast_days", "service_level")
URGENCIES = ("critical", "high", "medium", "low", "none")
F = NDArray[np.float64]
Forecast = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """A product as catalogue, ledger and suppliers know it. ``receipts``: (expected day, units) still to come."""

    product_id: str
    sku: str
    name: str
    replenished: bool
    available: int
    on_hand: int
    receipts: tuple[tuple[date, int], ...]
    lead_times: tuple[tuple[int, float], ...]
    review_period_days: int
    cover_days: int
    service_level: float
    moq: int
    pack_size: int
    max_stock: int | None
    unit_cost: Decimal | None
    price: Decimal | None
    supplier_id: str | None

    @property
    def on_order(self) -> int:
        return sum(units for _, units in self.receipts)

    @property
    def position(self) -> int:
        """What is available or will be: backorders are already negative in what is available."""
        return self.available + self.on_order

    @property
    def reach_days(self) -> int:
        """Longest lead time + review."""
        return max(days for days, _ in self.lead_times) + self.review_period_days

    @property
    def horizon_days(self) -> int:
        """Days of demand that the decision looks at."""
        return min(max(self.cover_days, self.reach_days), MAX_HORIZON_DAYS)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says of one product. Days count from today, the first of them today itself."""

    reorder_point: int
    order_up_to_level: int
    safety_stock: float
    position: int
    available: int
    on_order: int
    overdue: int
    needs_reorder: bool
    needed: int
    order_quantity: int
    held_by_max_stock: bool
    urgency: str
    expected_stockout_date: date | None
    days_of_cover: float | None
    mean_daily_demand: float
    demand_30_days: float
    margin_at_risk: Decimal | None
    lead_time_days: float
    cover_days: int


def total_days(facts: Sequence[Facts]) -> list[int]:
    """Which totals of the forecast the decisions need: each day up to the longest reach, then the covers."""
    reach = min(max(fact.reach_days for fact in facts), MAX_HORIZON_DAYS)
    covers = {min(fact.horizon_days, MAX_HORIZON_DAYS) for fact in facts}
    return sorted({*range(1, reach + 1), *covers, 30})


def decide(facts: Sequence[Facts], forecasts: Sequence[Forecast | None], today: date) -> list[Decision | None]:
    """The decision for each product; None where its forecast gives no distribution to decide on."""
    decisions: list[Decision | None] = [None] * len(facts)
    for rows, table in _tables(forecasts):
        found = _decide([facts[row] for row in rows], table, today)
        for row, decision in zip(rows, found, strict=True):
            decisions[row] = decision
    return decisions


def _tables(forecasts: Sequence[Forecast | None]) -> list[tuple[list[int], TotalDemandTable]]:
    """Products whose forecasts have the same shape, with one table for all of them."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row, forecast in enumerate(forecasts):
        shape = None if forecast is None else _shape(forecast)
        if shape is not None:
            groups.setdefault(shape, []).append(row)
    tables = []
    for shape, rows in groups.items():
        members = [forecast for row in rows if (forecast := forecasts[row]) is not None]
        tables.append((rows, _table(shape, members)))
    return tables


def _shape(forecast: Forecast) -> tuple[Any, ...] | None:
    totals, levels = forecast.get("totals"), forecast.get("levels")
    if totals and levels:
        return ("totals", tuple(total["days"] for total in totals), tuple(levels))
    if forecast.get("predicted_demand") is None or forecast.get("recommended_stock_level") is None:
        return None
    return ("summary", int(forecast.get("forecast_days", 30)), float(forecast.get("service_level", 0.95)))


def _table(shape: tuple[Any, ...], members: Sequence[Forecast]) -> TotalDemandTable:
    if shape[0] == "summary":
        means = [float(member["predicted_demand"]) for member in members]
        levels = [float(member["recommended_stock_level"]) for member in members]
        return TotalDemandTable.from_summary(means, shape[2], levels, shape[1])
    return TotalDemandTable(
        shape[1],
        shape[2],
        [[total["quantiles"] for total in member["totals"]] for member in members],
        [[total["mean"] for total in member["totals"]] for member in members],
    )


def _decide(facts: Sequence[Facts], table: TotalDemandTable, today: date) -> list[Decision]:
    review = np.array([fact.review_period_days for fact in facts], float)
    alpha = np.array([fact.service_level for fact in facts], float)
    times, weights = _lead_times(facts)
    mean_lead = (times * weights).sum(axis=1)
    waits = times + review[:, None]
    parts = np.stack([table.quantile(alpha, wait) for wait in waits.T])
    s = reorder_point_mixture(table.cdf, waits, weights, alpha, (parts.min(axis=0), parts.max(axis=0)))
    cover = cover_days([fact.cover_days for fact in facts], times.max(axis=1), review, 0.0, table.mean(1))
    enough = table.quantile(alpha, cover)
    level = order_up_to_level(table.cdf, s, cover, alpha, (enough, enough))
    position = np.array([fact.position for fact in facts], float)
    order = recommend(
        position,
        s,
        level,
        [fact.moq for fact in facts],
        [fact.pack_size for fact in facts],
        [np.inf if fact.max_stock is None else fact.max_stock for fact in facts],
    )
    days = int(np.ceil((mean_lead + review).max()))
    horizon = max(days, int(cover.max()))
    mean = np.diff(table.running_mean(horizon), axis=1, prepend=0.0)
    available = np.array([fact.available for fact in facts], float)
    receipts = _receipts(facts, today, horizon)
    projected = projected_stock(available, receipts, mean)
    soon = table.mean(review)
    pressing = urgency(projected, position, s, soon, np.ceil(mean_lead), review)
    exposed = np.ceil(mean_lead + review)
    arriving = (receipts * (np.arange(horizon) < exposed[:, None])).sum(axis=1)
    risk = margin_at_risk(
        table.expected_shortage, available + arriving, exposed, _prices(facts, "price"), _prices(facts, "unit_cost")
    )
    empty, covered = expected_stockout_day(projected), days_of_cover(available, mean)
    safety = s - table.mean(exposed)
    due, month = needs_reorder(position, s), table.mean(30)
    return [
        Decision(
            reorder_point=int(s[row]),
            order_up_to_level=int(level[row]),
            safety_stock=round(float(safety[row]), 2),
            position=fact.position,
            available=fact.available,
            on_order=fact.on_order,
            overdue=sum(units for expected, units in fact.receipts if expected < today),
            needs_reorder=bool(due[row]),
            needed=int(order.needed[row]),
            order_quantity=int(order.quantity[row]),
            held_by_max_stock=bool(order.held_by_max_stock[row]),
            urgency=str(pressing[row]),
            expected_stockout_date=None if empty[row] < 0 else today + timedelta(days=int(empty[row])),
            days_of_cover=None if np.isnan(covered[row]) else round(float(covered[row]), 1),
            mean_daily_demand=round(float(month[row]) / 30, 4),
            demand_30_days=round(float(month[row]), 2),
            margin_at_risk=None if np.isnan(risk[row]) else Decimal(f"{risk[row]:.4f}"),
            lead_time_days=round(float(mean_lead[row]), 2),
            cover_days=int(cover[row]),
        )
        for row, fact in enumerate(facts)
    ]


def _lead_times(facts: Sequence[Facts]) -> tuple[F, F]:
    """(n, m) lead times and probabilities; shorter lists are filled with the first time at probability 0."""
    width = max(len(fact.lead_times) for fact in facts)
    times = np.array([[fact.lead_times[0][0]] * width for fact in facts], float)
    weights = np.zeros((len(facts), width))
    for row, fact in enumerate(facts):
        share = sum(probability for _, probability in fact.lead_times)
        for column, (days, probability) in enumerate(fact.lead_times):
            times[row, column], weights[row, column] = days, probability / share
    return times, weights


def _receipts(facts: Sequence[Facts], today: date, horizon: int) -> F:
    """(n, horizon) units that come in by day; an overdue order is expected tomorrow at the earliest."""
    out = np.zeros((len(facts), horizon))
    for row, fact in enumerate(facts):
        for expected, units in fact.receipts:
            day = (expected - today).days
            day = 1 if day < 0 else day
            if day < horizon:
                out[row, day] += units
    return out


def _prices(facts: Sequence[Facts], name: str) -> F:
    return np.array([np.nan if getattr(fact, name) is None else float(getattr(fact, name)) for fact in facts])


def sentence(fact: Facts, decision: Decision) -> str:
    """The decision as a planner reads it."""
    stock = f"{decision.available} available and {decision.on_order} on order"
    if not decision.needs_reorder:
        text = f"No order: {stock} are above the reorder point {decision.reorder_point}."
        if decision.urgency == "critical":
            text += " Stock runs out before an order placed today could arrive: expedite what is on order."
        return text
    text = (
        f"Order {decision.order_quantity}: {stock} are at or below the reorder point {decision.reorder_point}; "
        f"{decision.needed} reach the level {decision.order_up_to_level}, which covers {decision.cover_days} days at "
        f"{fact.service_level:.0%}"
    )
    if decision.order_quantity > decision.needed:
        text += f", rounded up to packs of {fact.pack_size} and at least {fact.moq}"
    if decision.held_by_max_stock:
        text += f", held to the maximum stock of {fact.max_stock}"
    return text + "."
