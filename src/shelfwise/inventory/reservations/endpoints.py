"""``/api/inventory/reservations``."""

from typing import Annotated, Any, Literal

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from shelfwise.inventory.effects import actor_of
from shelfwise.inventory.reservations.schemas import ConsumeIn, ReservationIn, ReservationOut, Reservations
from shelfwise.inventory.reservations.service import ReservationService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.repeatable import identity_of, stored_response

AnyRequest = Request[Any, Any, Any]
Service = NamedDependency[ReservationService]
ROOT = "/api/inventory/reservations"
ONE = f"{ROOT}/{{reservation_id:str}}"
READ = {"scope": "inventory:read"}
ONCE = {"scope": "inventory:write", "idempotency_key": True}
TAGS = ["Reservations"]


@post(
    ROOT,
    opt=ONCE,
    responses=problem_responses(409, 413, 415, 422),
    tags=TAGS,
    summary="Hold available stock for an order, or set it aside",
)
async def hold_stock(
    request: AnyRequest, reservations: Service, data: JSONBody[ReservationIn]
) -> Response[ReservationOut]:
    identity = await identity_of(request, f"POST {ROOT}")
    return stored_response(await reservations.hold(tenant_of(request), data, identity, actor_of(request)))


@get(ROOT, opt=READ, responses=problem_responses(422), tags=TAGS, summary="Reservations")
async def list_reservations(
    request: AnyRequest,
    reservations: Service,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=1024)] = None,
    status: Annotated[Literal["held", "consumed", "released", "expired"] | None, QueryParameter()] = None,
    product_id: Annotated[str | None, QueryParameter(max_length=128)] = None,
    reference: Annotated[str | None, QueryParameter(max_length=128)] = None,
) -> Reservations:
    return await reservations.page(
        tenant_of(request), status=status, product_id=product_id, reference=reference, limit=limit, cursor=cursor
    )


@get(ONE, opt=READ, responses=problem_responses(404, 422), tags=TAGS, summary="One reservation")
async def show_reservation(request: AnyRequest, reservations: Service, reservation_id: FromPath[str]) -> ReservationOut:
    return await reservations.show(tenant_of(request), reservation_id)


@post(
    f"{ONE}/consume",
    opt=ONCE,
    status_code=200,
    responses=problem_responses(404, 409, 413, 415, 422),
    tags=TAGS,
    summary="Held units leave the stock (orders that Sales records do this by themselves)",
)
async def consume_reservation(
    request: AnyRequest, reservations: Service, reservation_id: FromPath[str], data: JSONBody[ConsumeIn]
) -> Response[ReservationOut]:
    identity = await identity_of(request, f"POST {ONE}/consume")
    return stored_response(
        await reservations.consume(tenant_of(request), reservation_id, data, identity, actor_of(request))
    )


@post(
    f"{ONE}/release",
    opt=ONCE,
    status_code=200,
    responses=problem_responses(404, 409, 422),
    tags=TAGS,
    summary="Make held units available again",
)
async def release_reservation(
    request: AnyRequest, reservations: Service, reservation_id: FromPath[str]
) -> Response[ReservationOut]:
    identity = await identity_of(request, f"POST {ONE}/release")
    return stored_response(await reservations.release(tenant_of(request), reservation_id, identity, actor_of(request)))


ROUTES = (hold_stock, list_reservations, show_reservation, consume_reservation, release_reservation)
