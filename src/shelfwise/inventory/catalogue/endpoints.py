"""``/api/inventory/products``."""

import tempfile
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from shelfwise.inventory.catalogue.schemas import (
    ImportResult,
    ProductChange,
    ProductIn,
    ProductOut,
    Products,
    product_of,
)
from shelfwise.inventory.catalogue.service import CatalogueImport, CatalogueService
from shelfwise.platform.apidocs import problem_responses, text_body
from shelfwise.platform.guards import tenant_of
from shelfwise.platform.problems import UnsupportedMediaTypeError

AnyRequest = Request[Any, Any, Any]
READ, WRITE = {"scope": "inventory:read"}, {"scope": "inventory:write"}
TAGS = ["Products"]
IMPORT_PATH = "/api/inventory/products/import"
_IN_MEMORY_BYTES = 4 * 1024 * 1024


@get("/api/inventory/products", opt=READ, responses=problem_responses(422), tags=TAGS, summary="Products, by id")
async def list_products(
    request: AnyRequest,
    catalogue: NamedDependency[CatalogueService],
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=1024)] = None,
    search: Annotated[str | None, QueryParameter(max_length=256)] = None,
    status: Annotated[str | None, QueryParameter(max_length=32)] = None,
    supplier_id: Annotated[str | None, QueryParameter(max_length=128)] = None,
) -> Products:
    return await catalogue.page(
        tenant_of(request), limit=limit, cursor=cursor, text=search, status=status, supplier_id=supplier_id
    )


@post(
    "/api/inventory/products",
    opt=WRITE,
    responses=problem_responses(409, 413, 415, 422),
    tags=TAGS,
    summary="Add a product",
)
async def add_product(
    request: AnyRequest, catalogue: NamedDependency[CatalogueService], data: JSONBody[ProductIn]
) -> ProductOut:
    return await catalogue.create(tenant_of(request), product_of(data))


@get(
    "/api/inventory/products/{product_id:str}",
    opt=READ,
    responses=problem_responses(404, 422),
    tags=TAGS,
    summary="One product",
)
async def show_product(
    request: AnyRequest, catalogue: NamedDependency[CatalogueService], product_id: FromPath[str]
) -> ProductOut:
    return await catalogue.show(tenant_of(request), product_id)


@patch(
    "/api/inventory/products/{product_id:str}",
    opt=WRITE,
    responses=problem_responses(404, 409, 413, 415, 422),
    tags=TAGS,
    summary="Change a product",
)
async def change_product(
    request: AnyRequest,
    catalogue: NamedDependency[CatalogueService],
    product_id: FromPath[str],
    data: JSONBody[ProductChange],
) -> ProductOut:
    changes = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    version = changes.pop("version", None)
    for name in {"barcodes", "aliases"} & changes.keys():
        changes[name] = tuple(changes[name])
    return await catalogue.change(tenant_of(request), product_id, changes, version)


@delete(
    "/api/inventory/products/{product_id:str}",
    opt=WRITE,
    responses=problem_responses(404, 422),
    tags=TAGS,
    summary="Archive a product: out of lists and planning, its history stays",
)
async def archive_product(
    request: AnyRequest, catalogue: NamedDependency[CatalogueService], product_id: FromPath[str]
) -> None:
    await catalogue.archive(tenant_of(request), product_id)


@post(
    IMPORT_PATH,
    opt=WRITE,
    status_code=200,
    responses=problem_responses(413, 415, 422),
    tags=TAGS,
    summary="Import products from CSV; bad rows are listed, the others taken",
    operation_class=text_body(
        "text/csv",
        "UTF-8, the first line naming the columns. Needed: product_id, name; optional: sku, category, price, "
        "unit_cost, pack_size, moq, supplier (id or name), barcode, barcodes and aliases (separated by '|'), status.",
    ),
)
async def import_products(request: AnyRequest, catalogue_import: NamedDependency[CatalogueImport]) -> ImportResult:
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "text/csv":
        raise UnsupportedMediaTypeError("Send text/csv.")
    # The whole file is received before the first row is taken, so that a body cut short imports nothing.
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
        async for chunk in request.stream():
            file.write(chunk)
        file.seek(0)
        return await catalogue_import.run(tenant_of(request), file)


ROUTES = (list_products, add_product, show_product, change_product, archive_product, import_products)
