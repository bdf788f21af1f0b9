"""``/api/inventory/products/{product_id}/components``."""

from typing import Any

from litestar import Request, Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from shelfwise.inventory.effects import actor_of
from shelfwise.inventory.kits.schemas import ComponentsIn, KitOut
from shelfwise.inventory.kits.service import KitService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.repeatable import identity_of, stored_response

AnyRequest = Request[Any, Any, Any]
PATH = "/api/inventory/products/{product_id:str}/components"
TAGS = ["Products"]


@get(
    PATH,
    opt={"scope": "inventory:read"},
    responses=problem_responses(404, 422),
    tags=TAGS,
    summary="What a kit is made of, and how many the stock makes",
)
async def show_components(request: AnyRequest, kits: NamedDependency[KitService], product_id: FromPath[str]) -> KitOut:
    return await kits.show(tenant_of(request), product_id)


@put(
    PATH,
    opt={"scope": "inventory:write", "idempotency_key": True},
    responses=problem_responses(404, 409, 413, 415, 422),
    tags=TAGS,
    summary="Make a product a kit: what is sold of it leaves the stock as its components",
)
async def put_components(
    request: AnyRequest, kits: NamedDependency[KitService], product_id: FromPath[str], data: JSONBody[ComponentsIn]
) -> Response[KitOut]:
    identity = await identity_of(request, f"PUT {PATH}")
    return stored_response(await kits.put(tenant_of(request), product_id, data, identity, actor_of(request)))


ROUTES = (show_components, put_components)
