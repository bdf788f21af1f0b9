"""``POST /api/inventory/sales-events``."""

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from shelfwise.contracts.events import EventsAnswer, SaleEvents
from shelfwise.inventory.inbox.service import InboxService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.guards import tenant_of


@post(
    "/api/inventory/sales-events",
    opt={"service": True},
    status_code=200,
    responses=problem_responses(413, 415, 422),
    tags=["Stock"],
    summary="What was sold, cancelled and returned, as Sales' outbox delivers it",
)
async def take_sales_events(
    request: Request[Any, Any, Any], inbox: NamedDependency[InboxService], data: JSONBody[SaleEvents]
) -> EventsAnswer:
    return await inbox.take(tenant_of(request), data.events)


ROUTES = (take_sales_events,)
