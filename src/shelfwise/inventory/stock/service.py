"""The stock ledger: movements are posted here, whoever tells of them."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.catalogue.service import product_costs, require_product
from shelfwise.inventory.effects import Effects, Outcome
from shelfwise.inventory.ledger.service import Balance, Ledger, LedgerRepository, Place, is_before_opening
from shelfwise.inventory.locations import LOSS, OPENING, SUPPLIER
from shelfwise.inventory.movements import Movement
from shelfwise.inventory.stock.repository import Move, StockRepository
from shelfwise.inventory.stock.rules import REVERSALS, reversal
from shelfwise.inventory.stock.schemas import (
    MovementIn,
    Movements,
    Recorded,
    ReversalIn,
    ReversalOut,
    StockLevel,
    StockLevels,
    level_out,
    movement_out,
)
from shelfwise.inventory.tenants.service import Tenant, all_and_open_locations, location_kinds, require_tenant
from shelfwise.inventory.values import (
    MAX_MONEY,
    check_amount,
    check_moment,
    check_quantity,
    check_text,
    decode_cursor,
    encode_cursor,
)
from shelfwise.platform.audit import SYSTEM, Actor, Change
from shelfwise.platform.database import Database
from shelfwise.platform.idempotency import RequestIdentity, StoredAnswer
from shelfwise.platform.problems import ConflictError, InProgressError, InvalidError, NotFoundError
from shelfwise.platform.tenancy import business_day

__all__ = ["Balance", "Ledger", "StockService", "balances_of", "is_before_opening", "stock_and_moves"]

#: Movements in one transaction of a load.
LOAD_BATCH = 2000


async def stock_and_moves(
    connection: AsyncConnection, tenant_id: str, product_ids: Sequence[str], start: date
) -> tuple[dict[Place, Balance], list[Move]]:
    """The products' balances now, and what moved them from a business day on, inside another feature's transaction."""
    repository = StockRepository(connection, tenant_id)
    return await repository.balances(product_ids), await repository.moves_since(product_ids, start)


async def balances_of(connection: AsyncConnection, tenant_id: str, product_ids: Sequence[str]) -> dict[Place, Balance]:
    """The products' balances at every location, inside another feature's transaction."""
    return await StockRepository(connection, tenant_id).balances(product_ids)


class StockService:
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._effects = Effects(database, clock)

    async def record(
        self, connection: AsyncConnection, tenant_id: str, movements: Sequence[MovementIn], *, source: str
    ) -> Recorded:
        """Records movements in the caller's transaction, all or none.

        Raises:
            InvalidError: an unknown product or location, or an impossible amount; the movement's place is named.
            ConflictError: more would leave than is available, a second opening balance, or an event that was
                recorded with another content.
        """
        now = self._clock()
        tenant = await require_tenant(connection, tenant_id)
        kinds, open_kinds = await all_and_open_locations(connection, tenant_id)
        costs = await product_costs(connection, tenant_id, sorted({entry.product_id for entry in movements}))
        wanted = [_movement(entry, number, tenant, open_kinds, costs, now) for number, entry in enumerate(movements)]
        known = await LedgerRepository(connection, tenant_id).recorded(
            source, [movement.event_id for movement in wanted]
        )
        fresh = _unknown(wanted, known)
        if not fresh:
            return Recorded(0, len(wanted), [])
        ledger = Ledger(connection, tenant_id, kinds)
        await ledger.lock(fresh)
        posted: list[Movement] = []
        for movement in fresh:
            posted += await _post(ledger, movement, costs[movement.product_id])
        try:
            ids = await ledger.save(posted, source, now)
        except IntegrityError as error:
            raise InProgressError from error
        return Recorded(len(fresh), len(wanted) - len(fresh), ids)

    async def post(
        self,
        tenant_id: str,
        movements: Sequence[MovementIn],
        *,
        identity: RequestIdentity | None,
        actor: Actor = SYSTEM,
    ) -> StoredAnswer:
        """Records movements as one request: repeated with its Idempotency-Key it gets the first answer again.

        Raises:
            IdempotencyMismatchError, InProgressError: as the key says.
            InvalidError, ConflictError: as in ``record``.
        """

        async def effect(connection: AsyncConnection, _now: datetime) -> Outcome:
            recorded = await self.record(connection, tenant_id, movements, source="api")
            if not recorded.movement_ids:
                return Outcome(recorded)
            change = Change("record", "stock_movements", recorded.movement_ids[0], None, recorded)
            return Outcome(recorded, [change])

        return await self._effects.once(tenant_id, identity, 201, effect, actor)

    async def reverse(
        self,
        tenant_id: str,
        movement_id: str,
        wanted: ReversalIn,
        *,
        identity: RequestIdentity | None = None,
        actor: Actor = SYSTEM,
    ) -> StoredAnswer:
        """Records the opposite of a movement, which names it; the answer's body is a ReversalOut.

        Raises:
            NotFoundError: there is no such movement.
            ConflictError: it is reversed already, it is corrected where it was recorded, or what it brought has left.
        """

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            tenant = await require_tenant(connection, tenant_id)
            kinds = await location_kinds(connection, tenant_id)
            repository = StockRepository(connection, tenant_id)
            found = await repository.movement(movement_id)
            if found is None:
                raise NotFoundError(f"There is no movement {movement_id!r}.")
            reason = check_text("reason", wanted.reason, 1000)
            movement = reversal(movement_id, *found, reason, now, business_day(now, tenant.settings.time_zone))
            ledger = Ledger(connection, tenant_id, kinds)
            await ledger.lock([movement])
            # Only now: whoever reverses it at the same moment holds the same lock.
            if await repository.is_reversed(movement_id):
                raise ConflictError(f"Movement {movement_id!r} is reversed already.")
            if ledger.holds_stock(movement.from_location_id):
                ledger.check_available(movement.product_id, movement.from_location_id, movement.quantity)
            posted = ledger.apply(movement, None)
            ids = await ledger.save([posted], REVERSALS, now)
            answer = ReversalOut(ids[0], movement_id)
            return Outcome(answer, [Change("reverse", "stock_movements", movement_id, None, answer)])

        return await self._effects.once(tenant_id, identity, 201, effect, actor)

    async def load(
        self,
        tenant_id: str,
        movements: Sequence[MovementIn],
        *,
        source: str,
        progress: Callable[[int, int], None] | None = None,
    ) -> Recorded:
        """Records any number of movements in batches, each one transaction; repeating it records nothing twice.

        ``progress`` is told (done, total).
        """
        recorded = duplicates = 0
        ids: list[str] = []
        for start in range(0, len(movements), LOAD_BATCH):
            batch = movements[start : start + LOAD_BATCH]
            part = await self._database.in_transaction(
                tenant_id, partial(self.record, tenant_id=tenant_id, movements=batch, source=source)
            )
            recorded, duplicates = recorded + part.recorded, duplicates + part.duplicates
            ids += part.movement_ids
            if progress is not None:
                progress(min(start + LOAD_BATCH, len(movements)), len(movements))
            await asyncio.sleep(0)
        return Recorded(recorded, duplicates, ids)

    async def movements(self, tenant_id: str, *, product_id: str | None, limit: int, cursor: str | None) -> Movements:
        """Movements, newest recording first.

        Raises:
            NotFoundError: ``product_id`` is given and there is no such product.
        """
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            if product_id is not None:
                await require_product(connection, tenant_id, product_id)
            rows = await StockRepository(connection, tenant_id).movements(
                product_id=product_id, before=decode_cursor(cursor), limit=limit + 1
            )
        following = encode_cursor(rows[limit - 1][0]) if len(rows) > limit else None
        return Movements([movement_out(*row) for row in rows[:limit]], following)

    async def levels(
        self,
        tenant_id: str,
        *,
        location_id: str | None,
        oversold: bool,
        limit: int,
        cursor: str | None,
        product_id: str | None = None,
    ) -> StockLevels:
        """What is where, by product and location."""
        after, _, place = decode_cursor(cursor).partition("\x1f")
        async with self._database.read(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            rows = await StockRepository(connection, tenant_id).levels(
                after=(after, place),
                limit=limit + 1,
                product_id=product_id,
                location_id=location_id,
                oversold=oversold,
            )
        currency = tenant.settings.currency
        items: list[StockLevel] = [level_out(*row, currency) for row in rows[:limit]]
        following = encode_cursor("\x1f".join(rows[limit - 1][0])) if len(rows) > limit else None
        return StockLevels(items, following)


async def _post(ledger: Ledger, movement: Movement, own_cost: Decimal | None) -> list[Movement]:
    """Applies a movement that a person tells of; with its correction, when it is an opening balance."""
    corrections: list[Movement] = []
    if movement.kind == "opening":
        if ledger.balance(movement.product_id, movement.to_location_id).opened_at is not None:
            raise ConflictError(
                f"Product {movement.product_id!r} has an opening balance at {movement.to_location_id!r}. "
                "Record an adjustment instead."
            )
        correction = await ledger.correction_before(movement)
        corrections = [] if correction is None else [correction]
    elif ledger.holds_stock(movement.from_location_id):
        ledger.check_available(movement.product_id, movement.from_location_id, movement.quantity)
    return [ledger.apply(step, own_cost) for step in (*corrections, movement)]


def _unknown(wanted: Sequence[Movement], known: Mapping[tuple[str, int], Movement]) -> list[Movement]:
    """The movements that were not recorded before, nor twice in this request."""
    seen = dict(known)
    fresh = []
    for movement in wanted:
        key = (movement.event_id, movement.line_no)
        before = seen.get(key)
        if before is None:
            fresh.append(movement)
            seen[key] = movement
        elif before != movement:
            raise ConflictError(
                f"Event {movement.event_id!r}, line {movement.line_no}, was recorded with another content."
            )
    return fresh


def _movement(
    entry: MovementIn,
    number: int,
    tenant: Tenant,
    kinds: Mapping[str, str],
    costs: Mapping[str, Decimal | None],
    now: datetime,
) -> Movement:
    path = f"movements[{number}]"
    if entry.product_id not in costs:
        raise InvalidError.of(f"{path}.product_id", "there is no such product")
    check_quantity(f"{path}.quantity", entry.quantity)
    check_amount(f"{path}.unit_cost", entry.unit_cost)
    if entry.unit_cost is not None and entry.unit_cost * entry.quantity > MAX_MONEY:
        raise InvalidError.of(f"{path}.unit_cost", "comes to more than 10^12")
    here = _stocking(f"{path}.location_id", entry.location_id or tenant.settings.default_location_id, kinds)
    match entry.kind:
        case "opening":
            ends = (OPENING, here)
        case "receipt":
            ends = (SUPPLIER, here)
        case "adjustment":
            ends = (LOSS, here) if entry.direction == "in" else (here, LOSS)
        case "transfer":
            ends = (here, _stocking(f"{path}.to_location_id", entry.to_location_id or "", kinds))
    if ends[0] == ends[1]:
        raise InvalidError.of(f"{path}.to_location_id", "must be another location")
    occurred_at = check_moment(f"{path}.occurred_at", entry.occurred_at, now)
    return Movement(
        product_id=entry.product_id,
        kind=entry.kind,
        from_location_id=ends[0],
        to_location_id=ends[1],
        quantity=entry.quantity,
        occurred_at=occurred_at,
        business_date=business_day(occurred_at, tenant.settings.time_zone),
        event_id=entry.event_id or secrets.token_hex(16),
        line_no=entry.line_no,
        unit_cost=entry.unit_cost,
        reference=entry.reference,
        reason=entry.reason,
    )


def _stocking(field: str, location_id: str, kinds: Mapping[str, str]) -> str:
    # What is in transit moves by its transfer alone.
    if kinds.get(location_id) != "stock":
        raise InvalidError.of(field, "must be one of the tenant's stocking locations")
    return location_id
