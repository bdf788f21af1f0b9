"""Stock that is held: for an order, until it is sold, released or its time is up; or set aside."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.catalogue.service import product_costs
from shelfwise.inventory.effects import Effects, Outcome
from shelfwise.inventory.ledger.service import Ledger
from shelfwise.inventory.locations import CUSTOMER, LOSS
from shelfwise.inventory.movements import Movement
from shelfwise.inventory.reservations.repository import ReservationRepository, tenant_ids
from shelfwise.inventory.reservations.rules import (
    Reservation,
    Status,
    consumed,
    ended,
    expiry,
    require_held,
    taken_by_sale,
)
from shelfwise.inventory.reservations.schemas import (
    ConsumeIn,
    ReservationIn,
    ReservationOut,
    Reservations,
    reservation_out,
)
from shelfwise.inventory.tenants.service import Tenant, all_and_open_locations, location_kinds, require_tenant
from shelfwise.inventory.values import check_quantity, decode_cursor, encode_cursor
from shelfwise.platform.audit import SYSTEM, Actor, Change
from shelfwise.platform.database import Database
from shelfwise.platform.idempotency import RequestIdentity, StoredAnswer
from shelfwise.platform.problems import ConflictError, InvalidError, NotFoundError
from shelfwise.platform.tenancy import business_day

#: What the movements of consumed reservations are recorded as.
SOURCE = "reservations"
#: Reservations that one transaction lets expire.
SWEEP_BATCH = 200


async def consume_for_sales(
    connection: AsyncConnection, tenant_id: str, ledger: Ledger, sales: Sequence[Movement], now: datetime
) -> None:
    """Recorded sales consume what was held for their orders, inside the transaction that locked their products.

    Raises nothing: a sale has happened, held or not.
    """
    orders = {movement.reference for movement in sales if movement.kind == "sale" and movement.reference is not None}
    if not orders:
        return
    repository = ReservationRepository(connection, tenant_id)
    held: dict[tuple[str | None, str], list[Reservation]] = {}
    for reservation in await repository.held_for(orders):
        held.setdefault((reservation.reference, reservation.product_id), []).append(reservation)
    for movement in sales:
        key = (movement.reference, movement.product_id)
        if movement.kind != "sale" or key not in held:
            continue
        changed = taken_by_sale(held[key], movement.quantity, now)
        by_id = {reservation.reservation_id: reservation for reservation in changed}
        for before in held[key]:
            after = by_id.get(before.reservation_id)
            if after is not None:
                place = (before.product_id, before.location_id)
                ledger.hold(place, after.held_quantity - before.held_quantity, before.purpose)
        held[key] = [by_id.get(known.reservation_id, known) for known in held[key]]
        await repository.save(changed)


class ReservationService:
    def __init__(self, database: Database, relay_database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._relay_database = relay_database
        self._clock = clock
        self._effects = Effects(database, clock)

    async def hold(
        self,
        tenant_id: str,
        wanted: ReservationIn,
        identity: RequestIdentity | None = None,
        actor: Actor = SYSTEM,
    ) -> StoredAnswer:
        """Holds units that are available; the answer's body is a ReservationOut.

        Raises:
            InvalidError: an unknown product or location, an impossible quantity or end.
            ConflictError: fewer units are available.
        """

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            tenant = await require_tenant(connection, tenant_id)
            kinds, open_kinds = await all_and_open_locations(connection, tenant_id)
            reservation = _reservation(wanted, tenant, now)
            if wanted.product_id not in await product_costs(connection, tenant_id, [wanted.product_id]):
                raise InvalidError.of("product_id", "there is no such product")
            if open_kinds.get(reservation.location_id) != "stock":
                raise InvalidError.of("location_id", "must be one of the tenant's stocking locations")
            place = (reservation.product_id, reservation.location_id)
            ledger = Ledger(connection, tenant_id, kinds)
            await ledger.lock_places([place])
            repository = ReservationRepository(connection, tenant_id)
            # What nobody swept yet holds nobody up.
            due = await repository.due(now, limit=SWEEP_BATCH, product_id=reservation.product_id)
            await _expire(repository, ledger, due, now)
            ledger.check_available(*place, reservation.quantity)
            ledger.hold(place, reservation.quantity, reservation.purpose)
            await ledger.save([], SOURCE, now)
            await repository.add(reservation)
            return _outcome("hold", None, reservation)

        return await self._effects.once(tenant_id, identity, 201, effect, actor)

    async def consume(
        self,
        tenant_id: str,
        reservation_id: str,
        wanted: ConsumeIn,
        identity: RequestIdentity | None = None,
        actor: Actor = SYSTEM,
    ) -> StoredAnswer:
        """Held units leave the stock: to the customer, or, when they were set aside, as a loss.

        For orders that Sales records this is not needed, and would take the units twice: their sale consumes what was
        held for them.

        Raises:
            NotFoundError: no such reservation.
            ConflictError: it has ended, or holds fewer units.
        """

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            ledger, repository, before = await self._locked(connection, tenant_id, reservation_id)
            require_held(before, now)
            quantity = before.held_quantity if wanted.quantity is None else wanted.quantity
            if quantity > before.held_quantity:
                raise ConflictError(f"Reservation {reservation_id!r} holds {before.held_quantity}, not {quantity}.")
            after = consumed(before, quantity, now)
            ledger.hold((before.product_id, before.location_id), -quantity, before.purpose)
            tenant = await require_tenant(connection, tenant_id)
            costs = await product_costs(connection, tenant_id, [before.product_id])
            movement = _issue(before, after, now, tenant)
            await ledger.save([ledger.apply(movement, costs.get(before.product_id))], SOURCE, now)
            await repository.save([after])
            return _outcome("consume", before, after)

        return await self._effects.once(tenant_id, identity, 200, effect, actor)

    async def release(
        self, tenant_id: str, reservation_id: str, identity: RequestIdentity | None = None, actor: Actor = SYSTEM
    ) -> StoredAnswer:
        """Held units are available again.

        Raises:
            NotFoundError: no such reservation.
            ConflictError: it has ended.
        """

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            ledger, repository, before = await self._locked(connection, tenant_id, reservation_id)
            require_held(before, now)
            after = ended(before, "released", now)
            ledger.hold((before.product_id, before.location_id), -before.held_quantity, before.purpose)
            await ledger.save([], SOURCE, now)
            await repository.save([after])
            return _outcome("release", before, after)

        return await self._effects.once(tenant_id, identity, 200, effect, actor)

    async def show(self, tenant_id: str, reservation_id: str) -> ReservationOut:
        """Raises NotFoundError."""
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            return reservation_out(await _require(ReservationRepository(connection, tenant_id), reservation_id))

    async def page(
        self,
        tenant_id: str,
        *,
        status: Status | None,
        product_id: str | None,
        reference: str | None,
        limit: int,
        cursor: str | None,
    ) -> Reservations:
        """Reservations by id."""
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            found = await ReservationRepository(connection, tenant_id).page(
                after=decode_cursor(cursor), limit=limit + 1, status=status, product_id=product_id, reference=reference
            )
        following = encode_cursor(found[limit - 1].reservation_id) if len(found) > limit else None
        return Reservations([reservation_out(entry) for entry in found[:limit]], following)

    async def sweep(self) -> int:
        """Lets reservations of every tenant expire whose time is up; how many there were."""
        async with self._relay_database.read(None) as connection:
            tenants = await tenant_ids(connection)
        total = 0
        for tenant_id in tenants:
            while True:
                count = await self.expire(tenant_id)
                total += count
                if count < SWEEP_BATCH:
                    break
        return total

    async def expire(self, tenant_id: str) -> int:
        """Lets up to 200 reservations of a tenant expire whose time is up; how many there were."""
        async with self._database.read(tenant_id) as connection:
            # A look without a lock first: an idle sweep takes no turn at writing.
            if not await ReservationRepository(connection, tenant_id).due(self._clock(), limit=1):
                return 0

        async def work(connection: AsyncConnection) -> int:
            now = self._clock()
            repository = ReservationRepository(connection, tenant_id)
            due = await repository.due(now, limit=SWEEP_BATCH)
            ledger = Ledger(connection, tenant_id, await location_kinds(connection, tenant_id))
            await ledger.lock_places((entry.product_id, entry.location_id) for entry in due)
            # Read again under the lock: one that was consumed meanwhile holds nothing.
            held = [entry for known in due if (entry := await repository.get(known.reservation_id)) is not None]
            await _expire(repository, ledger, [entry for entry in held if entry.is_due(now)], now)
            await ledger.save([], SOURCE, now)
            return len(due)

        return await self._database.in_transaction(tenant_id, work)

    async def _locked(
        self, connection: AsyncConnection, tenant_id: str, reservation_id: str
    ) -> tuple[Ledger, ReservationRepository, Reservation]:
        """A reservation under its product's lock."""
        await require_tenant(connection, tenant_id)
        repository = ReservationRepository(connection, tenant_id)
        known = await _require(repository, reservation_id)
        ledger = Ledger(connection, tenant_id, await location_kinds(connection, tenant_id))
        await ledger.lock_places([(known.product_id, known.location_id)])
        return ledger, repository, await _require(repository, reservation_id)


def _reservation(wanted: ReservationIn, tenant: Tenant, now: datetime) -> Reservation:
    return Reservation(
        reservation_id=f"RSV-{secrets.token_hex(8)}",
        product_id=wanted.product_id,
        location_id=wanted.location_id or tenant.settings.default_location_id,
        purpose=wanted.purpose,
        quantity=check_quantity("quantity", wanted.quantity),
        created_at=now,
        expires_at=expiry(wanted.purpose, wanted.expires_at, now),
        reference=wanted.reference,
        reason=wanted.reason,
    )


def _issue(before: Reservation, after: Reservation, now: datetime, tenant: Tenant) -> Movement:
    """What leaves the stock when a reservation is consumed."""
    return Movement(
        product_id=before.product_id,
        kind="issue",
        from_location_id=before.location_id,
        to_location_id=CUSTOMER if before.purpose == "order" else LOSS,
        quantity=after.consumed_quantity - before.consumed_quantity,
        occurred_at=now,
        business_date=business_day(now, tenant.settings.time_zone),
        event_id=f"{before.reservation_id}:{after.consumed_quantity}",
        reference=before.reference,
        reason=before.reason,
    )


async def _expire(repository: ReservationRepository, ledger: Ledger, due: Sequence[Reservation], now: datetime) -> None:
    for reservation in due:
        place = (reservation.product_id, reservation.location_id)
        ledger.hold(place, -reservation.held_quantity, reservation.purpose)
    await repository.save([ended(reservation, "expired", now) for reservation in due])


async def _require(repository: ReservationRepository, reservation_id: str) -> Reservation:
    found = await repository.get(reservation_id)
    if found is None:
        raise NotFoundError(f"There is no reservation {reservation_id!r}.")
    return found


def _outcome(action: str, before: Reservation | None, after: Reservation) -> Outcome:
    answer = reservation_out(after)
    known = None if before is None else reservation_out(before)
    return Outcome(answer, [Change(action, "reservations", after.reservation_id, known, answer)])
