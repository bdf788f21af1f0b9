"""``/api/inventory/stock-movements`` and ``/api/inventory/stock-levels``."""

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from shelfwise.inventory.effects import actor_of
from shelfwise.inventory.stock.schemas import Movements, MovementsIn, Recorded, ReversalIn, ReversalOut, StockLevels
from shelfwise.inventory.stock.service import StockService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.repeatable import identity_of, stored_response

AnyRequest = Request[Any, Any, Any]
READ, WRITE = {"scope": "inventory:read"}, {"scope": "inventory:write"}
TAGS = ["Stock"]
PageLimit = Annotated[int, QueryParameter(ge=1, le=100)]
Cursor = Annotated[str | None, QueryParameter(max_length=1024)]


@post(
    "/api/inventory/stock-movements",
    opt={**WRITE, "idempotency_key": True},
    responses=problem_responses(409, 413, 415, 422),
    tags=TAGS,
    summary="Record receipts, adjustments, opening balances and transfers, all or none",
)
async def record_movements(
    request: AnyRequest, stock: NamedDependency[StockService], data: JSONBody[MovementsIn]
) -> Response[Recorded]:
    identity = await identity_of(request, "POST /api/inventory/stock-movements")
    return stored_response(
        await stock.post(tenant_of(request), data.movements, identity=identity, actor=actor_of(request))
    )


@post(
    "/api/inventory/stock-movements/{movement_id:str}/reverse",
    opt={**WRITE, "idempotency_key": True},
    responses=problem_responses(404, 409, 413, 415, 422),
    tags=TAGS,
    summary="Take a movement back: its opposite is recorded and names it",
)
async def reverse_movement(
    request: AnyRequest, stock: NamedDependency[StockService], movement_id: FromPath[str], data: JSONBody[ReversalIn]
) -> Response[ReversalOut]:
    identity = await identity_of(request, "POST /api/inventory/stock-movements/{movement_id}/reverse")
    return stored_response(
        await stock.reverse(tenant_of(request), movement_id, data, identity=identity, actor=actor_of(request))
    )


@get(
    "/api/inventory/stock-movements",
    opt=READ,
    responses=problem_responses(422),
    tags=TAGS,
    summary="Movements, newest first",
)
async def list_movements(
    request: AnyRequest, stock: NamedDependency[StockService], limit: PageLimit = 50, cursor: Cursor = None
) -> Movements:
    return await stock.movements(tenant_of(request), product_id=None, limit=limit, cursor=cursor)


@get(
    "/api/inventory/products/{product_id:str}/movements",
    opt=READ,
    responses=problem_responses(404, 422),
    tags=TAGS,
    summary="Movements of a product, newest first",
)
async def list_product_movements(
    request: AnyRequest,
    stock: NamedDependency[StockService],
    product_id: FromPath[str],
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Movements:
    return await stock.movements(tenant_of(request), product_id=product_id, limit=limit, cursor=cursor)


@get(
    "/api/inventory/stock-levels",
    opt=READ,
    responses=problem_responses(422),
    tags=TAGS,
    summary="What is where, by product and location",
)
async def list_levels(
    request: AnyRequest,
    stock: NamedDependency[StockService],
    limit: PageLimit = 50,
    cursor: Cursor = None,
    product_id: Annotated[str | None, QueryParameter(max_length=128)] = None,
    location_id: Annotated[str | None, QueryParameter(max_length=128)] = None,
    oversold: Annotated[bool | None, QueryParameter(description="Only balances below zero.")] = None,
) -> StockLevels:
    return await stock.levels(
        tenant_of(request),
        product_id=product_id,
        location_id=location_id,
        oversold=bool(oversold),
        limit=limit,
        cursor=cursor,
    )


ROUTES = (record_movements, reverse_movement, list_movements, list_product_movements, list_levels)
