"""Routes about what was sold."""

from typing import Annotated, Any

from litestar import Request, Router, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from shelfwise.contracts.analytics import AnalyticsAnswer, AnalyticsQuery, SalesData, SalesSummary, TopSellingProduct
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.sales.analytics.service import AnalyticsService

AnyRequest = Request[Any, Any, Any]
Days = Annotated[int, QueryParameter(ge=1, le=730, description="Complete business days, ending yesterday.")]
READ = {"scope": "sales:read", "service": True}


def analytics_router(service: AnalyticsService) -> Router:
    @get(
        "/api/sales/products/{product_id:str}/analytics",
        opt=READ,
        summary="A product's sales",
        responses=problem_responses(404, 422),
    )
    async def product(request: AnyRequest, product_id: FromPath[str], days: Days = 30) -> SalesData:
        """Of the complete business days that end yesterday; zeros when it did not sell."""
        return await service.product(tenant_of(request), product_id, days)

    @get("/api/sales/products/top", opt=READ, summary="Top selling products", responses=problem_responses(422))
    async def top(
        request: AnyRequest, days: Days = 30, limit: Annotated[int, QueryParameter(ge=1, le=100)] = 10
    ) -> list[TopSellingProduct]:
        """By units sold, ties by product id."""
        return await service.top(tenant_of(request), days, limit)

    @get("/api/sales/summary", opt=READ, summary="All sales together", responses=problem_responses(422))
    async def summary(request: AnyRequest, days: Days = 30) -> SalesSummary:
        """Orders count when at least one line of them is not cancelled."""
        return await service.summary(tenant_of(request), days)

    @post(
        "/api/sales/analytics/query",
        opt=READ,
        status_code=200,
        summary="Sales of up to 1,000 products",
        responses=problem_responses(413, 415, 422),
    )
    async def query(request: AnyRequest, data: JSONBody[AnalyticsQuery]) -> AnalyticsAnswer:
        """In the order asked; products that Sales does not know are listed apart."""
        return await service.products(tenant_of(request), data.product_ids, data.days)

    return Router("/", route_handlers=[product, top, summary, query], tags=["Analytics"])
