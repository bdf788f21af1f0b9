"""Promotions, past and planned: part of what the next forecasts are made from."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.database import Database
from shelfwise.platform.idempotency import IdempotencyKeys, RequestIdentity, StoredAnswer
from shelfwise.platform.problems import InvalidError, NotFoundError
from shelfwise.sales.product_refs.service import ProductRefsService, Tenant
from shelfwise.sales.promotions.repository import PromotionsRepository
from shelfwise.sales.promotions.rules import (
    NEEDED,
    OPTIONAL,
    Planned,
    Promotion,
    planned,
    read_terms,
    terms_problem,
)
from shelfwise.sales.promotions.schemas import NewPromotion, PromotionPage, promotion_view
from shelfwise.sales.rows import BadRow, TableError, TableReport, read_table, report
from shelfwise.sales.tables import IDEMPOTENCY_KEYS

__all__ = ["NewPromotion", "Planned", "PromotionsService"]

Effect = Callable[[AsyncConnection, Tenant], Awaitable[StoredAnswer]]


class PromotionNotFoundError(NotFoundError):
    def __init__(self, promotion_id: str) -> None:
        super().__init__(f"There is no promotion {promotion_id!r}.")


class PromotionsService:
    def __init__(self, database: Database, product_refs: ProductRefsService, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._product_refs = product_refs
        self._clock = clock

    async def add(self, tenant_id: str, new: NewPromotion, identity: RequestIdentity | None = None) -> StoredAnswer:
        """Keeps a promotion; the same terms again are the same promotion.

        Raises:
            InvalidError: a field is not valid, or Sales knows no such product.
            IdempotencyMismatchError, InProgressError: as the key says.
        """
        terms = new.terms()
        wrong = terms_problem(terms)
        if wrong is not None:
            raise InvalidError.of(*wrong)

        async def effect(connection: AsyncConnection, tenant: Tenant) -> StoredAnswer:
            if terms.product_id is not None:
                known = await self._product_refs.known(connection, tenant_id, [terms.product_id])
                if not known:
                    raise InvalidError.of("product_id", f"Sales knows no product {terms.product_id!r}")
            repository = PromotionsRepository(connection, tenant_id)
            await repository.add([terms], self._clock())
            kept = (await repository.known([terms.promotion_id]))[terms.promotion_id]
            return _answer(201, kept, tenant)

        return await self._once(tenant_id, identity, effect)

    async def remove(self, tenant_id: str, promotion_id: str, identity: RequestIdentity | None = None) -> StoredAnswer:
        """Removes a promotion that did not or will not take place.

        Raises:
            PromotionNotFoundError: there is none of that id.
        """

        async def effect(connection: AsyncConnection, tenant: Tenant) -> StoredAnswer:
            repository = PromotionsRepository(connection, tenant_id)
            found = await repository.known([promotion_id])
            if not found:
                raise PromotionNotFoundError(promotion_id)
            await repository.remove(promotion_id)
            return _answer(200, found[promotion_id], tenant)

        return await self._once(tenant_id, identity, effect)

    async def page(
        self,
        tenant_id: str,
        *,
        product_id: str | None = None,
        category: str | None = None,
        from_day: date | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> PromotionPage:
        """The latest first day first; ``from_day`` leaves out those that are over before it.

        Raises:
            InvalidError: the cursor is none of ours.
        """
        tenant = await self._product_refs.tenant(tenant_id)
        after = None if cursor is None else _position(cursor)
        async with self._database.read(tenant_id) as connection:
            found = await PromotionsRepository(connection, tenant_id).page(
                product_id=product_id, category=category, from_day=from_day, after=after, limit=limit + 1
            )
        items = [promotion_view(promotion, tenant.currency) for promotion in found[:limit]]
        following = f"{items[-1]['first_day']}_{items[-1]['promotion_id']}" if len(found) > limit else None
        return PromotionPage(items=items, next=following)

    async def import_table(self, tenant_id: str, data: bytes) -> TableReport:
        """Keeps the good rows of a CSV and lists the bad ones. Importing it again changes nothing.

        Raises:
            InvalidError: the file is no table of promotions.
        """
        await self._product_refs.tenant(tenant_id)
        try:
            rows, bad = read_table(data, NEEDED, OPTIONAL, read_terms)
        except TableError as error:
            raise InvalidError.of("file", str(error)) from error
        async with self._database.write(tenant_id) as connection:
            wanted = {terms.product_id for _, terms in rows if terms.product_id is not None}
            ids = await self._product_refs.resolve(connection, tenant_id, wanted)
            good = {}
            for line, terms in rows:
                if terms.product_id is not None and terms.product_id not in ids:
                    bad.append(BadRow(line, f"product: Sales knows no product {terms.product_id!r}"))
                    continue
                meant = terms if terms.product_id is None else replace(terms, product_id=ids[terms.product_id])
                good[line] = meant
            repository = PromotionsRepository(connection, tenant_id)
            new = {terms.promotion_id: terms for terms in good.values()}
            for known in await repository.known(new):
                del new[known]
            await repository.add(list(new.values()), self._clock())
        return report(len(new), len(good) - len(new), bad)

    async def planned(
        self,
        connection: AsyncConnection,
        tenant_id: str,
        products: Sequence[tuple[str, str | None]],
        start: date,
        days: int,
    ) -> Planned | None:
        """What promotions mean for products (id, category) on ``days`` days from ``start``; None: nothing."""
        ids = [name for name, _ in products]
        categories = {category for _, category in products if category is not None}
        end = start + timedelta(days=days)
        found = await PromotionsRepository(connection, tenant_id).touching(ids, categories, start, end)
        return planned(found, products, start, days)

    async def _once(self, tenant_id: str, identity: RequestIdentity | None, effect: Effect) -> StoredAnswer:
        tenant, now = await self._product_refs.tenant(tenant_id), self._clock()
        async with self._database.write(tenant_id) as connection:
            keys = IdempotencyKeys(IDEMPOTENCY_KEYS, connection)
            stored = None if identity is None else await keys.stored(identity, now)
            if stored is not None:
                return stored
            answer = await effect(connection, tenant)
            if identity is not None:
                await keys.store(identity, answer, now)
            return answer


def _answer(status: int, promotion: Promotion, tenant: Tenant) -> StoredAnswer:
    return StoredAnswer(status, msgspec.json.encode(promotion_view(promotion, tenant.currency)))


def _position(cursor: str) -> tuple[date, str]:
    day, _, promotion_id = cursor.partition("_")
    try:
        return date.fromisoformat(day), promotion_id
    except ValueError as error:
        raise InvalidError.of("cursor", "is none that a page gave", "query") from error
