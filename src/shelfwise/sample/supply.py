"""How the simulated buyer keeps one product in stock: reviews, orders, deliveries."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate

from shelfwise.sample.flow import HISTORY_DAYS, Flow
from shelfwise.sample.models import SampleProduct, SampleSupplier
from shelfwise.sample.stockouts import FIRST_DAY, StockOut


class Care(Enum):
    """How the buyer treats a product."""

    STEADY = "reviewed on every order day"
    NEGLECTED = "not reviewed for the last weeks"
    OVERSTOCKED = "opened with more than half a year's stock"


@dataclass(slots=True)
class Delivery:
    """An order line: days are numbered from the opening day; ``arrives`` past the last day means still open."""

    ordered: int
    arrives: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Supply:
    """What the simulation decided for one product."""

    opening: int
    deliveries: tuple[Delivery, ...]


def simulate_supply(
    flow: Flow,
    product: SampleProduct,
    supplier: SampleSupplier,
    stock_outs: Sequence[StockOut],
    care: Care,
    lead_time: Callable[[int], int],
    rng: random.Random,
) -> Supply:
    """Order and receive day by day so that no line finds an empty shelf and each stock-out happens.

    ``lead_time`` gives the days that an order placed on a given day takes. Orders are whole packs of at least the
    MOQ. Where the buyer's plain rule would have come too late for a recorded sale, the order is taken to have been
    placed earlier: the sale is known to have happened.
    """
    return _Buyer(flow, product, supplier, stock_outs, care, lead_time, rng).run()


class _Buyer:
    def __init__(
        self,
        flow: Flow,
        product: SampleProduct,
        supplier: SampleSupplier,
        stock_outs: Sequence[StockOut],
        care: Care,
        lead_time: Callable[[int], int],
        rng: random.Random,
    ) -> None:
        self.flow, self.product, self.supplier, self.stock_outs = flow, product, supplier, stock_outs
        self.lead_time, self.rng = lead_time, rng
        self.cumulative = flow.cumulative()
        self.demand = list(accumulate((*flow.history, *flow.net), initial=0))
        self.cover_days = rng.randint(14, 35)
        self.last_review = flow.days + 1 - (rng.randint(10, 45) if care is Care.NEGLECTED else 0)
        self.deliveries: list[Delivery] = []
        self.sold = 0
        self.opening = self.balance = self.opening_balance(care)

    def run(self) -> Supply:
        ends = {stock_out.received_on for stock_out in self.stock_outs}
        for day in range(self.flow.days):
            if day in ends:
                self.expedite(day, day)
            self.balance += sum(delivery.quantity for delivery in self.deliveries if delivery.arrives == day)
            self.cover(day)
            self.balance -= self.flow.net[day]
            self.sold += self.flow.net[day]
            self.review(day)
        if self.stock_outs and self.stock_outs[-1].received_on is None and self.rng.random() < 0.6:
            self.order_at_the_end()
        return Supply(self.opening, tuple(self.deliveries))

    def opening_balance(self, care: Care) -> int:
        """At least a week's outflow and one unit; exactly what reaches the first stock-out, give or take packs."""
        first_week = max(1, self.flow.highest()[min(FIRST_DAY, self.flow.days - 1)])
        mean = self.mean_demand(0) or max(0.0, sum(self.flow.net) / self.flow.days)
        if care is Care.OVERSTOCKED:
            return max(first_week, sum(self.flow.net), 0) + self.whole_packs(mean * self.rng.randint(200, 330) + 1)
        wanted = max(first_week, round(mean * self.rng.randint(15, 50)))
        if not self.stock_outs:
            return wanted
        target = self.cumulative[self.stock_outs[0].empty_from]
        missing = (target - wanted) // self.product.pack_size * self.product.pack_size
        return target if missing < self.product.moq else target - missing

    def mean_demand(self, day: int) -> float:
        """Mean daily outflow of the ``HISTORY_DAYS`` before a day."""
        return max(0, self.demand[day + HISTORY_DAYS] - self.demand[day]) / HISTORY_DAYS

    def position(self) -> int:
        """What is on the shelf and on its way."""
        return self.opening + sum(delivery.quantity for delivery in self.deliveries) - self.sold

    def allowed(self, day: int) -> int | None:
        """Units that can still come in before the next stock-out; None when none is to come."""
        for stock_out in self.stock_outs:
            if stock_out.empty_from >= day:
                return self.cumulative[stock_out.empty_from] - self.sold - self.position()
        return None

    def order_size(self, day: int, least: int) -> int:
        """Up to the cover, at least ``least``; what a stock-out leaves over is never less than the MOQ."""
        mean = self.mean_demand(day) if day < self.last_review else 0.0
        wanted = mean * (self.supplier.lead_time_days + self.cover_days) * 1.3 - self.position()
        size = self.whole_packs(max(self.product.moq, least, wanted))
        allowed = self.allowed(day)
        return size if allowed is None or allowed - size >= self.product.moq else allowed

    def whole_packs(self, units: float) -> int:
        return math.ceil(units / self.product.pack_size) * self.product.pack_size

    def review(self, day: int) -> None:
        """On the supplier's order days: order when the position is at or below the reorder point."""
        is_order_day = self.flow.date_of(day).weekday() in self.supplier.order_weekdays
        if not is_order_day or day >= self.last_review or self.is_empty(day):
            return
        mean = self.mean_demand(day + 1)
        reorder_point = mean * (self.supplier.lead_time_days + 3) * 1.4
        allowed = self.allowed(day + 1)
        if mean > 0 and self.position() <= reorder_point and (allowed is None or allowed > 0):
            size = self.order_size(day + 1, 0)
            self.deliveries.append(Delivery(day, self.working_day_from(day + self.lead_time(day)), size))

    def is_empty(self, day: int) -> bool:
        """Whether a planned stock-out has started and the receipt that ends it is still to come."""
        return any(
            stock_out.empty_from <= day < (self.flow.days if stock_out.received_on is None else stock_out.received_on)
            for stock_out in self.stock_outs
        )

    def cover(self, day: int) -> None:
        """Bring forward or add deliveries until the day's lines are covered."""
        while self.balance < self.flow.peak[day]:
            late = min(
                (delivery for delivery in self.deliveries if delivery.arrives > day),
                key=lambda delivery: delivery.arrives,
                default=None,
            )
            arrival = self.working_day_to(day)
            if late is None:
                self.balance += self.expedite(day, arrival)
            else:
                late.arrives, late.ordered = arrival, self.order_day_for(arrival)
                self.balance += late.quantity

    def expedite(self, day: int, arrival: int) -> int:
        """Order, in time to be received on ``arrival``, what the lines of ``day`` need; returns the quantity."""
        size = self.order_size(day, self.flow.peak[day] - self.balance)
        self.deliveries.append(Delivery(self.order_day_for(arrival), arrival, size))
        return size

    def order_day_for(self, arrival: int) -> int:
        """An order weekday of the supplier from which its lead time leads to the arrival, drawn by probability."""
        fitting = [
            (arrival - days, probability)
            for days, probability in self.supplier.lead_times
            if self.flow.date_of(arrival - days).weekday() in self.supplier.order_weekdays
        ]
        if not fitting:
            return arrival - self.supplier.lead_time_days
        days, weights = zip(*fitting, strict=True)
        return int(self.rng.choices(days, weights)[0])

    def order_at_the_end(self) -> None:
        """A shelf that is empty at the end may have an order on its way, some of them overdue."""
        ordered = self.flow.days - 1 - self.rng.randint(0, self.supplier.lead_time_days + 3)
        while self.flow.date_of(ordered).weekday() not in self.supplier.order_weekdays:
            ordered -= 1
        size = self.order_size(self.flow.days, 0)
        arrives = max(self.flow.days, self.working_day_from(ordered + self.lead_time(ordered)))
        self.deliveries.append(Delivery(ordered, arrives, size))

    def working_day_from(self, day: int) -> int:
        return next(later for later in range(day, day + 7) if self.flow.is_working_day(later))

    def working_day_to(self, day: int) -> int:
        return next(earlier for earlier in range(day, day - 7, -1) if self.flow.is_working_day(earlier))
