"""``/api/inventory/locations``."""

from typing import Annotated, Any

from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from shelfwise.inventory.effects import actor_of
from shelfwise.inventory.places.schemas import LocationChange, LocationIn, LocationOut, Locations
from shelfwise.inventory.places.service import PlaceService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.repeatable import identity_of, stored_response

AnyRequest = Request[Any, Any, Any]
Service = NamedDependency[PlaceService]
ROOT = "/api/inventory/locations"
ONE = f"{ROOT}/{{location_id:str}}"
ONCE = {"scope": "inventory:write", "idempotency_key": True}
TAGS = ["Locations"]


@get(
    ROOT,
    opt={"scope": "inventory:read"},
    responses=problem_responses(422),
    tags=TAGS,
    summary="Where stock is, comes from and goes to",
)
async def list_locations(
    request: AnyRequest,
    places: Service,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 100,
    cursor: Annotated[str | None, QueryParameter(max_length=1024)] = None,
    archived: Annotated[bool | None, QueryParameter(description="Archived ones too.")] = None,
) -> Locations:
    return await places.page(tenant_of(request), archived=bool(archived), limit=limit, cursor=cursor)


@post(
    ROOT,
    opt=ONCE,
    responses=problem_responses(409, 413, 415, 422),
    tags=TAGS,
    summary="A new place that holds stock",
)
async def create_location(request: AnyRequest, places: Service, data: JSONBody[LocationIn]) -> Response[LocationOut]:
    identity = await identity_of(request, f"POST {ROOT}")
    return stored_response(await places.create(tenant_of(request), data, identity, actor_of(request)))


@patch(
    ONE,
    opt=ONCE,
    responses=problem_responses(404, 409, 413, 415, 422),
    tags=TAGS,
    summary="Rename a location, archive it once it is empty, or bring it back",
)
async def change_location(
    request: AnyRequest, places: Service, location_id: FromPath[str], data: JSONBody[LocationChange]
) -> Response[LocationOut]:
    identity = await identity_of(request, f"PATCH {ONE}")
    return stored_response(await places.change(tenant_of(request), location_id, data, identity, actor_of(request)))


ROUTES = (list_locations, create_location, change_location)
