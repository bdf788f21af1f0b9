"""Routes about orders."""

from typing import Annotated, Any

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.repeatable import identity_of, stored_response
from shelfwise.sales.booking.service import BookingService
from shelfwise.sales.orders.schemas import (
    AnyReturn,
    Cancellation,
    NewOrder,
    OrderReceipt,
    OrderReturn,
    OrderView,
    ResolveAnswer,
    UnresolvedPage,
)
from shelfwise.sales.orders.service import OrdersService

AnyRequest = Request[Any, Any, Any]


def orders_router(service: OrdersService, booking: BookingService) -> Router:
    write = {"scope": "sales:write"}
    once = {**write, "idempotency_key": True}

    @post("/api/sales/orders", opt=once, summary="Record an order", responses=problem_responses(409, 413, 415, 422))
    async def add(request: AnyRequest, data: JSONBody[NewOrder]) -> Response[OrderReceipt]:
        """The same order again gets the same answer; another order under its id is 409."""
        identity = await identity_of(request, "POST /api/sales/orders")
        return stored_response(await service.post(tenant_of(request), data, identity))

    @get(
        "/api/sales/orders/{order_id:str}",
        opt={"scope": "sales:read"},
        summary="An order",
        responses=problem_responses(404),
    )
    async def read(request: AnyRequest, order_id: FromPath[str]) -> OrderView:
        return await service.view(tenant_of(request), order_id)

    @post(
        "/api/sales/orders/{order_id:str}/cancel",
        opt=once,
        status_code=200,
        summary="Cancel an order or lines of it",
        responses=problem_responses(404, 409, 413, 415, 422),
    )
    async def cancel(request: AnyRequest, order_id: FromPath[str], data: JSONBody[Cancellation]) -> Response[OrderView]:
        """The figures of the order's own business day go down; cancelling all of a cancelled order changes nothing."""
        identity = await identity_of(request, "POST /api/sales/orders/{order_id}/cancel")
        return stored_response(await service.cancel(tenant_of(request), order_id, data, identity))

    @post(
        "/api/sales/orders/{order_id:str}/returns",
        opt=once,
        status_code=200,
        summary="Record returned goods of an order",
        responses=problem_responses(404, 409, 413, 415, 422),
    )
    async def take_back(
        request: AnyRequest, order_id: FromPath[str], data: JSONBody[OrderReturn]
    ) -> Response[OrderView]:
        """Booked on the day of the return, in fields of its own; demand is not reduced."""
        identity = await identity_of(request, "POST /api/sales/orders/{order_id}/returns")
        return stored_response(await service.take_back(tenant_of(request), order_id, data, identity))

    @post(
        "/api/sales/returns",
        opt=once,
        status_code=200,
        summary="Record returned goods",
        responses=problem_responses(404, 409, 413, 415, 422),
    )
    async def take_back_any(request: AnyRequest, data: JSONBody[AnyReturn]) -> Response[OrderView]:
        """As on the order's own route, with the order in the body."""
        identity = await identity_of(request, "POST /api/sales/returns")
        what = OrderReturn(lines=data.lines, returned_at=data.returned_at)
        return stored_response(await service.take_back(tenant_of(request), data.order_id, what, identity))

    @get(
        "/api/sales/unresolved-lines",
        opt={"scope": "sales:read"},
        summary="Codes that were sold and name no product",
        responses=problem_responses(422),
    )
    async def unresolved(
        request: AnyRequest,
        limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
        cursor: Annotated[str, QueryParameter(max_length=128)] = "",
    ) -> UnresolvedPage:
        return await service.unresolved(tenant_of(request), cursor=cursor, limit=limit)

    @post(
        "/api/sales/unresolved-lines/resolve",
        opt=write,
        status_code=200,
        summary="Book the lines whose code names a product by now",
        responses=problem_responses(),
    )
    async def resolve(request: AnyRequest) -> ResolveAnswer:
        """Happens by itself when Inventory publishes a product."""
        return ResolveAnswer(resolved=await booking.resolve_unresolved(tenant_of(request)))

    handlers = [add, read, cancel, take_back, take_back_any, unresolved, resolve]
    return Router("/", route_handlers=handlers, tags=["Orders"])
