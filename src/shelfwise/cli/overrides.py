"""``shelfwise forecast override``: what a planner expects in place of a forecast."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from shelfwise.cli.console import AsJson, DataDir, TenantOption, out, print_fields, print_json, print_table, run
from shelfwise.cli.lazy import override_bodies, services

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What a planner expects in place of a forecast.")

By = Annotated[str, typer.Option("--by", help="Who says so; kept with it.")]
Product = Annotated[str | None, typer.Option(help="Only those of this product.")]
Limit = Annotated[int, typer.Option(min=1, max=100, help="At most so many, the newest.")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A day, YYYY-MM-DD.")]


@app.command()
def add(
    product: Annotated[str, typer.Argument(help="The product's id.")],
    tenant: TenantOption,
    first_day: Day,
    last_day: Day,
    reason: Annotated[str, typer.Option(help="Why; for those who score it later.")],
    factor: Annotated[float | None, typer.Option(help="So many times the forecast: 1.2 is 20 % more.")] = None,
    units_per_day: Annotated[float | None, typer.Option(help="So many units on each day instead.")] = None,
    by: By = "cli",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Override a product's forecast on the days from --first-day to --last-day, both included.

    Give either --factor or --units-per-day. The statistical forecast is kept, and both are scored later.
    """

    async def work() -> dict[str, Any]:
        body = override_bodies.NewOverride(
            product_id=product,
            first_day=first_day.date(),
            last_day=last_day.date(),
            reason=reason,
            factor=factor,
            units_per_day=units_per_day,
        )
        async with services.open_sales(data_dir) as sales:
            return dict(msgspec.json.decode((await sales.overrides.add(tenant, body, by)).body))

    print_fields(run(work), as_json=as_json)


@app.command("list")
def list_overrides(
    tenant: TenantOption,
    product: Product = None,
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="Those that were withdrawn too.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List overrides, the newest first."""

    async def work() -> dict[str, Any]:
        async with services.open_sales(data_dir) as sales:
            return dict(await sales.overrides.page(tenant, product_id=product, withdrawn=withdrawn, limit=limit))

    answer = run(work)
    if as_json:
        print_json(answer)
        return
    head = ("override_id", "product", "first day", "last day", "change", "reason", "withdrawn")
    print_table(head, [(*_row(item), item["reason"], item["withdrawn_by"] or "-") for item in answer["items"]])


@app.command()
def withdraw(
    override_id: Annotated[str, typer.Argument(help="The override's id, as `list` shows it.")],
    tenant: TenantOption,
    by: By = "cli",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Take an override back: forecasts are without it from now on. Repeating it changes nothing."""

    async def work() -> dict[str, Any]:
        async with services.open_sales(data_dir) as sales:
            return dict(msgspec.json.decode((await sales.overrides.withdraw(tenant, override_id, by)).body))

    print_fields(run(work), as_json=as_json)


@app.command()
def scores(
    tenant: TenantOption,
    product: Product = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Score overrides whose days are over: what was sold, and what was expected without them and with them."""

    async def work() -> dict[str, Any]:
        async with services.open_sales(data_dir) as sales:
            return dict(await sales.overrides.scores(tenant, product_id=product, limit=limit))

    answer = run(work)
    if as_json:
        print_json(answer)
        return
    head = ("override_id", "product", "first day", "last day", "change", "sold", "without", "with", "gain")
    print_table(head, [(*_row(item["override"]), *_figures(item)) for item in answer["items"]])
    out.print("\ngain: by how many units the override came nearer to what was sold; below 0 it made things worse.")


def _row(item: Mapping[str, Any]) -> tuple[str, ...]:
    change = f"x {item['factor']:g}" if item["factor"] is not None else f"{item['units_per_day']:g} a day"
    return item["override_id"], item["product_id"], item["first_day"], item["last_day"], change


def _figures(item: Mapping[str, Any]) -> tuple[str, ...]:
    return (*(f"{item[name]:.1f}" for name in ("actual", "statistical", "overridden")), f"{item['gain']:+.1f}")
