"""Inventory's client of the Sales service.

:class:`SalesClient` is the instance: it calls Sales through ``shelfwise.http``, decodes each answer straight into its
contract type, and degrades as documented when Sales cannot be asked. :class:`SalesServiceClient` is the integration
document's face: four class methods on a process-default instance.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeVar
from weakref import WeakKeyDictionary

import msgspec

from shelfwise.contracts.analytics import (
    AnalyticsAnswer,
    SalesData,
    SalesSummary,
    TopSellingProduct,
)
from shelfwise.contracts.events import CatalogueRefs, RefsAnswer
from shelfwise.contracts.forecasts import DemandForecast, ForecastAnswer, ForecastQuery
from shelfwise.http import ClientStats, Deadline, Hooks, HTTPClientError, InvalidRoute, Reply, ServiceClient, Tracing
from shelfwise.http.batches import BatchCaller, BatchRoute
from shelfwise.inventory.clients.answers import Answer, decode, forecast_of, raise_failure, sales_data_of
from shelfwise.inventory.clients.batches import FORECASTS_QUERY, analytics_batch, forecast_batch
from shelfwise.inventory.clients.defaults import no_forecast, no_sales, no_summary
from shelfwise.inventory.clients.errors import FailureText, SalesUnavailableError, refusal, unavailable
from shelfwise.inventory.clients.policy import client_policy
from shelfwise.inventory.config import Settings
from shelfwise.platform.auth import Principal
from shelfwise.platform.deadline import current

T = TypeVar("T")
_ENCODER = msgspec.json.Encoder()
_REFS_SECONDS = 10.0
_SUCCESS = range(200, 300)
#: Kept back of the caller's time, so that an answer without Sales still reaches it.
_ANSWER_SECONDS = 0.02
ANALYTICS = "/api/sales/products/{product_id}/analytics"
FORECAST = "/api/sales/products/{product_id}/forecast"
TOP = "/api/sales/products/top"
SUMMARY = "/api/sales/summary"
PRODUCT_REFS = "/api/sales/product-refs"


class NoTopSellers(list[TopSellingProduct]):
    """The empty list that stands for top sellers when Sales could not be asked; ``error`` says why."""

    def __init__(self, error: FailureText) -> None:
        super().__init__()
        self.error = error


class SalesClient:
    """Asks Sales, for one tenant at a time. ``auth_token`` may come with or without ``Bearer ``.

    A call takes HTTP_CLIENT_TIMEOUT at most, SALES_CALL_TIMEOUT_SECONDS, and what the request's own deadline leaves.
    """

    def __init__(self, http: ServiceClient, background: ServiceClient | None = None) -> None:
        """``background`` carries what nobody waits for, with more time and a breaker of its own."""
        self._http = http
        self._background = background if background is not None else http
        self._batches = BatchCaller(http)
        self._sales_data = msgspec.json.Decoder(SalesData)
        self._forecast = msgspec.json.Decoder(DemandForecast)
        self._top = msgspec.json.Decoder(list[TopSellingProduct])
        self._summary = msgspec.json.Decoder(SalesSummary)
        self._forecast_answer = msgspec.json.Decoder(ForecastAnswer)
        self._refs_answer = msgspec.json.Decoder(RefsAnswer)
        self._remembered: Callable[[str], Principal | None] = lambda _token: None

    def recognise(self, remembered: Callable[[str], Principal | None]) -> None:
        """Lets a renewed token find what was cached for the same person: ``remembered`` knows verified tokens."""
        self._remembered = remembered

    @classmethod
    def from_settings(
        cls, settings: Settings, *, hooks: Hooks | None = None, tracing: Tracing | None = None
    ) -> "SalesClient":
        """A client of SALES_SERVICE_URL with the settings' time, pool and cache."""
        policy = client_policy(settings)
        seconds = policy.total_timeout_seconds
        patient = policy.for_service(call_timeout_seconds=seconds, attempt_timeout_seconds=seconds)
        prompt = policy.for_service(call_timeout_seconds=settings.SALES_CALL_TIMEOUT_SECONDS)
        return cls(
            ServiceClient(settings.SALES_SERVICE_URL, prompt, hooks=hooks, tracing=tracing, name="sales"),
            ServiceClient(settings.SALES_SERVICE_URL, patient, hooks=hooks, tracing=tracing, name="sales-background"),
        )

    async def product_sales_data(self, *, product_id: str, tenant_id: str, days: int, auth_token: str) -> SalesData:
        """Sales of a product; a product that Sales does not know has not sold yet."""
        try:
            answer = await self._get(
                ANALYTICS, self._sales_data, tenant_id, auth_token, {"days": days}, {"product_id": product_id}
            )
        except SalesUnavailableError as error:
            return {**no_sales(product_id, days), "error": error.text, "degraded": True}
        return sales_data_of(answer) if answer.value is not None else no_sales(product_id, days)

    async def product_demand_forecast(
        self, *, product_id: str, tenant_id: str, forecast_days: int, auth_token: str, service_level: float | None
    ) -> DemandForecast:
        """Forecast of a product; without an answer its figures are null."""
        params: dict[str, int | float] = {"forecast_days": forecast_days}
        if service_level is not None:
            params["service_level"] = service_level
        try:
            answer = await self._get(
                FORECAST, self._forecast, tenant_id, auth_token, params, {"product_id": product_id}
            )
        except SalesUnavailableError as error:
            return {**no_forecast(product_id, forecast_days), "error": error.text, "degraded": True}
        if answer.value is None:
            return {**no_forecast(product_id, forecast_days), "notes": ["Sales does not know this product yet."]}
        return forecast_of(answer)

    async def top_selling_products(
        self, *, tenant_id: str, days: int, limit: int, auth_token: str
    ) -> list[TopSellingProduct]:
        """Top sellers; raises SalesUnavailableError, since a list has no place to say that it is a default."""
        answer = await self._get(TOP, self._top, tenant_id, auth_token, {"days": days, "limit": limit})
        return answer.value or []

    async def sales_summary(self, *, tenant_id: str, days: int, auth_token: str) -> SalesSummary:
        """All sales together."""
        try:
            answer = await self._get(SUMMARY, self._summary, tenant_id, auth_token, {"days": days})
        except SalesUnavailableError as error:
            return {**no_summary(), "error": error.text, "degraded": True}
        return answer.value if answer.value is not None else no_summary()

    async def analytics(
        self, *, product_ids: Sequence[str], tenant_id: str, days: int, auth_token: str
    ) -> AnalyticsAnswer:
        """Sales of up to 1,000 products in one call; raises SalesUnavailableError."""
        batch = analytics_batch(days)
        answers, unknown = await self._batch(batch, product_ids, self._sales_data, tenant_id, auth_token)
        return {"items": [sales_data_of(answer) for answer in answers], "unknown": unknown}

    async def forecasts(
        self, query: ForecastQuery, *, tenant_id: str, auth_token: str, in_background: bool = False
    ) -> ForecastAnswer:
        """Forecasts of up to 1,000 products in one call; raises SalesUnavailableError.

        A run ``in_background`` may wait longer than a request, and is not answered from what requests have cached.
        """
        if not in_background:
            batch = forecast_batch(query)
            answers, unknown = await self._batch(batch, query.product_ids, self._forecast, tenant_id, auth_token)
            return {"items": [forecast_of(answer) for answer in answers], "unknown": unknown}
        reply = await self._call(
            self._background,
            "POST",
            FORECASTS_QUERY,
            tenant_id,
            auth_token,
            body=_ENCODER.encode(query),
            headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
            safe=True,
        )
        if reply.status not in _SUCCESS:
            raise refusal(reply)
        return decode(self._forecast_answer, reply.body)

    async def post_refs(self, tenant_id: str, refs: CatalogueRefs, *, auth_token: str, idempotency_key: str) -> None:
        """Publishes tenants and products; raises when Sales did not take them."""
        reply = await self._call(
            self._background,
            "POST",
            PRODUCT_REFS,
            tenant_id,
            auth_token,
            body=_ENCODER.encode(refs),
            headers={"Content-Type": "application/json", "Idempotency-Key": idempotency_key},
            timeout=_REFS_SECONDS,
        )
        if reply.status not in _SUCCESS:
            raise refusal(reply)
        decode(self._refs_answer, reply.body)

    def stats(self) -> ClientStats:
        """Breaker, latencies and cache of the calls so far that requests waited for."""
        return self._http.stats()

    def background_stats(self) -> ClientStats:
        """As ``stats``, of the calls that nobody waited for."""
        return self._background.stats()

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()
        if self._background is not self._http:
            await self._background.aclose()

    async def _get(
        self,
        route: str,
        decoder: "msgspec.json.Decoder[T]",
        tenant_id: str,
        auth_token: str,
        params: Mapping[str, int | float],
        parts: Mapping[str, str] | None = None,
    ) -> Answer[T]:
        try:
            reply = await self._call(self._http, "GET", route, tenant_id, auth_token, params=params, parts=parts)
        except InvalidRoute:
            # An id that cannot stand in a path is nobody's.
            return Answer(None, None)
        if reply.status == 404:
            return Answer(None, None)
        if reply.status not in _SUCCESS:
            raise refusal(reply)
        stale = int(reply.cache.age_seconds) if reply.cache.stale_reason == "error" else None
        return Answer(decode(decoder, reply.body), stale)

    async def _batch(
        self,
        batch: BatchRoute,
        product_ids: Sequence[str],
        decoder: "msgspec.json.Decoder[T]",
        tenant_id: str,
        auth_token: str,
    ) -> "tuple[list[Answer[T]], list[str]]":
        """The products' items, and the ids that Sales does not know."""
        token = bare_token(auth_token)
        reply = await self._batches.call(
            batch,
            product_ids,
            partition=tenant_id,
            subject=_subject(token, self._remembered(token)),
            headers={"Authorization": f"Bearer {token}", "X-Tenant-ID": tenant_id},
            deadline=_deadline(),
        )
        raise_failure(reply)
        known = {one: fragment for one, fragment in reply.fragments.items() if fragment is not None}
        items = [Answer(decode(decoder, body), _whole(reply.stale_seconds.get(one))) for one, body in known.items()]
        return items, [one for one in reply.fragments if one not in known]

    async def _call(
        self,
        http: ServiceClient,
        method: str,
        route: str,
        tenant_id: str,
        auth_token: str,
        *,
        params: Mapping[str, int | float] | None = None,
        parts: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        safe: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - becomes the call's deadline
    ) -> Reply:
        token = bare_token(auth_token)
        try:
            return await http.call(
                method,
                route,
                parts=parts,
                params=params,
                headers={"Authorization": f"Bearer {token}", "X-Tenant-ID": tenant_id, **(headers or {})},
                body=body,
                partition=tenant_id,
                subject=_subject(token, self._remembered(token)),
                safe=safe,
                deadline=_deadline(),
                timeout=timeout,
            )
        except HTTPClientError as error:
            raise unavailable(error) from error


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)


def _deadline() -> Deadline | None:
    """Until when Sales may take: as long as the caller of the request being handled waits, less our own way back."""
    of_request = current()
    return None if of_request is None else Deadline(of_request.at - _ANSWER_SECONDS)


def _subject(token: str, principal: Principal | None) -> bytes:
    """For whom an answer is: the verified person with their scopes, else whoever holds this very token."""
    if principal is None:
        return hashlib.sha256(token.encode()).digest()
    return f"{principal.subject}\n{' '.join(sorted(principal.scopes))}".encode()


def bare_token(auth_token: str) -> str:
    """The token without ``Bearer ``."""
    kind, _, token = auth_token.strip().partition(" ")
    return token.strip() if kind.lower() == "bearer" else auth_token.strip()


class SalesServiceClient:
    """The integration document's client: class methods on a process-default :class:`SalesClient`.

    The default is made from the environment's settings by the first call of an event loop; ``create_app`` replaces
    it by the application's own (``use``) until the application stops (``forget``).
    """

    _in_use: ClassVar[SalesClient | None] = None
    _lazy: ClassVar["WeakKeyDictionary[asyncio.AbstractEventLoop, SalesClient]"] = WeakKeyDictionary()

    @classmethod
    async def get_product_sales_data(
        cls, *, product_id: str, tenant_id: str, days: int = 30, auth_token: str
    ) -> SalesData:
        """Sales analytics of a product over the last ``days`` complete business days."""
        return await cls.default().product_sales_data(
            product_id=product_id, tenant_id=tenant_id, days=days, auth_token=auth_token
        )

    @classmethod
    async def get_product_demand_forecast(
        cls,
        *,
        product_id: str,
        tenant_id: str,
        forecast_days: int = 30,
        auth_token: str,
        service_level: float | None = None,
    ) -> DemandForecast:
        """Demand forecast of a product; ``service_level`` None is Sales' default, .95."""
        return await cls.default().product_demand_forecast(
            product_id=product_id,
            tenant_id=tenant_id,
            forecast_days=forecast_days,
            auth_token=auth_token,
            service_level=service_level,
        )

    @classmethod
    async def get_top_selling_products(
        cls, *, tenant_id: str, days: int = 30, limit: int = 10, auth_token: str
    ) -> list[TopSellingProduct]:
        """Top sellers of the last ``days`` complete business days; empty when Sales cannot be asked."""
        try:
            return await cls.default().top_selling_products(
                tenant_id=tenant_id, days=days, limit=limit, auth_token=auth_token
            )
        except SalesUnavailableError as error:
            return NoTopSellers(error.text)

    @classmethod
    async def get_sales_summary(cls, *, tenant_id: str, days: int = 30, auth_token: str) -> SalesSummary:
        """All sales of the last ``days`` complete business days."""
        return await cls.default().sales_summary(tenant_id=tenant_id, days=days, auth_token=auth_token)

    @classmethod
    def default(cls) -> SalesClient:
        """The client that the class methods use."""
        if cls._in_use is not None:
            return cls._in_use
        loop = asyncio.get_running_loop()
        client = cls._lazy.get(loop)
        if client is None:
            client = cls._lazy[loop] = SalesClient.from_settings(Settings())
        return client

    @classmethod
    def use(cls, client: SalesClient) -> None:
        """Makes ``client`` the default of this process."""
        cls._in_use = client

    @classmethod
    def forget(cls, client: SalesClient) -> None:
        """Lets go of ``client`` when it is the default; it is not closed."""
        if cls._in_use is client:
            cls._in_use = None

    @classmethod
    async def aclose(cls) -> None:
        """Closes the connections that the first call of this event loop opened."""
        client = cls._lazy.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()
