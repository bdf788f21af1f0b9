"""What forecast runs ask Inventory: when products were in stock."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

import msgspec
import numpy as np
import structlog

from shelfwise.contracts.availability import AvailabilityAnswer, AvailabilityQuery
from shelfwise.platform.database import Database
from shelfwise.platform.problems import UnavailableError
from shelfwise.platform.service_tokens import ServiceTokens
from shelfwise.sales.stock_history.repository import StockHistoryRepository
from shelfwise.sales.stock_history.rules import Shares, asked_from

PATH = "/api/inventory/stock-availability/query"
#: Three years of so many products are about two megabytes of answer.
_PRODUCTS_PER_CALL = 250

logger = structlog.get_logger("shelfwise.forecasting")


class PostJson(Protocol):
    """Posts a JSON body to Inventory and gives the body of a good answer; raises UnavailableError for any other."""

    async def __call__(self, path: str, *, body: bytes, headers: Mapping[str, str], tenant_id: str) -> bytes: ...


class StockHistoryFetch:
    """Asks Inventory, for forecast runs; what it says is kept for whoever recomputes a forecast."""

    def __init__(
        self, database: Database, post: PostJson, tokens: ServiceTokens, *, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._post = post
        self._tokens = tokens
        self._clock = clock
        self._decoder = msgspec.json.Decoder(AvailabilityAnswer)

    async def __call__(self, tenant_id: str, product_ids: Sequence[str], start: date, end: date) -> bool:
        """Asks Inventory for the products' shares of ``start <= day < end`` and keeps them; False: it has no answer.

        Of what is known already only the last four weeks are asked for again.
        """
        for begin in range(0, len(product_ids), _PRODUCTS_PER_CALL):
            ids = product_ids[begin : begin + _PRODUCTS_PER_CALL]
            async with self._database.read(tenant_id) as connection:
                known = await StockHistoryRepository(connection, tenant_id).shares(ids)
            firsts: dict[date, list[str]] = {}
            for name in ids:
                until = known[name].end if name in known else None
                firsts.setdefault(asked_from(until, start, end), []).append(name)
            for first, names in firsts.items():
                try:
                    told = await self._ask(tenant_id, names, first, end)
                except (UnavailableError, msgspec.DecodeError) as error:
                    logger.warning("forecast.no_stock_history", error=type(error).__name__)
                    return False
                kept = {n: known[n].followed_by(each) if n in known else each for n, each in told.items()}
                async with self._database.write(tenant_id) as connection:
                    await StockHistoryRepository(connection, tenant_id).store(kept, self._clock())
        return True

    async def _ask(self, tenant_id: str, names: Sequence[str], first: date, end: date) -> dict[str, Shares]:
        query = AvailabilityQuery(product_ids=list(names), start=first.isoformat(), end=end.isoformat())
        answer = self._decoder.decode(
            await self._post(
                PATH,
                body=msgspec.json.encode(query),
                headers={
                    "Authorization": f"Bearer {await self._tokens.token()}",
                    "X-Tenant-ID": tenant_id,
                    "Content-Type": "application/json",
                },
                tenant_id=tenant_id,
            )
        )
        days = (end - first).days
        return {
            item["product_id"]: Shares(first, np.array(item["shares"], dtype=np.float32))
            for item in answer["items"]
            if len(item["shares"]) == days
        }
