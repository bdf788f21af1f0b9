"""Routes about imports."""

from typing import Annotated, Any

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, QueryParameter

from shelfwise.platform.apidocs import problem_responses, text_body
from shelfwise.platform.guards import tenant_of
from shelfwise.sales.imports.schemas import ImportPage, ImportView
from shelfwise.sales.imports.service import ImportService
from shelfwise.sales.uploads import csv_stream, received

AnyRequest = Request[Any, Any, Any]
Limit = Annotated[int, QueryParameter(ge=1, le=100)]


_CSV = text_body(
    "text/csv",
    "UTF-8, the first line naming the columns order_id, line_no, ordered_at, product, quantity, unit_price and "
    "optionally kind (sale, cancellation, return), cancels_order_id, cancels_line_no, name and location_id. One line "
    "is one row. multipart/form-data with one file is accepted too.",
)


def imports_router(service: ImportService) -> Router:
    read = {"scope": "sales:read"}

    @post(
        "/api/sales/imports",
        opt={"scope": "sales:write"},
        summary="Import order lines from a CSV",
        responses=problem_responses(413, 415, 422),
        operation_class=_CSV,
    )
    async def add(request: AnyRequest, history: FromQuery[bool] = False) -> ImportView:  # noqa: FBT002  a query parameter
        """Booked as it arrives; bad rows are listed, unknown products wait. The same file again changes nothing.

        With `history=true` Inventory is not told, so that its stock does not move.
        """
        body = csv_stream(request.headers.get("Content-Type"), received(request))
        return await service.run(tenant_of(request), body, history=history)

    @get("/api/sales/imports/{import_id:str}", opt=read, summary="An import", responses=problem_responses(404, 422))
    async def one(
        request: AnyRequest,
        import_id: FromPath[str],
        limit: Limit = 100,
        cursor: Annotated[int, QueryParameter(ge=0, le=10**12)] = 0,
    ) -> ImportView:
        """How far it has come, and a page of the rows that could not be imported."""
        return await service.view(tenant_of(request), import_id, cursor=cursor, limit=limit)

    @get("/api/sales/imports", opt=read, summary="Imports, the newest first", responses=problem_responses(422))
    async def page(
        request: AnyRequest, limit: Limit = 20, cursor: Annotated[str | None, QueryParameter(max_length=64)] = None
    ) -> ImportPage:
        return await service.page(tenant_of(request), cursor=cursor, limit=limit)

    return Router("/", route_handlers=[add, one, page], tags=["Imports"])
