"""What a product is, and how a row of a catalogue file becomes one."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from shelfwise.inventory.values import (
    amount_of,
    check_amount,
    check_code,
    check_id,
    check_quantity,
    check_text,
    quantity_of,
)
from shelfwise.platform.problems import InvalidError

#: Statuses that a planner sets; DELETE archives.
STATUSES = ("new", "active", "phase_out", "discontinued", "do_not_reorder", "archived")
REPLENISHED = ("new", "active")
MAX_CODES = 32
CSV_COLUMNS = (
    "product_id",
    "sku",
    "name",
    "category",
    "price",
    "unit_cost",
    "pack_size",
    "moq",
    "supplier",
    "barcode",
    "barcodes",
    "aliases",
    "status",
)
REQUIRED_COLUMNS = ("product_id", "name")
_MAX_LINE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Product:
    """A product without its version. MOQ, pack and cost are its own; its supplier's item goes before them."""

    product_id: str
    sku: str
    name: str
    category: str | None = None
    barcodes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    price: Decimal | None = None
    unit_cost: Decimal | None = None
    pack_size: int = 1
    moq: int = 1
    supplier_id: str | None = None
    status: str = "active"


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """A product as a file gives it; ``supplier`` is an id or a name, still to be resolved."""

    line: int
    product: Product
    supplier: str | None


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that was left out: its line in the file (the header is line 1) and why."""

    line: int
    reason: str


def check_product(product: Product, *, id_field: str = "id") -> Product:
    """The product itself when it is possible. ``id_field`` is what the caller calls the id.

    Raises:
        InvalidError: something is not; it is named.
    """
    check_id(id_field, product.product_id)
    check_code("sku", product.sku)
    check_text("name", product.name, 512)
    if product.category is not None:
        check_text("category", product.category, 256)
    for field, codes in (("barcodes", product.barcodes), ("aliases", product.aliases)):
        if len(codes) > MAX_CODES:
            raise InvalidError.of(field, f"must be at most {MAX_CODES}")
        for code in codes:
            check_code(field, code)
    check_amount("price", product.price)
    check_amount("unit_cost", product.unit_cost)
    check_quantity("pack_size", product.pack_size)
    check_quantity("moq", product.moq)
    if product.status not in STATUSES:
        raise InvalidError.of("status", f"must be one of {', '.join(STATUSES)}")
    return product


def row_of(line: int, cells: Mapping[str, str]) -> CatalogueRow:
    """A file's row as a product; empty cells take the defaults, an empty SKU the product id.

    Raises:
        InvalidError: a cell is not possible; its column is named.
    """
    product_id = cells.get("product_id", "")
    barcodes = [*_codes(cells.get("barcode", "")), *_codes(cells.get("barcodes", ""))]
    product = Product(
        product_id=product_id,
        sku=cells.get("sku") or product_id,
        name=cells.get("name", ""),
        category=cells.get("category") or None,
        barcodes=tuple(dict.fromkeys(barcodes)),
        aliases=tuple(dict.fromkeys(_codes(cells.get("aliases", "")))),
        price=amount_of("price", cells.get("price", "")),
        unit_cost=amount_of("unit_cost", cells.get("unit_cost", "")),
        pack_size=quantity_of("pack_size", cells.get("pack_size", ""), 1),
        moq=quantity_of("moq", cells.get("moq", ""), 1),
        status=cells.get("status") or "active",
    )
    supplier = cells.get("supplier") or None
    if supplier is not None and (not supplier.isprintable() or len(supplier) > 256):
        raise InvalidError.of("supplier", "must be 1 to 256 printable characters")
    return CatalogueRow(line, check_product(product, id_field="product_id"), supplier)


def _codes(cell: str) -> list[str]:
    return [code for part in cell.split("|") if (code := part.strip())]


def read_rows(lines: Iterable[bytes]) -> Iterator[CatalogueRow | RowError]:
    """Rows of a CSV file in UTF-8, one a line: a quote that is not closed spoils its own line and no other.

    Raises:
        InvalidError: the header lacks a column that is needed.
    """
    header: list[str] | None = None
    for number, line in enumerate(lines, start=1):
        try:
            cells = _cells(line)
        except ValueError as error:
            if header is None:
                raise InvalidError.of("header", f"the file's first line {error}") from error
            yield RowError(number, str(error))
            continue
        if header is None:
            header = _header(cells)
        elif cells:
            yield _row(number, header, cells)
    if header is None:
        raise InvalidError.of("header", "the file is empty; its first line names the columns")


def _cells(line: bytes) -> list[str]:
    if len(line) > _MAX_LINE_BYTES:
        raise ValueError(f"is longer than {_MAX_LINE_BYTES} bytes")
    try:
        text = line.decode().strip("\r\n")
        return [cell.strip() for cell in next(csv.reader([text], strict=True), [])]
    except UnicodeDecodeError:
        raise ValueError("is not valid UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"is not a CSV row: {error}") from error


def _header(cells: list[str]) -> list[str]:
    header = [cell.removeprefix("\ufeff").strip().lower() for cell in cells]
    missing = [name for name in REQUIRED_COLUMNS if name not in header]
    if missing:
        raise InvalidError.of(
            "header", f"the file's first line lacks {', '.join(missing)}; known columns are {', '.join(CSV_COLUMNS)}"
        )
    return header


def _row(line: int, header: list[str], cells: list[str]) -> CatalogueRow | RowError:
    if len(cells) != len(header):
        return RowError(line, f"has {len(cells)} cells, the header has {len(header)}")
    try:
        return row_of(line, dict(zip(header, cells, strict=True)))
    except InvalidError as error:
        return RowError(line, error.detail)
