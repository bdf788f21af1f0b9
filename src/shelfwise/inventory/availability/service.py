"""How much of each business day a product could be bought, for Sales' forecasts."""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter

from shelfwise.contracts.availability import (
    MAX_AVAILABILITY_DAYS,
    AvailabilityAnswer,
    AvailabilityQuery,
    ProductAvailability,
)
from shelfwise.inventory.availability.rules import StockChange, in_stock_shares, share_of_day
from shelfwise.inventory.catalogue.service import product_costs
from shelfwise.inventory.stock.service import Balance, stock_and_moves
from shelfwise.inventory.tenants.service import location_kinds, require_tenant
from shelfwise.platform.database import Database
from shelfwise.platform.problems import InvalidError
from shelfwise.platform.tenancy import FIRST_YEAR, LAST_YEAR, in_calendar


class AvailabilityService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def shares(self, tenant_id: str, query: AvailabilityQuery) -> AvailabilityAnswer:
        """In-stock share of each day for each product, over all stocking locations or the one asked.

        Days before the ledger knows the product are null. Time within a day comes from when movements occurred.

        Raises:
            InvalidError: no such days, or more than 1,100 of them.
        """
        start, end = _days(query)
        ids = list(dict.fromkeys(query.product_ids))
        async with self._database.read(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            known = await product_costs(connection, tenant_id, ids)
            kinds = await location_kinds(connection, tenant_id)
            places = {name for name, kind in kinds.items() if kind == "stock"}
            if query.location_id is not None:
                places &= {query.location_id}
            balances, moves = await stock_and_moves(connection, tenant_id, ids, start)
        by_product = {name: list(rows) for name, rows in groupby(moves, key=itemgetter(0))}
        zone = tenant.settings.time_zone
        items: list[ProductAvailability] = []
        for name in ids:
            if name not in known:
                continue
            on_hand, since = _state(name, places, balances)
            changes = [
                StockChange((day - start).days, share_of_day(instant, day, zone), delta)
                for _, source, target, quantity, instant, day in by_product.get(name, ())
                if (delta := quantity * ((target in places) - (source in places)))
            ]
            opening = on_hand - sum(change.delta for change in changes)
            inside = [change for change in changes if change.day < (end - start).days]
            shares: list[float | None] = [*in_stock_shares(opening, inside, (end - start).days)]
            unknown_days = len(shares) if since is None else min(max((since - start).days, 0), len(shares))
            shares[:unknown_days] = [None] * unknown_days
            items.append(ProductAvailability(product_id=name, shares=shares))
        return AvailabilityAnswer(
            start=start.isoformat(),
            end=end.isoformat(),
            items=items,
            unknown=[name for name in ids if name not in known],
        )


def _state(product_id: str, places: set[str], balances: Mapping[tuple[str, str], Balance]) -> tuple[int, date | None]:
    """What is on hand now, and the first business day of which the ledger knows."""
    mine = [balances[product_id, place] for place in places if (product_id, place) in balances]
    days = [balance.first_moved_on for balance in mine if balance.first_moved_on is not None]
    return sum(balance.on_hand for balance in mine), min(days, default=None)


def _days(query: AvailabilityQuery) -> tuple[date, date]:
    days = []
    for field, text in (("start", query.start), ("end", query.end)):
        try:
            days.append(date.fromisoformat(text))
        except ValueError:
            raise InvalidError.of(field, f"{text!r} is not a date") from None
        if not in_calendar(days[-1]):
            raise InvalidError.of(field, f"must be between {FIRST_YEAR} and {LAST_YEAR}")
    start, end = days
    if not timedelta(0) < end - start <= timedelta(days=MAX_AVAILABILITY_DAYS):
        raise InvalidError.of("end", f"must be 1 to {MAX_AVAILABILITY_DAYS} days after start")
    return start, end
