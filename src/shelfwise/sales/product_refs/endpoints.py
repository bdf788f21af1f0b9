"""Where Inventory publishes its catalogue to Sales."""

from typing import Any

from litestar import Request, Router, post
from litestar.params import JSONBody

from shelfwise.contracts.events import CatalogueRefs, RefsAnswer
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.sales.product_refs.service import ProductRefsService


def product_refs_router(service: ProductRefsService) -> Router:
    @post(
        "/api/sales/product-refs",
        opt={"service": True},
        status_code=200,
        summary="Publish a tenant's settings and products",
        responses=problem_responses(413, 415, 422),
    )
    async def publish(request: Request[Any, Any, Any], data: JSONBody[CatalogueRefs]) -> RefsAnswer:
        """Newer versions are kept; older and equal ones are counted as stale and ignored, so repeating is safe."""
        return await service.apply(tenant_of(request), data)

    return Router("/", route_handlers=[publish], tags=["Catalogue"])
