"""``/api/inventory/suppliers`` and their items."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from shelfwise.inventory.effects import actor_of
from shelfwise.inventory.purchasing.rules import Supplier, SupplierItem
from shelfwise.inventory.purchasing.schemas import (
    SupplierChange,
    SupplierIn,
    SupplierItemIn,
    SupplierItemOut,
    SupplierItems,
    SupplierOut,
    Suppliers,
    cut_off_time,
)
from shelfwise.inventory.purchasing.service import PurchasingService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of

AnyRequest = Request[Any, Any, Any]
READ, WRITE = {"scope": "inventory:read"}, {"scope": "inventory:write"}
TAGS = ["Suppliers"]
PageLimit = Annotated[int, QueryParameter(ge=1, le=100)]
Cursor = Annotated[str | None, QueryParameter(max_length=1024)]


@get("/api/inventory/suppliers", opt=READ, responses=problem_responses(422), tags=TAGS, summary="Suppliers, by id")
async def list_suppliers(
    request: AnyRequest, purchasing: NamedDependency[PurchasingService], limit: PageLimit = 50, cursor: Cursor = None
) -> Suppliers:
    return await purchasing.suppliers(tenant_of(request), limit, cursor)


@post(
    "/api/inventory/suppliers",
    opt=WRITE,
    responses=problem_responses(409, 413, 415, 422),
    tags=TAGS,
    summary="Add a supplier with its lead times",
)
async def add_supplier(
    request: AnyRequest, purchasing: NamedDependency[PurchasingService], data: JSONBody[SupplierIn]
) -> SupplierOut:
    supplier = Supplier(
        data.supplier_id,
        data.name,
        tuple((entry.days, entry.probability) for entry in data.lead_times),
        tuple(data.order_weekdays),
        data.min_order_value,
        data.min_order_units,
        cut_off_time(data.cut_off),
        tuple(data.closed_dates),
        data.lead_time_unit,
    )
    return await purchasing.add_supplier(tenant_of(request), supplier, actor_of(request))


@get(
    "/api/inventory/suppliers/{supplier_id:str}",
    opt=READ,
    responses=problem_responses(404, 422),
    tags=TAGS,
    summary="One supplier",
)
async def show_supplier(
    request: AnyRequest, purchasing: NamedDependency[PurchasingService], supplier_id: FromPath[str]
) -> SupplierOut:
    return await purchasing.supplier(tenant_of(request), supplier_id)


@patch(
    "/api/inventory/suppliers/{supplier_id:str}",
    opt=WRITE,
    responses=problem_responses(404, 409, 413, 415, 422),
    tags=TAGS,
    summary="Change a supplier",
)
async def change_supplier(
    request: AnyRequest,
    purchasing: NamedDependency[PurchasingService],
    supplier_id: FromPath[str],
    data: JSONBody[SupplierChange],
) -> SupplierOut:
    changes = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    version = changes.pop("version", None)
    if "lead_times" in changes:
        changes["lead_times"] = tuple((entry.days, entry.probability) for entry in changes["lead_times"])
    for name in ("order_weekdays", "closed_dates"):
        if name in changes:
            changes[name] = tuple(changes[name])
    if "cut_off" in changes:
        changes["cut_off"] = cut_off_time(changes["cut_off"])
    return await purchasing.change_supplier(tenant_of(request), supplier_id, changes, version, actor_of(request))


@get(
    "/api/inventory/suppliers/{supplier_id:str}/items",
    opt=READ,
    responses=problem_responses(404, 422),
    tags=TAGS,
    summary="What a supplier sells, by product",
)
async def list_items(
    request: AnyRequest,
    purchasing: NamedDependency[PurchasingService],
    supplier_id: FromPath[str],
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> SupplierItems:
    return await purchasing.items(tenant_of(request), supplier_id, limit, cursor)


@post(
    "/api/inventory/suppliers/{supplier_id:str}/items",
    opt=WRITE,
    responses=problem_responses(404, 409, 413, 415, 422),
    tags=TAGS,
    summary="Set cost, MOQ and pack size of a product at a supplier",
)
async def put_item(
    request: AnyRequest,
    purchasing: NamedDependency[PurchasingService],
    supplier_id: FromPath[str],
    data: JSONBody[SupplierItemIn],
) -> SupplierItemOut:
    item = SupplierItem(supplier_id, data.product_id, data.unit_cost, data.moq, data.pack_size)
    return await purchasing.put_item(tenant_of(request), item, actor_of(request))


ROUTES = (list_suppliers, add_supplier, show_supplier, change_supplier, list_items, put_item)
