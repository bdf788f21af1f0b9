"""The integration document's four routes, and the list of recommendations."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from shelfwise.inventory.answers import Dashboard, ProductWithForecast, ProductWithSales, ReorderRecommendation
from shelfwise.inventory.service import InventoryService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import principal_of, tenant_of

AnyRequest = Request[Any, Any, Any]
READ = {"scope": "inventory:read"}
TAGS = ["Sales figures and advice"]
Days = Annotated[int, QueryParameter(ge=1, le=730, description="Complete business days, ending yesterday.")]


def _token(request: AnyRequest) -> str:
    """The caller's own token, which Sales is shown."""
    return principal_of(request).token.reveal()


@get(
    "/api/inventory/products/{product_id:str}/with-sales-data",
    opt=READ,
    responses=problem_responses(404, 422),
    tags=TAGS,
    summary="A product with its sales",
)
async def with_sales_data(
    request: AnyRequest, service: NamedDependency[InventoryService], product_id: FromPath[str], days: Days = 30
) -> ProductWithSales:
    return await service.get_product_with_sales_data(
        product_id=product_id, tenant_id=tenant_of(request), days=days, auth_token=_token(request)
    )


@get(
    "/api/inventory/products/{product_id:str}/demand-forecast",
    opt=READ,
    responses=problem_responses(404, 422),
    tags=TAGS,
    summary="A product with its demand forecast",
)
async def demand_forecast(
    request: AnyRequest,
    service: NamedDependency[InventoryService],
    product_id: FromPath[str],
    forecast_days: Annotated[int, QueryParameter(ge=1, le=180)] = 30,
) -> ProductWithForecast:
    return await service.get_product_with_demand_forecast(
        product_id=product_id, tenant_id=tenant_of(request), forecast_days=forecast_days, auth_token=_token(request)
    )


@get(
    "/api/inventory/products/{product_id:str}/reorder-recommendation",
    opt=READ,
    responses=problem_responses(404, 422),
    tags=TAGS,
    summary="Whether, how much and how urgently to order a product",
)
async def reorder_recommendation(
    request: AnyRequest, service: NamedDependency[InventoryService], product_id: FromPath[str]
) -> ReorderRecommendation:
    return await service.smart_reorder_recommendation(
        product_id=product_id, tenant_id=tenant_of(request), auth_token=_token(request)
    )


@get(
    "/api/inventory/dashboard",
    opt=READ,
    responses=problem_responses(422),
    tags=TAGS,
    summary="Stock, sales, top sellers and what is low",
)
async def dashboard(request: AnyRequest, service: NamedDependency[InventoryService], days: Days = 30) -> Dashboard:
    return await service.get_inventory_dashboard(tenant_id=tenant_of(request), days=days, auth_token=_token(request))


ROUTES = (with_sales_data, demand_forecast, reorder_recommendation, dashboard)
