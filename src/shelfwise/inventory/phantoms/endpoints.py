"""``GET /api/inventory/phantom-stock``."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from shelfwise.inventory.phantoms.schemas import Phantoms
from shelfwise.inventory.phantoms.service import PhantomService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of


@get(
    "/api/inventory/phantom-stock",
    opt={"scope": "inventory:read"},
    responses=problem_responses(422),
    tags=["Stock"],
    summary="Stock that has not sold for longer than 99 % of its usual pauses: look whether it is there",
)
async def list_phantoms(
    request: Request[Any, Any, Any],
    phantoms: NamedDependency[PhantomService],
    cursor: Annotated[str | None, QueryParameter(max_length=1024)] = None,
) -> Phantoms:
    return await phantoms.page(tenant_of(request), cursor=cursor)


ROUTES = (list_phantoms,)
