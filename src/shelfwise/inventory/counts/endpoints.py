"""``/api/inventory/stock-counts``."""

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from shelfwise.inventory.counts.schemas import CountIn, CountOut, Counts
from shelfwise.inventory.counts.service import CountService
from shelfwise.inventory.effects import actor_of
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.repeatable import identity_of, stored_response

AnyRequest = Request[Any, Any, Any]
Service = NamedDependency[CountService]
ROOT = "/api/inventory/stock-counts"
READ = {"scope": "inventory:read"}
TAGS = ["Stock"]


@post(
    ROOT,
    opt={"scope": "inventory:write", "idempotency_key": True},
    responses=problem_responses(409, 413, 415, 422),
    tags=TAGS,
    summary="Record what was counted: the differences move, and sales from before the count are history",
)
async def record_count(request: AnyRequest, counts: Service, data: JSONBody[CountIn]) -> Response[CountOut]:
    identity = await identity_of(request, f"POST {ROOT}")
    return stored_response(await counts.count(tenant_of(request), data, identity, actor_of(request)))


@get(ROOT, opt=READ, responses=problem_responses(422), tags=TAGS, summary="Stock counts")
async def list_counts(
    request: AnyRequest,
    counts: Service,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=1024)] = None,
    location_id: Annotated[str | None, QueryParameter(max_length=128)] = None,
) -> Counts:
    return await counts.page(tenant_of(request), location_id=location_id, limit=limit, cursor=cursor)


@get(f"{ROOT}/{{count_id:str}}", opt=READ, responses=problem_responses(404, 422), tags=TAGS, summary="One stock count")
async def show_count(request: AnyRequest, counts: Service, count_id: FromPath[str]) -> CountOut:
    return await counts.show(tenant_of(request), count_id)


ROUTES = (record_count, list_counts, show_count)
