"""Which stock somebody should look for."""

from collections.abc import Callable
from datetime import datetime

from shelfwise.inventory.locations import CUSTOMER
from shelfwise.inventory.phantoms.repository import StockedProducts
from shelfwise.inventory.phantoms.rules import WINDOW, Move, suspicion
from shelfwise.inventory.phantoms.schemas import PhantomOut, Phantoms
from shelfwise.inventory.stock.service import stock_and_moves
from shelfwise.inventory.tenants.service import location_kinds, require_tenant
from shelfwise.inventory.values import decode_cursor, encode_cursor
from shelfwise.platform.database import Database

#: Products that one page looks through: their movements of a year are read.
PAGE_PRODUCTS = 200


class PhantomService:
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def page(self, tenant_id: str, *, cursor: str | None) -> Phantoms:
        """Suspected phantom stock by product and location."""
        async with self._database.read(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            kinds = await location_kinds(connection, tenant_id)
            rows = await StockedProducts(connection, tenant_id).page(
                after=decode_cursor(cursor), limit=PAGE_PRODUCTS + 1
            )
            products = {name: (sku, title) for name, sku, title in rows[:PAGE_PRODUCTS]}
            today = tenant.today(self._clock())
            balances, moves = await stock_and_moves(connection, tenant_id, list(products), today - WINDOW)
        places = {name for name, kind in kinds.items() if kind == "stock"}
        changes: dict[tuple[str, str], list[Move]] = {}
        for product_id, source, target, quantity, _, day in moves:
            for place, delta in ((source, -quantity), (target, quantity)):
                if place in places:
                    changes.setdefault((product_id, place), []).append(Move(day, delta, target == CUSTOMER))
        items = []
        for (product_id, place), own in sorted(changes.items()):
            on_hand = balances[product_id, place].on_hand
            found = suspicion(on_hand, own, today)
            if found is not None:
                sku, name = products[product_id]
                items.append(
                    PhantomOut(
                        product_id,
                        sku,
                        name,
                        place,
                        on_hand,
                        found.last_sold_on,
                        found.silent_days,
                        found.usual_pause_days,
                    )
                )
        following = encode_cursor(rows[PAGE_PRODUCTS - 1][0]) if len(rows) > PAGE_PRODUCTS else None
        return Phantoms(items, following)
