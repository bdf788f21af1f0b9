"""Stock counts: what was there at an instant becomes what the ledger says, and sales from before it are history."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.catalogue.service import product_costs
from shelfwise.inventory.counts.repository import CountRepository
from shelfwise.inventory.counts.rules import CountLine, StockCount
from shelfwise.inventory.counts.schemas import CountIn, CountOut, Counts, count_out
from shelfwise.inventory.effects import Effects, Outcome
from shelfwise.inventory.ledger.service import Ledger
from shelfwise.inventory.locations import LOSS
from shelfwise.inventory.movements import Movement
from shelfwise.inventory.tenants.service import Tenant, all_and_open_locations, require_tenant
from shelfwise.inventory.values import MAX_QUANTITY, check_id, check_moment, check_text, decode_cursor, encode_cursor
from shelfwise.platform.audit import SYSTEM, Actor, Change
from shelfwise.platform.database import Database
from shelfwise.platform.idempotency import RequestIdentity, StoredAnswer
from shelfwise.platform.problems import ConflictError, InvalidError, NotFoundError
from shelfwise.platform.tenancy import business_day

#: What the movements of counts are recorded as.
SOURCE = "stock_counts"


class CountService:
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._effects = Effects(database, clock)

    async def count(
        self, tenant_id: str, wanted: CountIn, identity: RequestIdentity | None = None, actor: Actor = SYSTEM
    ) -> StoredAnswer:
        """Records a count and moves the differences; the answer's body is a CountOut.

        Movements that occurred after ``counted_at`` stay on top of what was counted.

        Raises:
            InvalidError: an unknown product or location, a product twice, an impossible instant.
            ConflictError: the count id is taken, or a product was opened or counted there at a later instant.
        """

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            tenant = await require_tenant(connection, tenant_id)
            kinds, open_kinds = await all_and_open_locations(connection, tenant_id)
            here = wanted.location_id or tenant.settings.default_location_id
            if open_kinds.get(here) != "stock":
                raise InvalidError.of("location_id", "must be one of the tenant's stocking locations")
            products = [line.product_id for line in wanted.lines]
            costs = await product_costs(connection, tenant_id, sorted(set(products)))
            _check_products(products, set(costs))
            at = check_moment("counted_at", wanted.counted_at, now)
            ledger = Ledger(connection, tenant_id, kinds)
            await ledger.lock_places((product_id, here) for product_id in products)
            since = {} if wanted.counted_at is None else await ledger.net_after(products, here, at)
            count = StockCount(
                count_id=check_id("count_id", wanted.count_id or f"CNT-{secrets.token_hex(6)}"),
                location_id=here,
                counted_at=at,
                recorded_at=now,
                reason=check_text("reason", wanted.reason, 512),
                lines=tuple(_line(ledger, wanted, number, (here, at), since) for number in range(len(products))),
            )
            if not await CountRepository(connection, tenant_id).add(count):
                raise ConflictError(f"There is a stock count {count.count_id!r} already.")
            posted = _post(ledger, count, tenant, costs)
            await ledger.save(posted, SOURCE, now)
            answer = count_out(count)
            return Outcome(answer, [Change("count", "stock_counts", count.count_id, None, answer)])

        return await self._effects.once(tenant_id, identity, 201, effect, actor)

    async def show(self, tenant_id: str, count_id: str) -> CountOut:
        """Raises NotFoundError."""
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            found = await CountRepository(connection, tenant_id).get(count_id)
        if found is None:
            raise NotFoundError(f"There is no stock count {count_id!r}.")
        return count_out(found)

    async def page(self, tenant_id: str, *, location_id: str | None, limit: int, cursor: str | None) -> Counts:
        """Counts by id."""
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            found = await CountRepository(connection, tenant_id).page(
                after=decode_cursor(cursor), limit=limit + 1, location_id=location_id
            )
        following = encode_cursor(found[limit - 1].count_id) if len(found) > limit else None
        return Counts([count_out(count) for count in found[:limit]], following)


def _line(
    ledger: Ledger, wanted: CountIn, number: int, where: tuple[str, datetime], since: Mapping[str, int]
) -> CountLine:
    """A counted product, beside what the ledger had there then: what it has now without what moved since."""
    line, (here, at) = wanted.lines[number], where
    balance = ledger.balance(line.product_id, here)
    if balance.opened_at is not None and balance.opened_at > at:
        raise ConflictError(
            f"Product {line.product_id!r} was opened or counted at {here!r} at {balance.opened_at.isoformat()}, after "
            "this count. Count it again."
        )
    if not 0 <= line.counted_quantity <= MAX_QUANTITY:
        raise InvalidError.of(f"lines[{number}].counted_quantity", "must be a whole number from 0 to 10^9")
    expected = balance.on_hand - since.get(line.product_id, 0)
    return CountLine(number + 1, line.product_id, expected, line.counted_quantity)


def _post(ledger: Ledger, count: StockCount, tenant: Tenant, costs: Mapping[str, Decimal | None]) -> list[Movement]:
    """The differences, moved; each place is as it was counted from then on."""
    posted = [
        ledger.apply(_movement(count, line, tenant), costs[line.product_id]) for line in count.lines if line.difference
    ]
    for line in count.lines:
        ledger.reopen((line.product_id, count.location_id), count.counted_at)
    return posted


def _movement(count: StockCount, line: CountLine, tenant: Tenant) -> Movement:
    ends = (LOSS, count.location_id) if line.difference > 0 else (count.location_id, LOSS)
    return Movement(
        product_id=line.product_id,
        kind="count",
        from_location_id=ends[0],
        to_location_id=ends[1],
        quantity=abs(line.difference),
        occurred_at=count.counted_at,
        business_date=business_day(count.counted_at, tenant.settings.time_zone),
        event_id=count.count_id,
        line_no=line.line_no,
        reference=count.count_id,
        reason=count.reason,
    )


def _check_products(products: list[str], known: set[str]) -> None:
    for number, product_id in enumerate(products):
        if product_id not in known:
            raise InvalidError.of(f"lines[{number}].product_id", "there is no such product")
        if product_id in products[:number]:
            raise InvalidError.of(f"lines[{number}].product_id", "was counted on an earlier line: add the units up")
