"""Where stock is: the tenant's own locations, beside those that every ledger has."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.inventory.effects import Effects, Outcome
from shelfwise.inventory.places.repository import PlaceRepository
from shelfwise.inventory.places.rules import Location, check_archivable, check_own, new_location
from shelfwise.inventory.places.schemas import LocationChange, LocationIn, Locations, location_out
from shelfwise.inventory.tenants.service import require_tenant
from shelfwise.inventory.values import check_text, decode_cursor, encode_cursor
from shelfwise.platform.audit import SYSTEM, Actor, Change
from shelfwise.platform.database import Database
from shelfwise.platform.idempotency import RequestIdentity, StoredAnswer
from shelfwise.platform.problems import ConflictError, NotFoundError


class PlaceService:
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._effects = Effects(database, clock)

    async def page(self, tenant_id: str, *, archived: bool, limit: int, cursor: str | None) -> Locations:
        """Locations by id, those that every ledger has too."""
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            found = await PlaceRepository(connection, tenant_id).page(
                after=decode_cursor(cursor), limit=limit + 1, archived=archived
            )
        following = encode_cursor(found[limit - 1].location_id) if len(found) > limit else None
        return Locations([location_out(location) for location in found[:limit]], following)

    async def create(
        self, tenant_id: str, wanted: LocationIn, identity: RequestIdentity | None = None, actor: Actor = SYSTEM
    ) -> StoredAnswer:
        """A new stocking location; the answer's body is a LocationOut.

        Raises:
            InvalidError: an impossible id or name.
            ConflictError: the id is taken.
        """

        async def effect(connection: AsyncConnection, _now: datetime) -> Outcome:
            await require_tenant(connection, tenant_id)
            location = new_location(wanted.location_id, wanted.name or wanted.location_id)
            if not await PlaceRepository(connection, tenant_id).add(location):
                raise ConflictError(f"There is a location {location.location_id!r} already.")
            return _outcome("create", None, location)

        return await self._effects.once(tenant_id, identity, 201, effect, actor)

    async def change(
        self,
        tenant_id: str,
        location_id: str,
        wanted: LocationChange,
        identity: RequestIdentity | None = None,
        actor: Actor = SYSTEM,
    ) -> StoredAnswer:
        """Renames a location, archives it or brings it back.

        Raises:
            NotFoundError: no such location.
            ConflictError: it belongs to the ledger itself, or is to be archived and still in use.
        """

        async def effect(connection: AsyncConnection, now: datetime) -> Outcome:
            tenant = await require_tenant(connection, tenant_id)
            repository = PlaceRepository(connection, tenant_id)
            before = await _require(repository, location_id)
            check_own(before)
            after = before
            if wanted.name is not msgspec.UNSET:
                after = replace(after, name=check_text("name", wanted.name, 200))
                await repository.rename(location_id, after.name)
            if wanted.archived is not msgspec.UNSET and wanted.archived != (before.archived_at is not None):
                after = replace(after, archived_at=now if wanted.archived else None)
                if wanted.archived:
                    # What is brought at this very moment stays counted: the ledger keeps archived locations too.
                    in_use = await repository.is_in_use(location_id)
                    check_archivable(before, tenant.settings.default_location_id, in_use=in_use)
                await repository.archive(location_id, after.archived_at)
            return _outcome("change", before, after)

        return await self._effects.once(tenant_id, identity, 200, effect, actor)


async def _require(repository: PlaceRepository, location_id: str) -> Location:
    found = await repository.get(location_id)
    if found is None:
        raise NotFoundError(f"There is no location {location_id!r}.")
    return found


def _outcome(action: str, before: Location | None, after: Location) -> Outcome:
    answer = location_out(after)
    known = None if before is None else location_out(before)
    return Outcome(answer, [Change(action, "locations", after.location_id, known, answer)])
