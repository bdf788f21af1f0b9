"""Routes about what will be sold."""

from typing import Annotated, Any

from litestar import Request, Router, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from shelfwise.contracts.forecasts import DemandForecast, ForecastAnswer, ForecastQuery, ForecastRefresh, RefreshAnswer
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.sales.forecasting.service import ForecastingService

AnyRequest = Request[Any, Any, Any]
READ = {"scope": "sales:read", "service": True}


def forecasting_router(service: ForecastingService) -> Router:
    @get(
        "/api/sales/products/{product_id:str}/forecast",
        opt=READ,
        summary="A product's demand forecast",
        responses=problem_responses(404, 422),
    )
    async def product(
        request: AnyRequest,
        product_id: FromPath[str],
        forecast_days: Annotated[int, QueryParameter(ge=1, le=180)] = 30,
        service_level: Annotated[float, QueryParameter(gt=0, lt=1)] = 0.95,
    ) -> DemandForecast:
        """Mean and quantiles by day and of totals, with the measured confidence and an explanation that adds up."""
        return await service.product(
            tenant_of(request), product_id, forecast_days=forecast_days, service_level=service_level
        )

    @post(
        "/api/sales/forecasts/query",
        opt=READ,
        status_code=200,
        summary="Forecasts of up to 1,000 products",
        responses=problem_responses(413, 415, 422),
    )
    async def query(request: AnyRequest, data: JSONBody[ForecastQuery]) -> ForecastAnswer:
        """In the order asked; products that Sales does not know are listed apart."""
        return await service.query(tenant_of(request), data)

    @post(
        "/api/sales/forecasts/refresh",
        opt={"scope": "sales:write", "service": True},
        status_code=200,
        summary="Compute stored forecasts anew",
        responses=problem_responses(409, 413, 415, 422),
    )
    async def refresh(request: AnyRequest, data: JSONBody[ForecastRefresh]) -> RefreshAnswer:
        """From today's data, by the calibration of the last run. Repeating it changes nothing but `as_of`."""
        return await service.refresh(tenant_of(request), data.product_ids)

    return Router("/", route_handlers=[product, query, refresh], tags=["Forecasts"])
