"""What Sales' outbox delivers: each event has its effect once, and one that cannot be applied blocks nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import msgspec
import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.contracts.events import MAX_BATCH_EVENTS, EventsAnswer, RejectedEvent, SaleEvent
from shelfwise.inventory.catalogue.service import product_costs
from shelfwise.inventory.inbox.repository import InboxRepository, count_rejected
from shelfwise.inventory.inbox.rules import SOURCE, RejectedError, check_known, movement_of
from shelfwise.inventory.kits.service import Component, component_movements, components_of
from shelfwise.inventory.ledger.service import Ledger, is_before_opening
from shelfwise.inventory.movements import Movement
from shelfwise.inventory.reservations.service import consume_for_sales
from shelfwise.inventory.tenants.service import location_kinds, require_tenant
from shelfwise.platform.database import Database
from shelfwise.platform.problems import ProblemError
from shelfwise.platform.tenancy import business_day

logger = structlog.get_logger("shelfwise.inbox")
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(SaleEvent)

Progress = Callable[[int], None]

#: Failures that say nothing about an event: the batch is delivered again as it is.
_PASSING = (ProblemError, OperationalError, InterfaceError, OSError, TimeoutError)


@dataclass(slots=True)
class _Sorted:
    """A batch, sorted by what becomes of each event."""

    apply: list[Movement] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    rejected: list[tuple[SaleEvent, str]] = field(default_factory=list)
    duplicates: int = 0
    # The event of a movement whose own id is another's: a component's of a kit.
    events: dict[str, str] = field(default_factory=dict)

    def expand(self, kits: Mapping[str, Sequence[Component]]) -> None:
        """Puts the movements of a kit's components in the place of the kit's."""
        expanded: list[Movement] = []
        for movement in self.apply:
            parts = component_movements(movement, kits.get(movement.product_id, ())) or [movement]
            expanded += parts
            self.events |= {part.event_id: movement.event_id for part in parts}
        self.apply = expanded


class InboxService:
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def take(self, tenant_id: str, events: Sequence[SaleEvent]) -> EventsAnswer:
        """Applies the events that are new. A recorded sale has happened: it is applied whatever the balance.

        An event that cannot be applied, for whatever reason, is rejected alone: a batch that fails is taken again
        in halves, so that one impossible event holds up no other.
        """
        try:
            return await self._take_together(tenant_id, events)
        except _PASSING:
            raise
        except Exception as error:
            logger.exception("inbox.batch_failed", events=len(events))
            if len(events) == 1:
                return await self._reject(tenant_id, events[0], f"It cannot be applied ({type(error).__name__}).")
        half = len(events) // 2
        first = await self.take(tenant_id, events[:half])
        return _sum(first, await self.take(tenant_id, events[half:]))

    async def _reject(self, tenant_id: str, event: SaleEvent, reason: str) -> EventsAnswer:
        async with self._database.write(tenant_id) as connection:
            inbox = InboxRepository(connection, tenant_id, SOURCE)
            await inbox.reject([(event.event_id, reason, _ENCODER.encode(event))], self._clock())
        rejected = [RejectedEvent(event_id=event.event_id, reason=reason)]
        return EventsAnswer(applied=0, duplicates=0, before_opening=0, rejected=rejected)

    async def _take_together(self, tenant_id: str, events: Sequence[SaleEvent]) -> EventsAnswer:
        """All of the events in one transaction."""
        batch, applied = await self._database.in_transaction(
            tenant_id, lambda connection: self._apply(connection, tenant_id, events)
        )
        if batch.rejected:
            logger.warning("inbox.rejected", events=len(batch.rejected), first_reason=batch.rejected[0][1])
        return EventsAnswer(
            applied=applied,
            duplicates=batch.duplicates,
            before_opening=len(batch.outcomes) - applied,
            rejected=[RejectedEvent(event_id=event.event_id, reason=reason) for event, reason in batch.rejected],
        )

    async def _apply(
        self, connection: AsyncConnection, tenant_id: str, events: Sequence[SaleEvent]
    ) -> tuple[_Sorted, int]:
        """The batch, sorted, and how many of its events moved stock."""
        now = self._clock()
        tenant = await require_tenant(connection, tenant_id)
        inbox = InboxRepository(connection, tenant_id, SOURCE)
        await inbox.lock()
        taken = await inbox.taken([event.event_id for event in events])
        kinds = await location_kinds(connection, tenant_id)
        names = sorted({event.product_id for event in events})
        kits = await components_of(connection, tenant_id, names)
        parts = {component.product_id for components in kits.values() for component in components}
        costs = await product_costs(connection, tenant_id, sorted(parts.union(names)))
        ledger = Ledger(connection, tenant_id, kinds)
        batch = _sort(events, taken, tenant.settings.default_location_id, kinds, set(costs))
        batch.expand(kits)
        await ledger.lock(batch.apply)
        felt = _without_history(batch, ledger, tenant.settings.time_zone)
        applied = [ledger.apply(movement, costs[movement.product_id]) for movement in felt]
        await consume_for_sales(connection, tenant_id, ledger, batch.apply, now)
        if batch.apply:
            await ledger.save(applied, SOURCE, now)
        await inbox.take(batch.outcomes, now)
        await inbox.reject([(event.event_id, reason, _ENCODER.encode(event)) for event, reason in batch.rejected], now)
        if batch.outcomes:
            await inbox.forget_rejected(list(batch.outcomes))
        return batch, sum(outcome == "applied" for outcome in batch.outcomes.values())

    async def retry(self, tenant_id: str, progress: Progress | None = None) -> EventsAnswer:
        """Takes every rejected event again; those that still cannot be applied stay, with the reason of today."""
        total = EventsAnswer(applied=0, duplicates=0, before_opening=0, rejected=[])
        after, done = "", 0
        while True:
            async with self._database.read(tenant_id) as connection:
                await require_tenant(connection, tenant_id)
                rows = await InboxRepository(connection, tenant_id, SOURCE).rejected(
                    after=after, limit=MAX_BATCH_EVENTS
                )
            if not rows:
                return total
            answer = await self.take(tenant_id, [_DECODER.decode(payload) for _, _, payload in rows])
            total = _sum(total, answer)
            after, done = rows[-1][0], done + len(rows)
            if progress is not None:
                progress(done)

    async def rejected_count(self, database: Database) -> int:
        """How many events wait for a retry, over all tenants; ``database`` may see them all."""
        async with database.read(None) as connection:
            return await count_rejected(connection)


def _sum(one: EventsAnswer, other: EventsAnswer) -> EventsAnswer:
    return EventsAnswer(
        applied=one["applied"] + other["applied"],
        duplicates=one["duplicates"] + other["duplicates"],
        before_opening=one["before_opening"] + other["before_opening"],
        rejected=[*one["rejected"], *other["rejected"]],
    )


def _sort(
    events: Sequence[SaleEvent],
    taken: set[str],
    default_location_id: str,
    kinds: Mapping[str, str],
    products: set[str],
) -> _Sorted:
    batch = _Sorted()
    seen = set(taken)
    for event in events:
        if event.event_id in seen:
            batch.duplicates += 1
            continue
        seen.add(event.event_id)
        try:
            check_known(event, kinds, products, default_location_id)
            batch.apply.append(movement_of(event, default_location_id))
        except RejectedError as error:
            batch.rejected.append((event, str(error)))
        else:
            batch.outcomes[event.event_id] = "applied"
    return batch


def _without_history(batch: _Sorted, ledger: Ledger, time_zone: str) -> list[Movement]:
    """The movements that stock feels; the others are marked as before the opening balance."""
    days: dict[datetime, date] = {}
    felt = []
    for movement in batch.apply:
        stocking = movement.from_location_id if movement.kind == "sale" else movement.to_location_id
        opened_at = None
        if ledger.holds_stock(stocking):
            opened_at = ledger.balance(movement.product_id, stocking).opened_at
        if opened_at is not None and opened_at not in days:
            days[opened_at] = business_day(opened_at, time_zone)
        if not is_before_opening(opened_at, None if opened_at is None else days[opened_at], movement):
            felt.append(movement)
    moved = {batch.events[movement.event_id] for movement in felt}
    for event_id in batch.outcomes:
        batch.outcomes[event_id] = "applied" if event_id in moved else "before_opening"
    return felt
