"""Routes about what a planner expects in place of a forecast."""

from datetime import date
from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import principal_of, tenant_of
from shelfwise.platform.repeatable import identity_of, stored_response
from shelfwise.sales.overrides.schemas import NewOverride, OverridePage, OverrideScorePage, OverrideView
from shelfwise.sales.overrides.service import OverridesService

AnyRequest = Request[Any, Any, Any]
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
Cursor = Annotated[str | None, QueryParameter(max_length=64)]
ProductId = Annotated[str | None, QueryParameter(max_length=128, description="Only those of this product.")]
ROOT = "/api/sales/forecast-overrides"
ONE = f"{ROOT}/{{override_id:str}}"


def overrides_router(service: OverridesService) -> Router:
    read = {"scope": "sales:read"}
    once = {"scope": "sales:write", "idempotency_key": True}

    @post(ROOT, opt=once, summary="Override a forecast", responses=problem_responses(404, 409, 413, 415, 422))
    async def add(request: AnyRequest, data: JSONBody[NewOverride]) -> Response[OverrideView]:
        """Part of every answer from now on; the statistical forecast stays as it is stored, and both are scored."""
        identity = await identity_of(request, f"POST {ROOT}")
        return stored_response(await service.add(tenant_of(request), data, principal_of(request).subject, identity))

    @get(ROOT, opt=read, summary="Overrides, the newest first", responses=problem_responses(422))
    async def page(
        request: AnyRequest,
        product_id: ProductId = None,
        from_day: Annotated[
            date | None, QueryParameter(description="Only those with a day on or after this one.")
        ] = None,
        withdrawn: FromQuery[bool] = False,  # noqa: FBT002  a query parameter
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> OverridePage:
        """Without those that were withdrawn, unless `withdrawn=true`."""
        return await service.page(
            tenant_of(request),
            product_id=product_id,
            from_day=from_day,
            withdrawn=withdrawn,
            cursor=cursor,
            limit=limit,
        )

    @get(f"{ROOT}/scores", opt=read, summary="How right overrides were", responses=problem_responses(422))
    async def scores(
        request: AnyRequest, product_id: ProductId = None, limit: Limit = 50, cursor: Cursor = None
    ) -> OverrideScorePage:
        """Those whose days are over: what was sold, against what was expected with and without when they were made."""
        return await service.scores(tenant_of(request), product_id=product_id, cursor=cursor, limit=limit)

    @delete(ONE, opt=once, status_code=200, summary="Withdraw an override", responses=problem_responses(404, 409, 422))
    async def withdraw(request: AnyRequest, override_id: FromPath[str]) -> Response[OverrideView]:
        """Forecasts are without it from now on; it stays in the list of withdrawn ones. Repeating changes nothing."""
        identity = await identity_of(request, f"DELETE {ONE}")
        return stored_response(
            await service.withdraw(tenant_of(request), override_id, principal_of(request).subject, identity)
        )

    return Router("/", route_handlers=[add, page, scores, withdraw], tags=["Forecast overrides"])
