"""The stock ledger: movements are posted here, whoever tells of them."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.catalogue.service import product_costs, require_product
from shelfwise.inventory.locations import LOSS, OPENING, STOCKING_KINDS, SUPPLIER
from shelfwise.inventory.movements import Movement
from shelfwise.inventory.stock.repository import LedgerRepository, Move, Place
from shelfwise.inventory.stock.rules import Balance, average_cost, is_before_opening, issued, received
from shelfwise.inventory.stock.schemas import (
    MovementIn,
    Movements,
    Recorded,
    StockLevel,
    StockLevels,
    level_out,
    movement_out,
)
from shelfwise.inventory.tables import IDEMPOTENCY_KEYS
from shelfwise.inventory.tenants.service import Tenant, location_kinds, require_tenant
from shelfwise.inventory.values import MAX_MONEY, check_amount, check_quantity, decode_cursor, encode_cursor
from shelfwise.platform.database import Database
from shelfwise.platform.idempotency import IdempotencyKeys, RequestIdentity, StoredAnswer
from shelfwise.platform.problems import ConflictError, InProgressError, InvalidError
from shelfwise.platform.tenancy import FIRST_YEAR, LAST_YEAR, business_day, in_calendar

__all__ = ["Balance", "Ledger", "StockService", "is_before_opening", "stock_and_moves"]

#: Movements in one transaction of a load.
LOAD_BATCH = 2000


class Ledger:
    """Posts movements in the caller's transaction: lock the places first, then post, then save."""

    def __init__(self, connection: AsyncConnection, tenant_id: str, kinds: Mapping[str, str]) -> None:
        self._repository = LedgerRepository(connection, tenant_id)
        self._stocking = frozenset(name for name, kind in kinds.items() if kind in STOCKING_KINDS)
        self._balances: dict[Place, Balance] = {}

    def holds_stock(self, location_id: str) -> bool:
        return location_id in self._stocking

    async def lock(self, movements: Iterable[Movement]) -> None:
        """Locks every balance that the movements touch."""
        places = {
            (movement.product_id, location_id)
            for movement in movements
            for location_id in (movement.from_location_id, movement.to_location_id)
            if location_id in self._stocking
        }
        if places:
            self._balances |= await self._repository.lock_balances(places)

    def balance(self, product_id: str, location_id: str) -> Balance:
        """A locked balance, with what was posted since."""
        return self._balances[product_id, location_id]

    def apply(self, movement: Movement, own_cost: Decimal | None) -> None:
        """Moves the locked balances; what is sold or lost may drive them negative."""
        source = (movement.product_id, movement.from_location_id)
        if movement.from_location_id in self._stocking:
            if movement.unit_cost is None:
                own_cost = average_cost(self._balances[source]) or own_cost
            self._balances[source] = issued(self._balances[source], movement)
        if movement.to_location_id in self._stocking:
            target = (movement.product_id, movement.to_location_id)
            self._balances[target] = received(self._balances[target], movement, own_cost)

    async def save(self, movements: Sequence[Movement], source: str, now: datetime) -> list[str]:
        """Appends what was applied and writes the balances; the movements' ids, in order."""
        ids = movement_ids(now, len(movements))
        await self._repository.append(list(zip(ids, movements, strict=True)), source, now)
        touched = {
            (movement.product_id, location_id)
            for movement in movements
            for location_id in (movement.from_location_id, movement.to_location_id)
            if location_id in self._stocking
        }
        await self._repository.save_balances({place: self._balances[place] for place in sorted(touched)})
        return ids

    async def correction_before(self, movement: Movement) -> Movement | None:
        """What must be undone so that an opening balance is what is on hand at its instant: earlier movements."""
        place = (movement.product_id, movement.to_location_id)
        if self._balances[place].version == 0:
            return None
        net = await self._repository.net_before(*place, movement.occurred_at)
        if net == 0:
            return None
        ends = (place[1], OPENING) if net > 0 else (OPENING, place[1])
        return replace(
            movement,
            kind="opening_correction",
            from_location_id=ends[0],
            to_location_id=ends[1],
            quantity=abs(net),
            event_id=f"{movement.event_id}:correction"[-128:],
            reason="superseded by the opening balance",
        )


async def stock_and_moves(
    connection: AsyncConnection, tenant_id: str, product_ids: Sequence[str], start: date
) -> tuple[dict[Place, Balance], list[Move]]:
    """The products' balances now, and what moved them from a business day on, inside another feature's transaction."""
    repository = LedgerRepository(connection, tenant_id)
    return await repository.balances(product_ids), await repository.moves_since(product_ids, start)


def movement_ids(now: datetime, count: int) -> list[str]:
    """Ids that rise with the time of recording, and within one recording with the order of its movements."""
    stem = f"{int(now.timestamp() * 1_000_000):014x}{secrets.token_hex(4)}"
    return [f"{stem}{number:05x}" for number in range(count)]


class StockService:
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

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
        kinds = await location_kinds(connection, tenant_id)
        costs = await product_costs(connection, tenant_id, sorted({entry.product_id for entry in movements}))
        wanted = [_movement(entry, number, tenant, kinds, costs, now) for number, entry in enumerate(movements)]
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
        self, tenant_id: str, movements: Sequence[MovementIn], *, identity: RequestIdentity | None
    ) -> StoredAnswer:
        """Records movements as one request: repeated with its Idempotency-Key it gets the first answer again.

        Raises:
            IdempotencyMismatchError, InProgressError: as the key says.
            InvalidError, ConflictError: as in ``record``.
        """
        now = self._clock()
        async with self._database.write(tenant_id) as connection:
            keys = IdempotencyKeys(IDEMPOTENCY_KEYS, connection)
            if identity is not None:
                stored = await keys.stored(identity, now)
                if stored is not None:
                    return stored
            recorded = await self.record(connection, tenant_id, movements, source="api")
            answer = StoredAnswer(201, msgspec.json.encode(recorded))
            if identity is not None:
                await keys.store(identity, answer, now)
        return answer

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
            async with self._database.write(tenant_id) as connection:
                part = await self.record(connection, tenant_id, movements[start : start + LOAD_BATCH], source=source)
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
            rows = await LedgerRepository(connection, tenant_id).movements(
                product_id=product_id, before=decode_cursor(cursor), limit=limit + 1
            )
        following = encode_cursor(rows[limit - 1][0]) if len(rows) > limit else None
        return Movements([movement_out(*row) for row in rows[:limit]], following)

    async def levels(
        self, tenant_id: str, *, location_id: str | None, oversold: bool, limit: int, cursor: str | None
    ) -> StockLevels:
        """What is where, by product and location."""
        product_id, _, place = decode_cursor(cursor).partition("\x1f")
        async with self._database.read(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            rows = await LedgerRepository(connection, tenant_id).levels(
                after=(product_id, place), limit=limit + 1, location_id=location_id, oversold=oversold
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
        available = ledger.balance(movement.product_id, movement.from_location_id).available
        if available < movement.quantity:
            raise ConflictError(
                f"Only {available} of product {movement.product_id!r} are available at "
                f"{movement.from_location_id!r}, not {movement.quantity}."
            )
    for step in (*corrections, movement):
        ledger.apply(step, own_cost)
    return [*corrections, movement]


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
    occurred_at = entry.occurred_at or now
    if not in_calendar(occurred_at):
        raise InvalidError.of(f"{path}.occurred_at", f"must be between {FIRST_YEAR} and {LAST_YEAR}")
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
    if kinds.get(location_id) not in STOCKING_KINDS:
        raise InvalidError.of(field, "must be one of the tenant's stocking locations")
    return location_id
