"""Replenishment: decides by the one policy, keeps what was recommended, and says what is low."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b

import msgspec

from shelfwise.contracts.forecasts import DemandForecast, ForecastQuery
from shelfwise.inventory.clients.sales import SalesClient
from shelfwise.inventory.replenishment.repository import LowStockRow, ReplenishmentRepository, StoredRow
from shelfwise.inventory.replenishment.rules import (
    FORECAST_KEYS,
    URGENCIES,
    Decision,
    Facts,
    Forecast,
    decide,
    sentence,
    total_days,
)
from shelfwise.inventory.replenishment.schemas import LowStock, PlanResult, Recommendation, Recommendations
from shelfwise.inventory.tenants.service import Tenant, require_tenant
from shelfwise.inventory.values import cost_number, decode_cursor, encode_cursor, number
from shelfwise.platform.database import Database
from shelfwise.platform.problems import InvalidError, NotFoundError
from shelfwise.platform.service_tokens import ServiceTokens

__all__ = ["Facts", "ReplenishmentService"]

#: Products in one call to Sales: well under its limit of 1,000 and the client's of 10 MiB.
BATCH_PRODUCTS = 500
MAX_ALERTS = 50
RETENTION = timedelta(days=90)
_DECISIONS_KEPT = 1024
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Recommendation)


class ReplenishmentService:
    def __init__(
        self, database: Database, clock: Callable[[], datetime], sales: SalesClient, tokens: ServiceTokens
    ) -> None:
        self._database = database
        self._clock = clock
        self._sales = sales
        self._tokens = tokens
        self._decided: OrderedDict[tuple[Facts, date, bytes], Decision | None] = OrderedDict()

    async def facts(self, tenant_id: str, product_id: str) -> tuple[Tenant, Facts]:
        """What is known of a product before its demand is.

        Raises:
            NotFoundError: the tenant has no such product.
        """
        async with self._database.read(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            found = await ReplenishmentRepository(connection, tenant_id).facts(
                tenant, tenant.today(self._clock()), product_id=product_id
            )
        if not found:
            raise NotFoundError(f"There is no product {product_id!r}.")
        return tenant, found[0]

    def recommend(self, tenant: Tenant, facts: Facts, forecast: Forecast) -> Recommendation | None:
        """The policy's word on one product; None when the forecast gives nothing to decide on."""
        now = self._clock()
        today = tenant.today(now)
        decision = self._decide(facts, _with_history(forecast), today)
        return None if decision is None else _recommendation(tenant, facts, decision, forecast, today, now)

    def _decide(self, facts: Facts, forecast: Forecast | None, today: date) -> Decision | None:
        """One product's decision. The same question has the same answer, so the last ones are kept: a product is
        looked at far more often than its stock or its forecast changes.
        """  # noqa: D205 - one sentence does not fit a line
        if forecast is None:
            return None
        read = _ENCODER.encode([forecast.get(name) for name in FORECAST_KEYS])
        key = (facts, today, blake2b(read, digest_size=16).digest())
        if key not in self._decided:
            self._decided[key] = decide([facts], [forecast], today)[0]
            if len(self._decided) > _DECISIONS_KEPT:
                self._decided.popitem(last=False)
        self._decided.move_to_end(key)
        return self._decided[key]

    async def last(self, tenant_id: str, product_id: str) -> Recommendation | None:
        """The product's last stored recommendation."""
        async with self._database.read(tenant_id) as connection:
            document = await ReplenishmentRepository(connection, tenant_id).last(product_id)
        return None if document is None else _DECODER.decode(document)

    async def run(
        self,
        tenant_id: str,
        *,
        auth_token: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> PlanResult:
        """Plans every replenished product of a tenant and stores what it recommends for the business date.

        Repeating it on the same day replaces the day's recommendations. ``auth_token`` None uses a service token;
        ``progress`` is told (done, total).

        Raises:
            SalesUnavailableError: Sales could not be asked; batches that were planned before stay.
        """
        async with self._database.read(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            total = await ReplenishmentRepository(connection, tenant_id).count()
        now = self._clock()
        today = tenant.today(now)
        done = recommended = due = 0
        after = ""
        while True:
            async with self._database.read(tenant_id) as connection:
                facts = await ReplenishmentRepository(connection, tenant_id).facts(
                    tenant, today, after=after, limit=BATCH_PRODUCTS
                )
            if not facts:
                break
            token = auth_token if auth_token is not None else await self._tokens.token()
            found = await self._decide_batch(tenant, facts, token, today, now, in_background=True)
            async with self._database.write(tenant_id) as connection:
                await ReplenishmentRepository(connection, tenant_id).store([_row(entry) for entry in found], today, now)
            after, done = facts[-1].product_id, done + len(facts)
            recommended, due = recommended + len(found), due + sum(entry.needs_reorder for entry in found)
            if progress is not None:
                progress(done, max(total, done))
        async with self._database.write(tenant_id) as connection:
            await ReplenishmentRepository(connection, tenant_id).prune(today - RETENTION)
        return PlanResult(today, done, recommended, due, done - recommended)

    async def page(
        self, tenant_id: str, *, limit: int, cursor: str | None, needs_reorder: bool | None
    ) -> Recommendations:
        """Each product's last recommendation, the most urgent first."""
        position = decode_cursor(cursor)
        rank, _, product_id = position.partition("\x1f")
        if position and not rank.isdecimal():
            raise InvalidError.of("cursor", "is not a cursor that a list answered with", "query")
        async with self._database.read(tenant_id) as connection:
            await require_tenant(connection, tenant_id)
            rows = await ReplenishmentRepository(connection, tenant_id).page(
                after=(min(int(rank), 9), product_id) if position else None,
                limit=limit + 1,
                needs_reorder=needs_reorder,
            )
        following = encode_cursor(f"{rows[limit - 1][0]}\x1f{rows[limit - 1][1]}") if len(rows) > limit else None
        return Recommendations([_DECODER.decode(row[2]) for row in rows[:limit]], following)

    async def low_stock(self, tenant_id: str, auth_token: str) -> tuple[list[LowStock], int]:
        """Products at or below their reorder point, at most 50, and how many there are.

        Judged by the stored recommendations; where no plan was ever run, by one batch of forecasts.

        Raises:
            SalesUnavailableError: nothing is stored and Sales could not be asked.
        """
        async with self._database.read(tenant_id) as connection:
            tenant = await require_tenant(connection, tenant_id)
            repository = ReplenishmentRepository(connection, tenant_id)
            rows, total = await repository.low_stock(MAX_ALERTS)
            if rows or await repository.any_stored():
                return [_low(row, tenant.settings.currency) for row in rows], total
            facts = await repository.facts(tenant, tenant.today(self._clock()), limit=BATCH_PRODUCTS)
        if not facts:
            return [], 0
        now = self._clock()
        found = await self._decide_batch(tenant, facts, auth_token, tenant.today(now), now, in_background=False)
        low = [entry for entry in found if entry.available <= entry.reorder_point]
        low.sort(key=lambda entry: (_rank(entry.urgency), -(entry.margin_at_risk or 0.0), entry.product_id))
        return [_low_of(entry) for entry in low[:MAX_ALERTS]], len(low)

    async def _decide_batch(
        self,
        tenant: Tenant,
        facts: Sequence[Facts],
        auth_token: str,
        today: date,
        now: datetime,
        *,
        in_background: bool,
    ) -> list[Recommendation]:
        days = total_days(facts)
        query = ForecastQuery(
            product_ids=[fact.product_id for fact in facts],
            forecast_days=days[-1],
            service_level=tenant.settings.service_level,
            total_days=days,
        )
        answer = await self._sales.forecasts(
            query, tenant_id=tenant.tenant_id, auth_token=auth_token, in_background=in_background
        )
        forecasts: dict[str, DemandForecast] = {item["product_id"]: item for item in answer["items"]}
        wanted = [_with_history(forecasts.get(fact.product_id)) for fact in facts]
        decisions = decide(facts, wanted, today)
        return [
            _recommendation(tenant, fact, decision, forecast, today, now)
            for fact, decision, forecast in zip(facts, decisions, wanted, strict=True)
            if decision is not None and forecast is not None
        ]


def _with_history(forecast: Forecast | None) -> Forecast | None:
    """The forecast unless it knows only what other products sell: that is no reason to buy this one."""
    return None if forecast is None or forecast.get("history_days") == 0 else forecast


def _recommendation(
    tenant: Tenant, facts: Facts, decision: Decision, forecast: Forecast, today: date, now: datetime
) -> Recommendation:
    currency = tenant.settings.currency
    order_value = None if facts.unit_cost is None else facts.unit_cost * decision.order_quantity
    return Recommendation(
        product_id=facts.product_id,
        sku=facts.sku,
        name=facts.name,
        business_date=today,
        computed_at=now,
        needs_reorder=decision.needs_reorder and facts.replenished,
        urgency=decision.urgency,
        recommended_order_quantity=decision.order_quantity if facts.replenished else 0,
        recommended_reorder_quantity=decision.needed if facts.replenished else 0,
        reorder_point=decision.reorder_point,
        order_up_to_level=decision.order_up_to_level,
        safety_stock=decision.safety_stock,
        available=decision.available,
        on_hand=facts.on_hand,
        on_order=decision.on_order,
        overdue=decision.overdue,
        inventory_position=decision.position,
        moq=facts.moq,
        pack_size=facts.pack_size,
        supplier_id=facts.supplier_id,
        service_level=facts.service_level,
        lead_time_days=decision.lead_time_days,
        lead_times=facts.lead_times,
        review_period_days=facts.review_period_days,
        cover_days=decision.cover_days,
        mean_daily_demand=decision.mean_daily_demand,
        demand_30_days=decision.demand_30_days,
        days_of_cover_forecast=decision.days_of_cover,
        expected_stockout_date=decision.expected_stockout_date,
        unit_cost=cost_number(facts.unit_cost),
        order_value=number(order_value, currency),
        margin_at_risk=number(decision.margin_at_risk, currency),
        sentence=sentence(facts, decision) if facts.replenished else "Not replenished: the product's status says so.",
        forecast_days=forecast.get("forecast_days", 30),
        predicted_demand=forecast.get("predicted_demand"),
        confidence_level=forecast.get("confidence_level"),
        recommended_stock_level=forecast.get("recommended_stock_level"),
        forecast_run_id=forecast.get("run_id"),
    )


def _row(entry: Recommendation) -> StoredRow:
    return StoredRow(
        product_id=entry.product_id,
        needs_reorder=entry.needs_reorder,
        urgency=entry.urgency,
        urgency_rank=_rank(entry.urgency),
        reorder_point=entry.reorder_point,
        order_up_to_level=entry.order_up_to_level,
        order_quantity=entry.recommended_order_quantity,
        margin_at_risk=None if entry.margin_at_risk is None else Decimal(str(entry.margin_at_risk)),
        document=_ENCODER.encode(entry),
    )


def _rank(urgency: str) -> int:
    return URGENCIES.index(urgency) if urgency in URGENCIES else len(URGENCIES)


def _low(row: LowStockRow, currency: str) -> LowStock:
    return LowStock(
        product_id=row.product_id,
        sku=row.sku,
        name=row.name,
        available=row.available,
        on_order=row.on_order,
        reorder_point=row.reorder_point,
        needs_reorder=row.available + row.on_order <= row.reorder_point,
        urgency=row.urgency,
        recommended_order_quantity=row.order_quantity,
        margin_at_risk=number(row.margin_at_risk, currency),
        as_of=row.business_date,
    )


def _low_of(entry: Recommendation) -> LowStock:
    return LowStock(
        product_id=entry.product_id,
        sku=entry.sku,
        name=entry.name,
        available=entry.available,
        on_order=entry.on_order,
        reorder_point=entry.reorder_point,
        needs_reorder=entry.needs_reorder,
        urgency=entry.urgency,
        recommended_order_quantity=entry.recommended_order_quantity,
        margin_at_risk=entry.margin_at_risk,
        as_of=entry.business_date,
    )
