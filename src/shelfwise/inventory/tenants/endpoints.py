"""``/api/inventory/tenant``."""

from typing import Any

import msgspec
from litestar import Request, get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody

from shelfwise.inventory.tenants.schemas import TenantChange, TenantOut, tenant_out
from shelfwise.inventory.tenants.service import Clock, TenantService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of

AnyRequest = Request[Any, Any, Any]


@get(
    "/api/inventory/tenant",
    opt={"scope": "inventory:read"},
    responses=problem_responses(422),
    tags=["Tenant"],
    summary="The tenant's settings",
)
async def show_tenant(
    request: AnyRequest, tenants: NamedDependency[TenantService], clock: NamedDependency[Clock]
) -> TenantOut:
    tenant = await tenants.show(tenant_of(request))
    return tenant_out(tenant, tenant.today(clock()))


@patch(
    "/api/inventory/tenant",
    opt={"scope": "inventory:write"},
    responses=problem_responses(409, 413, 415, 422),
    tags=["Tenant"],
    summary="Change the tenant's settings",
)
async def change_tenant(
    request: AnyRequest,
    tenants: NamedDependency[TenantService],
    clock: NamedDependency[Clock],
    data: JSONBody[TenantChange],
) -> TenantOut:
    changes = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    version = changes.pop("version", None)
    tenant = await tenants.change(tenant_of(request), changes, version)
    return tenant_out(tenant, tenant.today(clock()))


ROUTES = (show_tenant, change_tenant)
