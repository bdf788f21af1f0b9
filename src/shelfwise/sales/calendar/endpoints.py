"""Routes about the calendar."""

from datetime import date
from typing import Annotated, Any

from litestar import Request, Response, Router, get, put
from litestar.params import JSONBody, QueryParameter

from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.repeatable import identity_of, stored_response
from shelfwise.sales.calendar.schemas import CalendarPage, CalendarStored, NewCalendar
from shelfwise.sales.calendar.service import CalendarService

AnyRequest = Request[Any, Any, Any]
ROOT = "/api/sales/calendar"


def calendar_router(service: CalendarService) -> Router:
    @get(ROOT, opt={"scope": "sales:read"}, summary="Events and closed days", responses=problem_responses(422))
    async def page(
        request: AnyRequest,
        start: Annotated[date | None, QueryParameter(description="First day.")] = None,
        end: Annotated[date | None, QueryParameter(description="First day that is left out again.")] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=100)] = 100,
        cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    ) -> CalendarPage:
        """By day and name."""
        return await service.page(tenant_of(request), start=start, end=end, cursor=cursor, limit=limit)

    @put(
        ROOT,
        opt={"scope": "sales:write", "idempotency_key": True},
        summary="Replace the calendar",
        responses=problem_responses(409, 413, 415, 422),
    )
    async def replace(request: AnyRequest, data: JSONBody[NewCalendar]) -> Response[CalendarStored]:
        """Past and future in one. It counts from the next run or refresh on."""
        identity = await identity_of(request, f"PUT {ROOT}")
        return stored_response(await service.replace(tenant_of(request), data, identity))

    return Router("/", route_handlers=[page, replace], tags=["Calendar"])
