"""``shelfwise import``: what comes from CSV files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from shelfwise.cli.console import (
    EXIT_PARTLY,
    AsJson,
    DataDir,
    TenantOption,
    err,
    print_fields,
    print_json,
    progress_bar,
    run,
)
from shelfwise.cli.lazy import services

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Import products, sales and promotions from CSV files."
)

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A CSV file in UTF-8.")]
_SHOWN_ERRORS = 20
_LISTED_ERRORS = 1000


@app.command()
def products(file: File, tenant: TenantOption, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Add the products of a CSV file and change those that differ.

    Columns: product_id, name (needed); sku (else the id), category, price, unit_cost, pack_size, moq, supplier
    (created when it is new), barcode, barcodes, aliases, status.
    """
    with file.open("rb") as lines:
        total = sum(1 for _ in lines)

    async def work() -> dict[str, Any]:
        with file.open("rb") as lines, progress_bar("products") as show:
            async with services.open_inventory(data_dir) as inventory:
                result = await inventory.catalogue_import.run(tenant, lines, lambda done: show(done, total - 1))
        return {
            "rows": result.rows,
            "created": result.created,
            "updated": result.updated,
            "unchanged": result.unchanged,
            "errors": result.error_count,
            "row_errors": [{"line": error.line, "reason": error.reason} for error in result.errors],
        }

    _report(run(work), as_json=as_json)


@app.command()
def sales(
    file: File,
    tenant: TenantOption,
    history: Annotated[
        bool, typer.Option("--history", help="Past sales: they count as demand and move no stock.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Record the order lines of a CSV file. Importing a file again changes nothing.

    Columns: order_id, line_no, ordered_at, product, quantity, unit_price (needed); kind (sale, cancellation,
    return), cancels_order_id, cancels_line_no, name, location_id. A time without an offset, such as
    2026-10-05T10:15, is read in the tenant's time zone.
    """
    size = file.stat().st_size

    async def work() -> dict[str, Any]:
        with progress_bar("bytes") as show:
            async with services.open_sales(data_dir) as service:
                view = await service.imports.run_file(
                    tenant, file, history=history, progress=lambda head: show(head["bytes_read"], size)
                )
                view = await service.imports.view(tenant, view["import_id"], limit=_LISTED_ERRORS)
        return {**view, "row_errors": view["row_errors"]["items"]}

    _report(run(work), as_json=as_json)


@app.command()
def promotions(file: File, tenant: TenantOption, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Keep the promotions of a CSV file, past and planned. Importing a file again changes nothing.

    Columns: name, first_day, last_day (needed); product or category (neither: every product), strength from 0 to 1
    (1 unless given), price (where one is planned). A product is named by id, SKU, barcode or alias.
    """

    async def work() -> dict[str, Any]:
        async with services.open_sales(data_dir) as service:
            return dict(await service.promotions.import_table(tenant, file.read_bytes()))

    _report(run(work), as_json=as_json)


@app.command()
def calendar(file: File, tenant: TenantOption, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Add the days of a CSV file to the tenant's calendar, past and future. Importing a file again changes nothing.

    Columns: day, name (needed); kind (event unless given; closed: nothing is sold on that day).
    """

    async def work() -> dict[str, Any]:
        async with services.open_sales(data_dir) as service:
            return dict(await service.calendar.import_table(tenant, file.read_bytes()))

    _report(run(work), as_json=as_json)


def _report(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(report)
    else:
        print_fields({name: value for name, value in report.items() if name != "row_errors"}, as_json=False, width=16)
        for error in report["row_errors"][:_SHOWN_ERRORS]:
            err.print(f"line {error['line']}: {error['reason']}", markup=False)
        if report["errors"] > _SHOWN_ERRORS:
            more = report["errors"] - _SHOWN_ERRORS
            err.print(f"... and {more} more; --json lists up to {_LISTED_ERRORS}.", markup=False)
    if report["errors"]:
        err.print("Mend these rows and import the file again: the others are recorded and stay as they are.")
        raise typer.Exit(EXIT_PARTLY)
