"""Stored runs and forecasts, and the daily units that go into them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shelfwise.platform.bulk import append
from shelfwise.platform.columns import MONEY_SCALE
from shelfwise.platform.database import insert_into
from shelfwise.sales.forecasting.rules import DaySales, StoredForecast, pack, unpack
from shelfwise.sales.tables import FORECAST_RUNS, FORECASTS, SALES_DAILY


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run, without its calibration's bytes; ``finished_at`` None: under way, or broken off.

    ``stock_history`` says what it knew of stock-outs: current, stale or none.
    """

    run_id: str
    business_date: date
    input_hash: bytes
    horizon: int
    products: int
    history_start: date
    calibration_id: str
    stock_history: str
    finished_at: datetime | None


_RUN_NAMES = tuple(RunRecord.__dataclass_fields__)


class ForecastingRepository:
    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def daily_sales(self, start: date, end: date, product_ids: Collection[str]) -> list[DaySales]:
        """Units and revenue of the products by day and location, from ``start`` until before ``end``."""
        c = SALES_DAILY.c
        # As stored, in whole ten-thousandths: a Decimal for each row would cost more than the query.
        amount = sa.type_coerce(c.revenue, sa.BigInteger)
        query = sa.select(c.product_id, c.business_day, c.quantity, amount).where(
            c.tenant_id == self._tenant_id,
            c.business_day >= start,
            c.business_day < end,
            c.product_id.in_(product_ids),
        )
        scale = float(MONEY_SCALE)
        rows = await self._connection.execute(query)
        return [DaySales(name, day, quantity, revenue / scale) for name, day, quantity, revenue in rows]

    async def run_of(self, business_date: date, input_hash: bytes) -> RunRecord | None:
        """The run of that day with that very input, or None."""
        c = FORECAST_RUNS.c
        query = sa.select(*(c[name] for name in _RUN_NAMES)).where(
            c.tenant_id == self._tenant_id, c.business_date == business_date, c.input_hash == input_hash
        )
        row = (await self._connection.execute(query)).first()
        return None if row is None else RunRecord(*row)

    async def latest_run(self) -> RunRecord | None:
        """The run that finished last, or None."""
        c = FORECAST_RUNS.c
        query = (
            sa.select(*(c[name] for name in _RUN_NAMES))
            .where(c.tenant_id == self._tenant_id, c.finished_at.is_not(None))
            .order_by(c.finished_at.desc(), c.run_id.desc())
            .limit(1)
        )
        row = (await self._connection.execute(query)).first()
        return None if row is None else RunRecord(*row)

    async def calibration(self, run_id: str) -> bytes | None:
        """The calibration of a run."""
        c = FORECAST_RUNS.c
        found: bytes | None = await self._connection.scalar(
            sa.select(c.calibration).where(c.tenant_id == self._tenant_id, c.run_id == run_id)
        )
        return found

    async def add_run(self, run: RunRecord, calibration: bytes) -> None:
        """Keeps a run that begins."""
        values = {name: getattr(run, name) for name in _RUN_NAMES}
        await self._connection.execute(
            insert_into(self._connection, FORECAST_RUNS).values(
                tenant_id=self._tenant_id, calibration=calibration, **values
            )
        )

    async def finish_run(self, run_id: str, finished_at: datetime) -> None:
        """Marks the run as finished."""
        c = FORECAST_RUNS.c
        await self._connection.execute(
            sa.update(FORECAST_RUNS)
            .where(c.tenant_id == self._tenant_id, c.run_id == run_id)
            .values(finished_at=finished_at)
        )

    async def stored_by(self, business_date: date, run_id: str) -> set[str]:
        """The products whose forecast for the business date is of that run."""
        c = FORECASTS.c
        query = sa.select(c.product_id).where(
            c.tenant_id == self._tenant_id, c.business_date == business_date, c.run_id == run_id
        )
        return set(await self._connection.scalars(query))

    async def store(
        self,
        business_date: date,
        run_id: str,
        forecasts: Sequence[tuple[str, StoredForecast]],
        computed_at: datetime,
    ) -> None:
        """Keeps forecasts of products for a business date, in place of an earlier run's."""
        statement = insert_into(self._connection, FORECASTS)
        await append(
            self._connection,
            FORECASTS,
            ("tenant_id", "product_id", "business_date", "run_id", "computed_at", "payload"),
            [
                (self._tenant_id, product_id, business_date, run_id, computed_at, pack(forecast))
                for product_id, forecast in forecasts
            ],
            statement=statement.on_conflict_do_update(
                index_elements=["tenant_id", "product_id", "business_date"],
                set_={name: statement.excluded[name] for name in ("run_id", "computed_at", "payload")},
            ),
        )

    async def forecasts(
        self, business_date: date, product_ids: Collection[str]
    ) -> dict[str, tuple[str, datetime, StoredForecast]]:
        """Run, moment and forecast of those of the products that have one for the business date."""
        c = FORECASTS.c
        query = sa.select(c.product_id, c.run_id, c.computed_at, c.payload).where(
            c.tenant_id == self._tenant_id, c.product_id.in_(product_ids), c.business_date == business_date
        )
        return {row[0]: (row[1], row[2], unpack(row[3])) for row in await self._connection.execute(query)}

    async def prune(self, before: date) -> int:
        """Removes forecasts and runs of business dates before one; says how many forecasts went."""
        gone = await self._connection.execute(
            sa.delete(FORECASTS).where(FORECASTS.c.tenant_id == self._tenant_id, FORECASTS.c.business_date < before)
        )
        await self._connection.execute(
            sa.delete(FORECAST_RUNS).where(
                FORECAST_RUNS.c.tenant_id == self._tenant_id, FORECAST_RUNS.c.business_date < before
            )
        )
        return gone.rowcount
