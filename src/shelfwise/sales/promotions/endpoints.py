"""Routes about promotions."""

from datetime import date
from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.repeatable import identity_of, stored_response
from shelfwise.sales.promotions.schemas import NewPromotion, PromotionPage, PromotionView
from shelfwise.sales.promotions.service import PromotionsService

AnyRequest = Request[Any, Any, Any]
ROOT = "/api/sales/promotions"
ONE = f"{ROOT}/{{promotion_id:str}}"


def promotions_router(service: PromotionsService) -> Router:
    once = {"scope": "sales:write", "idempotency_key": True}

    @post(ROOT, opt=once, summary="Plan or record a promotion", responses=problem_responses(409, 413, 415, 422))
    async def add(request: AnyRequest, data: JSONBody[NewPromotion]) -> Response[PromotionView]:
        """Part of what the next run and the next refresh forecast from. The same terms again are the same promotion."""
        identity = await identity_of(request, f"POST {ROOT}")
        return stored_response(await service.add(tenant_of(request), data, identity))

    @get(
        ROOT,
        opt={"scope": "sales:read"},
        summary="Promotions, the latest first day first",
        responses=problem_responses(422),
    )
    async def page(
        request: AnyRequest,
        product_id: Annotated[
            str | None, QueryParameter(max_length=128, description="Only this product's own.")
        ] = None,
        category: Annotated[str | None, QueryParameter(max_length=200, description="Only this category's own.")] = None,
        from_day: Annotated[
            date | None, QueryParameter(description="Only those with a day on or after this one.")
        ] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
        cursor: Annotated[str | None, QueryParameter(max_length=64)] = None,
    ) -> PromotionPage:
        return await service.page(
            tenant_of(request),
            product_id=product_id,
            category=category,
            from_day=from_day,
            cursor=cursor,
            limit=limit,
        )

    @delete(ONE, opt=once, status_code=200, summary="Remove a promotion", responses=problem_responses(404, 409, 422))
    async def remove(request: AnyRequest, promotion_id: FromPath[str]) -> Response[PromotionView]:
        """One that did not or will not take place. Those that took place belong to the history of sales."""
        identity = await identity_of(request, f"DELETE {ONE}")
        return stored_response(await service.remove(tenant_of(request), promotion_id, identity))

    return Router("/", route_handlers=[add, page, remove], tags=["Promotions"])
