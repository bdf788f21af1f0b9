"""``shelfwise stock``: what is where, and the corrections that a person makes."""

import getpass
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shelfwise.cli.console import (
    EXIT_PARTLY,
    AsJson,
    DataDir,
    TenantOption,
    err,
    out,
    print_json,
    progress_bar,
    run,
)
from shelfwise.cli.lazy import audit, services, stock_requests

if TYPE_CHECKING:
    from shelfwise.inventory.rebuild.service import RebuildReport
    from shelfwise.inventory.stock.schemas import StockLevel
    from shelfwise.platform.audit import Actor

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Show, count, correct, move and rebuild stock.")

ProductId = Annotated[str, typer.Argument(help="The product's id.")]
Units = Annotated[int, typer.Argument(help="Whole base units.", min=0)]
Location = Annotated[str | None, typer.Option("--location", help="The location; the tenant's default unless given.")]
At = Annotated[
    datetime | None,
    typer.Option(
        "--at", formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"], help="When, with its offset; now unless given."
    ),
]
_PAGE = 100
_SHOWN = 1000


@app.command()
def show(
    tenant: TenantOption,
    product: Annotated[str | None, typer.Argument(help="Only this product.")] = None,
    location: Annotated[str | None, typer.Option("--location", help="Only this location.")] = None,
    oversold: Annotated[bool, typer.Option("--oversold", help="Only what is below zero.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what is on hand, committed and available, by product and location; at most 1,000 lines."""

    async def work() -> "list[StockLevel]":
        found: list[StockLevel] = []
        cursor: str | None = None
        async with services.open_inventory(data_dir) as inventory:
            while len(found) < _SHOWN:
                page = await inventory.stock.levels(
                    tenant, product_id=product, location_id=location, oversold=oversold, limit=_PAGE, cursor=cursor
                )
                found += page.items
                cursor = page.next
                if cursor is None:
                    return found
        err.print(f"Only the first {_SHOWN} lines are shown.", markup=False)
        return found

    levels = run(work)
    if as_json:
        print_json([stock_requests.to_builtins(level) for level in levels])
        return
    out.print(f"{'product':20}{'location':14}{'on hand':>9}{'committed':>11}{'unavail.':>10}{'available':>11}")
    for level in levels:
        figures = f"{level.on_hand:>9}{level.committed:>11}{level.unavailable:>10}{level.available:>11}"
        flag = "  oversold" if level.oversold else ""
        out.print(f"{level.product_id:20}{level.location_id:14}{figures}{flag}", markup=False)


@app.command()
def count(
    product: ProductId,
    counted: Units,
    tenant: TenantOption,
    location: Location = None,
    reason: Annotated[str, typer.Option(help="Why it was counted.")] = "stock count",
    at: At = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Record what was counted of a product; sales from before the count are history from then on."""

    async def work() -> dict[str, Any]:
        async with services.open_inventory(data_dir) as inventory:
            wanted = stock_requests.count(product, counted, location, reason, at)
            answer = await inventory.counts.count(tenant, wanted, actor=_actor())
        return stock_requests.decoded(answer)

    done = run(work)
    if as_json:
        print_json(done)
        return
    line = done["lines"][0]
    figures = f"counted {line['counted_quantity']}, expected {line['expected_quantity']}"
    out.print(f"{product} at {done['location_id']}: {figures}, difference {line['difference']:+}", markup=False)


@app.command()
def adjust(
    product: ProductId,
    tenant: TenantOption,
    reason: Annotated[str, typer.Option("--reason", help="Why: it stays with the movement.")],
    found: Annotated[int | None, typer.Option("--found", help="Units more than the ledger says.", min=1)] = None,
    lost: Annotated[int | None, typer.Option("--lost", help="Units that are fewer.", min=1)] = None,
    location: Location = None,
    at: At = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Record units that were found or lost, with the reason."""
    if (found is None) == (lost is None):
        raise typer.BadParameter("Give either --found or --lost.")

    async def work() -> dict[str, Any]:
        async with services.open_inventory(data_dir) as inventory:
            wanted = stock_requests.adjustment(product, (found or 0) - (lost or 0), location, reason, at)
            answer = await inventory.stock.post(tenant, [wanted], identity=None, actor=_actor())
        return stock_requests.decoded(answer)

    done = run(work)
    if as_json:
        print_json(done)
    else:
        out.print(f"recorded as movement {done['movement_ids'][0]}", markup=False)


@app.command()
def transfer(
    product: ProductId,
    units: Units,
    tenant: TenantOption,
    to: Annotated[str, typer.Option("--to", help="Where the units go.")],
    source: Annotated[str | None, typer.Option("--from", help="Where they are; the default location.")] = None,
    in_transit: Annotated[
        bool, typer.Option("--in-transit", help="Only ship: `stock receive` records the arrival.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Move units from one location to another, at once or by way of transit."""

    async def work() -> dict[str, Any]:
        async with services.open_inventory(data_dir) as inventory:
            wanted = stock_requests.transfer(product, units, source, to)
            done = stock_requests.decoded(await inventory.transfers.ship(tenant, wanted, actor=_actor()))
            if in_transit:
                return done
            arrived = stock_requests.arrival(product, None)
            answer = await inventory.transfers.receive(tenant, done["transfer_id"], arrived, actor=_actor())
        return stock_requests.decoded(answer)

    _print_transfer(run(work), as_json=as_json)


@app.command()
def receive(
    transfer_id: Annotated[str, typer.Argument(help="The transfer's id.")],
    tenant: TenantOption,
    product: Annotated[str | None, typer.Option("--product", help="Only of this product ...")] = None,
    units: Annotated[int | None, typer.Option("--units", help="... so many arrived; the rest is lost.", min=0)] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Record that a transfer arrived: all of it, or of one product fewer units."""
    if (product is None) != (units is None):
        raise typer.BadParameter("Give --product and --units together, or neither.")

    async def work() -> dict[str, Any]:
        async with services.open_inventory(data_dir) as inventory:
            arrived = stock_requests.arrival(product, units)
            answer = await inventory.transfers.receive(tenant, transfer_id, arrived, actor=_actor())
        return stock_requests.decoded(answer)

    _print_transfer(run(work), as_json=as_json)


@app.command()
def rebuild(
    tenant: TenantOption,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit with 3 when a balance differs.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Reckon the balances again from the movements, and say which were different."""
    started = time.perf_counter()

    async def work() -> "RebuildReport":
        async with services.open_inventory(data_dir) as inventory:
            with progress_bar("movements") as update:
                return await inventory.rebuild.rebuild(tenant, check=check, progress=update)

    report = run(work)
    seconds = time.perf_counter() - started
    if as_json:
        print_json({**stock_requests.to_builtins(report), "seconds": round(seconds, 3)})
    else:
        out.print(
            f"{report.movements} movements, {report.balances} balances, {report.differing} figures differed, "
            f"{seconds:.1f} s",
            markup=False,
        )
        for one in report.listed:
            change = f"{one.field} was {one.kept}, the movements say {one.rebuilt}"
            err.print(f"{one.product_id} at {one.location_id}: {change}", markup=False)
    if check and report.differing:
        raise typer.Exit(EXIT_PARTLY)


def _print_transfer(done: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    line = done["lines"][0]
    figures = f"received {line['received_quantity']}, lost {line['lost_quantity']}"
    out.print(f"{done['transfer_id']}: {done['status']}, {figures} of {line['quantity']}", markup=False)


def _actor() -> "Actor":
    """Who sits at the terminal, for the audit log."""
    try:
        return audit.Actor(f"cli:{getpass.getuser()}")
    except (KeyError, OSError):
        return audit.Actor("cli")
