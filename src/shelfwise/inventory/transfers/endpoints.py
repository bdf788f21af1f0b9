"""``/api/inventory/transfers``."""

from typing import Annotated, Any, Literal

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from shelfwise.inventory.effects import actor_of
from shelfwise.inventory.transfers.schemas import TransferIn, TransferOut, TransferReceiptIn, Transfers
from shelfwise.inventory.transfers.service import TransferService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.repeatable import identity_of, stored_response

AnyRequest = Request[Any, Any, Any]
Service = NamedDependency[TransferService]
ROOT = "/api/inventory/transfers"
ONE = f"{ROOT}/{{transfer_id:str}}"
READ = {"scope": "inventory:read"}
ONCE = {"scope": "inventory:write", "idempotency_key": True}
TAGS = ["Transfers"]


@post(
    ROOT,
    opt=ONCE,
    responses=problem_responses(409, 413, 415, 422),
    tags=TAGS,
    summary="Ship stock from one location to another: it is in transit until it is received",
)
async def ship_transfer(request: AnyRequest, transfers: Service, data: JSONBody[TransferIn]) -> Response[TransferOut]:
    identity = await identity_of(request, f"POST {ROOT}")
    return stored_response(await transfers.ship(tenant_of(request), data, identity, actor_of(request)))


@get(ROOT, opt=READ, responses=problem_responses(422), tags=TAGS, summary="Transfers")
async def list_transfers(
    request: AnyRequest,
    transfers: Service,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=1024)] = None,
    status: Annotated[Literal["in_transit", "partially_received", "received"] | None, QueryParameter()] = None,
) -> Transfers:
    return await transfers.page(tenant_of(request), status=status, limit=limit, cursor=cursor)


@get(ONE, opt=READ, responses=problem_responses(404, 422), tags=TAGS, summary="One transfer")
async def show_transfer(request: AnyRequest, transfers: Service, transfer_id: FromPath[str]) -> TransferOut:
    return await transfers.show(tenant_of(request), transfer_id)


@post(
    f"{ONE}/receive",
    opt=ONCE,
    status_code=200,
    responses=problem_responses(404, 409, 413, 415, 422),
    tags=TAGS,
    summary="Receive all or a part; what is missing from the last receipt is a loss",
)
async def receive_transfer(
    request: AnyRequest, transfers: Service, transfer_id: FromPath[str], data: JSONBody[TransferReceiptIn]
) -> Response[TransferOut]:
    identity = await identity_of(request, f"POST {ONE}/receive")
    return stored_response(await transfers.receive(tenant_of(request), transfer_id, data, identity, actor_of(request)))


ROUTES = (ship_transfer, list_transfers, show_transfer, receive_transfer)
