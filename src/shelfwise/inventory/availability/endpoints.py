"""``POST /api/inventory/stock-availability/query``."""

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from shelfwise.contracts.availability import AvailabilityAnswer, AvailabilityQuery
from shelfwise.inventory.availability.service import AvailabilityService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of


@post(
    "/api/inventory/stock-availability/query",
    opt={"service": True},
    status_code=200,
    responses=problem_responses(413, 415, 422),
    tags=["Stock"],
    summary="In-stock share per business day of up to 1,000 products",
)
async def query_availability(
    request: Request[Any, Any, Any],
    availability: NamedDependency[AvailabilityService],
    data: JSONBody[AvailabilityQuery],
) -> AvailabilityAnswer:
    return await availability.shares(tenant_of(request), data)


ROUTES = (query_availability,)
