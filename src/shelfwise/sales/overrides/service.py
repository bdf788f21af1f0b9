"""Overrides by a planner, kept apart from the forecasts that they change, and scored when their days are over."""

import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import date, datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.database import Database
from shelfwise.platform.idempotency import IdempotencyKeys, RequestIdentity, StoredAnswer
from shelfwise.platform.problems import InvalidError
from shelfwise.sales.identifiers import text_problem
from shelfwise.sales.overrides.errors import OverlappingOverrideError, OverrideNotFoundError
from shelfwise.sales.overrides.repository import Chosen, OverridesRepository
from shelfwise.sales.overrides.rules import F, Override, day_changes, days_problem, score
from shelfwise.sales.overrides.schemas import (
    NewOverride,
    OverridePage,
    OverrideScorePage,
    override_view,
    score_view,
)
from shelfwise.sales.product_refs.service import ProductRefsService, Tenant
from shelfwise.sales.tables import IDEMPOTENCY_KEYS

__all__ = ["ExpectedUnits", "NewOverride", "Override", "OverridesService", "day_changes"]

#: Units expected of a product on each of so many days from the business date on, without overrides.
ExpectedUnits = Callable[[AsyncConnection, Tenant, str, int], Awaitable[F]]
Effect = Callable[[AsyncConnection], Awaitable[StoredAnswer]]


class OverridesService:
    def __init__(
        self,
        database: Database,
        product_refs: ProductRefsService,
        *,
        longest_days: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._product_refs = product_refs
        self._longest_days = longest_days
        self._clock = clock
        self._expected: ExpectedUnits | None = None

    def compare_with(self, expected: ExpectedUnits) -> None:
        """Says who knows what is expected without overrides; needed before the first ``add``."""
        self._expected = expected

    async def add(
        self, tenant_id: str, new: NewOverride, by: str, identity: RequestIdentity | None = None
    ) -> StoredAnswer:
        """Keeps an override, from now on part of every answer.

        Raises:
            InvalidError: a field is not valid.
            NotFoundError: Sales knows no such product.
            OverlappingOverrideError: the product has one on some of these days.
            IdempotencyMismatchError, InProgressError: as the key says.
        """
        tenant, now = await self._product_refs.tenant(tenant_id), self._clock()
        today = tenant.today(now)

        async def effect(connection: AsyncConnection) -> StoredAnswer:
            assert self._expected is not None, "compare_with() comes first"
            _check(new, today, self._longest_days)
            # Two overrides of one product must not miss each other.
            await self._product_refs.lock(connection, tenant_id, [new.product_id])
            repository = OverridesRepository(connection, tenant_id)
            others = await repository.standing([new.product_id], new.first_day, new.last_day)
            if others:
                raise OverlappingOverrideError(others[0].override_id)
            expected = await self._expected(connection, tenant, new.product_id, (new.last_day - today).days + 1)
            override = _override(new, expected[(new.first_day - today).days :], by, now)
            await repository.add(override)
            return StoredAnswer(201, msgspec.json.encode(override_view(override)))

        return await self._once(tenant_id, identity, effect)

    async def withdraw(
        self, tenant_id: str, override_id: str, by: str, identity: RequestIdentity | None = None
    ) -> StoredAnswer:
        """Takes an override back; one that is withdrawn already stays as it is.

        Raises:
            OverrideNotFoundError: there is none of that id.
        """
        await self._product_refs.tenant(tenant_id)
        now = self._clock()

        async def effect(connection: AsyncConnection) -> StoredAnswer:
            repository = OverridesRepository(connection, tenant_id)
            override = await repository.get(override_id, lock=True)
            if override is None:
                raise OverrideNotFoundError(override_id)
            if override.withdrawn_at is None:
                await repository.withdraw(override_id, by, now)
                override = replace(override, withdrawn_by=by, withdrawn_at=now)
            return StoredAnswer(200, msgspec.json.encode(override_view(override)))

        return await self._once(tenant_id, identity, effect)

    async def page(
        self,
        tenant_id: str,
        *,
        product_id: str | None = None,
        from_day: date | None = None,
        withdrawn: bool = False,
        cursor: str | None = None,
        limit: int = 50,
    ) -> OverridePage:
        """The newest first: of a product, of those with days from ``from_day`` on, with withdrawn ones or without."""
        await self._product_refs.tenant(tenant_id)
        chosen = Chosen(product_id, from_day, None, withdrawn)
        async with self._database.read(tenant_id) as connection:
            found = await OverridesRepository(connection, tenant_id).page(chosen, before=cursor, limit=limit + 1)
        items = [override_view(override) for override in found[:limit]]
        return OverridePage(items=items, next=items[-1]["override_id"] if len(found) > limit else None)

    async def scores(
        self, tenant_id: str, *, product_id: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> OverrideScorePage:
        """How right those were whose days are over and that were not withdrawn, the newest first."""
        tenant = await self._product_refs.tenant(tenant_id)
        chosen = Chosen(product_id, None, tenant.today(self._clock()), withdrawn=False)
        async with self._database.read(tenant_id) as connection:
            repository = OverridesRepository(connection, tenant_id)
            found = await repository.page(chosen, before=cursor, limit=limit + 1)
            sold = await repository.sold(found[:limit])
        items = [score_view(score(override, sold[override.override_id])) for override in found[:limit]]
        return OverrideScorePage(items=items, next=items[-1]["override"]["override_id"] if len(found) > limit else None)

    async def standing(
        self, connection: AsyncConnection, tenant_id: str, product_ids: Collection[str], first: date, days: int
    ) -> dict[str, list[Override]]:
        """Those that change the ``days`` days from ``first`` on, by product."""
        if not product_ids:
            return {}
        last = first + timedelta(days=days - 1)
        found: dict[str, list[Override]] = {}
        for override in await OverridesRepository(connection, tenant_id).standing(product_ids, first, last):
            found.setdefault(override.product_id, []).append(override)
        return found

    async def _once(self, tenant_id: str, identity: RequestIdentity | None, effect: Effect) -> StoredAnswer:
        now = self._clock()
        async with self._database.write(tenant_id) as connection:
            keys = IdempotencyKeys(IDEMPOTENCY_KEYS, connection)
            stored = None if identity is None else await keys.stored(identity, now)
            if stored is not None:
                return stored
            answer = await effect(connection)
            if identity is not None:
                await keys.store(identity, answer, now)
            return answer


def _check(new: NewOverride, today: date, longest_days: int) -> None:
    if (new.factor is None) == (new.units_per_day is None):
        raise InvalidError.of("factor", "give either factor or units_per_day")
    problem = text_problem(new.reason) or (None if new.reason.strip() else "is blank: say why, for those who score it")
    if problem is not None:
        raise InvalidError.of("reason", problem)
    wrong = days_problem(new.first_day, new.last_day, today, longest_days)
    if wrong is not None:
        raise InvalidError.of(*wrong)


def _override(new: NewOverride, expected: F, by: str, now: datetime) -> Override:
    return Override(
        override_id=f"{int(now.timestamp() * 1000):012x}{secrets.token_hex(4)}",
        product_id=new.product_id,
        first_day=new.first_day,
        last_day=new.last_day,
        factor=new.factor,
        units_per_day=new.units_per_day,
        reason=new.reason.strip(),
        statistical=expected,
        created_by=by,
        created_at=now,
    )
