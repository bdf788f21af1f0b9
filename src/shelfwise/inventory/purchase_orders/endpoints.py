"""``/api/inventory/purchase-orders``."""

from typing import Annotated, Any

from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from shelfwise.inventory.effects import actor_of
from shelfwise.inventory.purchase_orders.rules import Status
from shelfwise.inventory.purchase_orders.schemas import (
    DraftChange,
    PurchaseOrderIn,
    PurchaseOrderOut,
    PurchaseOrders,
    ReceiveIn,
    SubmitIn,
)
from shelfwise.inventory.purchase_orders.service import PurchaseOrderService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.repeatable import identity_of, stored_response

AnyRequest = Request[Any, Any, Any]
Service = NamedDependency[PurchaseOrderService]
READ, ONCE = {"scope": "inventory:read"}, {"scope": "inventory:write", "idempotency_key": True}
TAGS = ["Purchase orders"]
ROOT = "/api/inventory/purchase-orders"
ONE = f"{ROOT}/{{order_id:str}}"


@get(ROOT, opt=READ, responses=problem_responses(422), tags=TAGS, summary="Purchase orders, by id")
async def list_orders(
    request: AnyRequest,
    purchase_orders: Service,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=1024)] = None,
    status: Annotated[Status | None, QueryParameter(description="Only orders in this state.")] = None,
    supplier_id: Annotated[str | None, QueryParameter(max_length=128)] = None,
) -> PurchaseOrders:
    return await purchase_orders.orders(
        tenant_of(request), status=status, supplier_id=supplier_id, limit=limit, cursor=cursor
    )


@post(
    ROOT,
    opt=ONCE,
    responses=problem_responses(409, 413, 415, 422),
    tags=TAGS,
    summary="Draft a purchase order, or record one that is under way",
)
async def create_order(
    request: AnyRequest, purchase_orders: Service, data: JSONBody[PurchaseOrderIn]
) -> Response[PurchaseOrderOut]:
    identity = await identity_of(request, f"POST {ROOT}")
    return stored_response(await purchase_orders.create(tenant_of(request), data, identity, actor_of(request)))


@get(ONE, opt=READ, responses=problem_responses(404, 422), tags=TAGS, summary="One purchase order")
async def show_order(request: AnyRequest, purchase_orders: Service, order_id: FromPath[str]) -> PurchaseOrderOut:
    return await purchase_orders.order(tenant_of(request), order_id)


@patch(
    ONE,
    opt=ONCE,
    responses=problem_responses(404, 409, 413, 415, 422),
    tags=TAGS,
    summary="Give a draft other lines",
)
async def edit_order(
    request: AnyRequest, purchase_orders: Service, order_id: FromPath[str], data: JSONBody[DraftChange]
) -> Response[PurchaseOrderOut]:
    identity = await identity_of(request, f"PATCH {ONE}")
    return stored_response(await purchase_orders.edit(tenant_of(request), order_id, data, identity, actor_of(request)))


@post(
    f"{ONE}/submit",
    opt=ONCE,
    status_code=200,
    responses=problem_responses(404, 409, 413, 415, 422),
    tags=TAGS,
    summary="Submit a draft: from now on it counts as on order",
)
async def submit_order(
    request: AnyRequest, purchase_orders: Service, order_id: FromPath[str], data: JSONBody[SubmitIn]
) -> Response[PurchaseOrderOut]:
    identity = await identity_of(request, f"POST {ONE}/submit")
    return stored_response(
        await purchase_orders.submit(tenant_of(request), order_id, data, identity, actor_of(request))
    )


@post(
    f"{ONE}/receive",
    opt=ONCE,
    status_code=200,
    responses=problem_responses(404, 409, 413, 415, 422),
    tags=TAGS,
    summary="Receive all or a part: the order and the stock ledger move together",
)
async def receive_order(
    request: AnyRequest, purchase_orders: Service, order_id: FromPath[str], data: JSONBody[ReceiveIn]
) -> Response[PurchaseOrderOut]:
    identity = await identity_of(request, f"POST {ONE}/receive")
    return stored_response(
        await purchase_orders.receive(tenant_of(request), order_id, data, identity, actor_of(request))
    )


@post(
    f"{ONE}/cancel",
    opt=ONCE,
    status_code=200,
    responses=problem_responses(404, 409, 422),
    tags=TAGS,
    summary="Cancel what is still outstanding",
)
async def cancel_order(
    request: AnyRequest, purchase_orders: Service, order_id: FromPath[str]
) -> Response[PurchaseOrderOut]:
    identity = await identity_of(request, f"POST {ONE}/cancel")
    return stored_response(await purchase_orders.cancel(tenant_of(request), order_id, identity, actor_of(request)))


ROUTES = (list_orders, create_order, show_order, edit_order, submit_order, receive_order, cancel_order)
