"""The route for a stream of orders."""

from typing import Any

from litestar import Request, Router, post
from litestar.params import FromQuery

from shelfwise.platform.apidocs import problem_responses, text_body
from shelfwise.platform.guards import tenant_of
from shelfwise.sales.bulk.schemas import BulkAnswer
from shelfwise.sales.bulk.service import BulkOrdersService
from shelfwise.sales.uploads import NDJSON_TYPES, check_media_type, received

_NDJSON = text_body(
    "application/x-ndjson", "One order a line, each as POST /api/sales/orders takes it; at most 1 MiB a line."
)


def bulk_router(service: BulkOrdersService) -> Router:
    @post(
        "/api/sales/orders/bulk",
        opt={"scope": "sales:write"},
        status_code=200,
        summary="Record a stream of orders",
        responses=problem_responses(413, 415, 422),
        operation_class=_NDJSON,
    )
    async def add(request: Request[Any, Any, Any], history: FromQuery[bool] = False) -> BulkAnswer:  # noqa: FBT002  a query parameter
        """Each order is taken whole or refused with its line and reason. The same stream again changes nothing."""
        check_media_type(request.headers.get("Content-Type"), NDJSON_TYPES, "Send application/x-ndjson.")
        return await service.run(tenant_of(request), received(request), history=history)

    return Router("/", route_handlers=[add], tags=["Orders"])
