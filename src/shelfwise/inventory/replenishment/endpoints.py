"""``/api/inventory/recommendations``."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from shelfwise.inventory.replenishment.schemas import Recommendations
from shelfwise.inventory.replenishment.service import ReplenishmentService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of


@get(
    "/api/inventory/recommendations",
    opt={"scope": "inventory:read"},
    responses=problem_responses(422),
    tags=["Replenishment"],
    summary="The last recommendation of each product, the most urgent first",
)
async def list_recommendations(
    request: Request[Any, Any, Any],
    replenishment: NamedDependency[ReplenishmentService],
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=1024)] = None,
    needs_reorder: Annotated[bool | None, QueryParameter(description="Only those that do, or do not.")] = None,
) -> Recommendations:
    return await replenishment.page(tenant_of(request), limit=limit, cursor=cursor, needs_reorder=needs_reorder)


ROUTES = (list_recommendations,)
