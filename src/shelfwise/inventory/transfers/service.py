"""Transfers between locations: out of one, in transit, into the other, or lost on the way."""

import secrets
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.catalogue.service import product_costs
from shelfwise.inventory.effects import Effects, Outcome
from shelfwise.inventory.ledger.service import Ledger
from shelfwise.inventory.locations import LOSS, TRANSIT
from shelfwise.inventory.movements import Movement
from shelfwise.inventory.tenants.service import Tenant, all_and_open_locations, location_kinds, require_tenant
from shelfwise.inventory.transfers.repository import TransferRepository
from shelfwise.inventory.transfers.rules import Arrival, Status, Transfer, TransferLine, arrivals, arrived
from shelfwise.inventory.transfers.schemas import (
    TransferIn,
    TransferOut,
    TransferReceiptIn,
    Transfers,
    transfer_out,
)
from shelfwise.inventory.values import check_id, check_moment, check_quantity, decode_cursor, encode_cursor
from shelfwise.platform.audit import SYSTEM, Actor, Change
from shelfwise.platform.database import Database
from shelfwise.platform.idempotency import RequestIdentity, StoredAnswer
from shelfwise.platform.problems import ConflictError, InvalidError, NotFoundError
from shelfwise.platform.tenancy import business_day

#: What the movements of transfers are recorded as.
SOURCE = "transfers"
_LOST = "missing from a transfer"


class TransferService:
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._effects = Effects(database, clock)

    async def ship(
        self, tenant_id: str, wanted: TransferIn, identity: RequestIdentity | None = None, actor: Actor = SYSTEM
    ) -> StoredAnswer:
        """Units leave a location and are in transit; the answer's body is a TransferOut.

        Raises:
            InvalidError: an unknown product or location, a product twice, an impossible date.
            ConflictError: fewer units are available, or the transfer id is taken.
        """

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            tenant = await require_tenant(connection, tenant_id)
            kinds, open_kinds = await all_and_open_locations(connection, tenant_id)
            products = [line.product_id for line in wanted.lines]
            costs = await product_costs(connection, tenant_id, sorted(set(products)))
            transfer = _transfer(wanted, tenant, now)
            for field in ("from_location_id", "to_location_id"):
                if open_kinds.get(getattr(transfer, field)) != "stock":
                    raise InvalidError.of(field, "must be one of the tenant's stocking locations")
            _check_products(products, set(costs))
            if not await TransferRepository(connection, tenant_id).add(transfer):
                raise ConflictError(f"There is a transfer {transfer.transfer_id!r} already.")
            ledger = Ledger(connection, tenant_id, kinds)
            movements = _leaving(transfer, tenant)
            await ledger.lock(movements)
            for movement in movements:
                ledger.check_available(movement.product_id, movement.from_location_id, movement.quantity)
            posted = [ledger.apply(movement, costs[movement.product_id]) for movement in movements]
            await ledger.save(posted, SOURCE, now)
            return _outcome("ship", None, transfer)

        return await self._effects.once(tenant_id, identity, 201, effect, actor)

    async def receive(
        self,
        tenant_id: str,
        transfer_id: str,
        receipt: TransferReceiptIn,
        identity: RequestIdentity | None = None,
        actor: Actor = SYSTEM,
    ) -> StoredAnswer:
        """What arrived is on hand where it was sent to; what is missing from the last receipt is a loss.

        Raises:
            NotFoundError: no such transfer.
            ConflictError: it is received already.
            InvalidError: a product that was not shipped, or more of it than is on its way.
        """

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            tenant = await require_tenant(connection, tenant_id)
            repository = TransferRepository(connection, tenant_id)
            before = await _require(repository, transfer_id, lock=True)
            parts = arrivals(before, _quantities(receipt), final=receipt.final)
            after = arrived(before, parts)
            at = check_moment("received_at", receipt.received_at, now)
            if at < before.shipped_at:
                raise InvalidError.of("received_at", "is before the transfer was shipped")
            movements = _arriving(after, parts, at, tenant, receipt.reason)
            ledger = Ledger(connection, tenant_id, await location_kinds(connection, tenant_id))
            await ledger.lock(movements)
            await ledger.save([ledger.apply(movement, None) for movement in movements], SOURCE, now)
            await repository.save(after)
            return _outcome("receive", before, after)

        return await self._effects.once(tenant_id, identity, 200, effect, actor)

    async def show(self, tenant_id: str, transfer_id: str) -> TransferOut:
        """Raises NotFoundError."""
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            found = await _require(TransferRepository(connection, tenant_id), transfer_id, lock=False)
        return transfer_out(found)

    async def page(self, tenant_id: str, *, status: Status | None, limit: int, cursor: str | None) -> Transfers:
        """Transfers by id."""
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            found = await TransferRepository(connection, tenant_id).page(
                after=decode_cursor(cursor), limit=limit + 1, status=status
            )
        following = encode_cursor(found[limit - 1].transfer_id) if len(found) > limit else None
        return Transfers([transfer_out(transfer) for transfer in found[:limit]], following)


def _transfer(wanted: TransferIn, tenant: Tenant, now: datetime) -> Transfer:
    here = wanted.from_location_id or tenant.settings.default_location_id
    if here == wanted.to_location_id:
        raise InvalidError.of("to_location_id", "must be another location")
    return Transfer(
        transfer_id=check_id("transfer_id", wanted.transfer_id or f"TRF-{secrets.token_hex(6)}"),
        from_location_id=here,
        to_location_id=wanted.to_location_id,
        shipped_at=check_moment("shipped_at", wanted.shipped_at, now),
        lines=tuple(
            TransferLine(number, line.product_id, check_quantity(f"lines[{number - 1}].quantity", line.quantity))
            for number, line in enumerate(wanted.lines, start=1)
        ),
        expected_on=wanted.expected_on,
        reference=wanted.reference,
    )


def _check_products(products: list[str], known: set[str]) -> None:
    for number, product_id in enumerate(products):
        if product_id not in known:
            raise InvalidError.of(f"lines[{number}].product_id", "there is no such product")
        if product_id in products[:number]:
            raise InvalidError.of(f"lines[{number}].product_id", "stands on an earlier line: add the quantities up")


def _quantities(receipt: TransferReceiptIn) -> dict[str, int] | None:
    if receipt.lines is None:
        return None
    found: dict[str, int] = {}
    for number, line in enumerate(receipt.lines):
        if line.product_id in found:
            raise InvalidError.of(f"lines[{number}].product_id", "stands on an earlier line: add the quantities up")
        found[line.product_id] = line.quantity
    return found


def _leaving(transfer: Transfer, tenant: Tenant) -> list[Movement]:
    ends = (transfer.from_location_id, TRANSIT)
    return [
        _movement(transfer, line, ends, line.quantity, transfer.shipped_at, "ship", tenant) for line in transfer.lines
    ]


def _arriving(
    transfer: Transfer, parts: list[Arrival], at: datetime, tenant: Tenant, reason: str | None
) -> list[Movement]:
    movements = []
    for part in parts:
        for there, quantity, step in ((transfer.to_location_id, part.received, "in"), (LOSS, part.lost, "lost")):
            if quantity:
                why = reason or (_LOST if there == LOSS else None)
                name = f"{step}{transfer.version}"
                movements.append(_movement(transfer, part.line, (TRANSIT, there), quantity, at, name, tenant, why))
    return movements


def _movement(
    transfer: Transfer,
    line: TransferLine,
    ends: tuple[str, str],
    quantity: int,
    at: datetime,
    step: str,
    tenant: Tenant,
    reason: str | None = None,
) -> Movement:
    return Movement(
        product_id=line.product_id,
        kind="transfer",
        from_location_id=ends[0],
        to_location_id=ends[1],
        quantity=quantity,
        occurred_at=at,
        business_date=business_day(at, tenant.settings.time_zone),
        event_id=f"{transfer.transfer_id}:{step}",
        line_no=line.line_no,
        reference=transfer.transfer_id,
        reason=reason,
    )


async def _require(repository: TransferRepository, transfer_id: str, *, lock: bool) -> Transfer:
    found = await repository.get(transfer_id, lock=lock)
    if found is None:
        raise NotFoundError(f"There is no transfer {transfer_id!r}.")
    return found


def _outcome(action: str, before: Transfer | None, after: Transfer) -> Outcome:
    answer = transfer_out(after)
    known = None if before is None else transfer_out(before)
    return Outcome(answer, [Change(action, "transfers", after.transfer_id, known, answer)])
