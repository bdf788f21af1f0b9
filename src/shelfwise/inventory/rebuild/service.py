"""``stock rebuild``: the balances once more from the movements, in bounded memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.catalogue.service import product_costs
from shelfwise.inventory.ledger.service import Balance, Place
from shelfwise.inventory.locations import STOCKING_KINDS
from shelfwise.inventory.rebuild.repository import RebuildRepository
from shelfwise.inventory.rebuild.rules import Difference, Replay, differences
from shelfwise.inventory.tenants.service import location_kinds, require_tenant
from shelfwise.platform.database import Database

#: What one transaction replays at most, unless a single product has more.
BATCH_MOVEMENTS = 20_000
BATCH_PRODUCTS = 500
#: Differences that a report names; the others are counted.
MAX_LISTED = 1000
_PRODUCTS_AT_ONCE = 5000

#: (movements done, movements in all)
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class RebuildReport:
    """``differing`` figures were not what the movements say; the first thousand are listed."""

    movements: int = 0
    balances: int = 0
    differing: int = 0
    listed: list[Difference] = field(default_factory=list)

    def add(self, found: Sequence[Difference]) -> None:
        self.differing += len(found)
        self.listed += found[: MAX_LISTED - len(self.listed)]


class RebuildService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def rebuild(self, tenant_id: str, *, check: bool, progress: Progress | None = None) -> RebuildReport:
        """Replays every movement and sets the balances that differ; with ``check`` it only says which do.

        Products are locked while theirs are replayed, so the services may run meanwhile.
        """
        report, after = RebuildReport(), ""
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            total = await RebuildRepository(connection, tenant_id).total()
        while True:
            async with self._database.read(tenant_id) as connection:
                products = await RebuildRepository(connection, tenant_id).products(after=after, limit=_PRODUCTS_AT_ONCE)
            if not products:
                return report
            for batch in _batches(products):
                part = await self._database.in_transaction(
                    tenant_id, partial(_rebuild, tenant_id=tenant_id, product_ids=batch, check=check)
                )
                report.movements += part.movements
                report.balances += part.balances
                report.differing += part.differing
                report.listed += part.listed[: MAX_LISTED - len(report.listed)]
                if progress is not None:
                    progress(report.movements, total)
            after = products[-1][0]


async def _rebuild(
    connection: AsyncConnection, tenant_id: str, product_ids: Sequence[str], *, check: bool
) -> RebuildReport:
    repository = RebuildRepository(connection, tenant_id)
    kinds = await location_kinds(connection, tenant_id)
    stocking = frozenset(name for name, kind in kinds.items() if kind in STOCKING_KINDS)
    kept = await repository.lock(product_ids)
    replay = Replay(stocking, await product_costs(connection, tenant_id, product_ids))
    async for movement in repository.movements(product_ids):
        replay.post(movement)
    for place, counted_at in (await repository.last_counts(product_ids)).items():
        replay.counted(place, counted_at)
    for place, held in (await repository.held(product_ids)).items():
        replay.hold(place, *held)
    report = RebuildReport(replay.movements, len(replay.balances.keys() | kept.keys()))
    wrong: dict[Place, Balance] = {}
    for place in sorted(replay.balances.keys() | kept.keys()):
        rebuilt = replay.balances.get(place, Balance())
        found = differences(place, kept.get(place, Balance()), rebuilt)
        if found:
            report.add(found)
            wrong[place] = rebuilt
    if wrong and not check:
        known = kept | await repository.make(list(wrong))
        # A version never goes back: movements take their order from it.
        await repository.save(
            {place: replace(balance, version=known[place].version + 1) for place, balance in wrong.items()}
        )
    return report


def _batches(products: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    batch: list[str] = []
    movements = 0
    for product_id, count in products:
        if batch and (movements + count > BATCH_MOVEMENTS or len(batch) == BATCH_PRODUCTS):
            yield batch
            batch, movements = [], 0
        batch.append(product_id)
        movements += count
    if batch:
        yield batch
