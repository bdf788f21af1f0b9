"""``GET /api/inventory/audit``."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from shelfwise.inventory.audit.schemas import AuditEntries
from shelfwise.inventory.audit.service import AuditService
from shelfwise.platform.apidocs import problem_responses
from shelfwise.platform.audit import AuditFilter
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.problems import InvalidError

Text = Annotated[str | None, QueryParameter(max_length=256)]


@get(
    "/api/inventory/audit",
    opt={"scope": "inventory:read"},
    responses=problem_responses(422),
    tags=["Audit"],
    summary="Who changed what, newest first",
)
async def list_audit(
    request: Request[Any, Any, Any],
    audit: NamedDependency[AuditService],
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=1024)] = None,
    object_type: Text = None,
    object_id: Text = None,
    subject: Text = None,
    action: Text = None,
    since: Annotated[str | None, QueryParameter(description="ISO 8601 instant, inclusive.", max_length=64)] = None,
    until: Annotated[str | None, QueryParameter(description="ISO 8601 instant, exclusive.", max_length=64)] = None,
) -> AuditEntries:
    wanted = AuditFilter(object_type, object_id, subject, action, _instant("since", since), _instant("until", until))
    return await audit.page(tenant_of(request), wanted, limit=limit, cursor=cursor)


def _instant(field: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidError.of(field, "must be an instant such as 2026-01-31T12:00:00Z", "query") from None
    if instant.tzinfo is None:
        raise InvalidError.of(field, "needs a time zone, such as Z", "query")
    return instant


ROUTES = (list_audit,)
