"""``shelfwise forecast``: forecasts of a tenant's products."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from shelfwise.cli.console import (
    AsJson,
    DataDir,
    TenantOption,
    out,
    print_fields,
    print_json,
    print_table,
    progress_bar,
    progress_stages,
    run,
)
from shelfwise.cli.lazy import services
from shelfwise.cli.overrides import app as overrides

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Forecast demand.")
app.add_typer(overrides, name="override")

_SHOWN_LEVELS = (0.05, 0.5, 0.8, 0.95, 0.98)
_SHOWN_DAYS = (1, 7, 14, 28, 60, 90, 180)


@app.callback()
def _noun() -> None:
    """Forecast demand."""


@app.command("run")
def run_forecasts(
    tenant: TenantOption,
    champion: Annotated[
        bool, typer.Option("--champion", help="Let LightGBM compete, and average it in where it wins (a minute more).")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Forecast every product of a tenant for its business date. Repeating it on the same data changes nothing.

    A run that was broken off goes on where it was. Inventory is asked when products were out of stock; if it has no
    answer, stock_history is not "current" and the run goes on with what is known.
    """

    async def work() -> dict[str, Any]:
        with progress_stages() as show:
            async with services.open_sales(data_dir) as sales:
                return dict(await sales.forecast_runs.run(tenant, champion=champion, progress=show))

    print_fields(run(work), as_json=as_json)


@app.command()
def show(
    product: Annotated[str, typer.Argument(help="The product's id.")],
    tenant: TenantOption,
    days: Annotated[int, typer.Option(min=1, max=180, help="How many days ahead.")] = 30,
    service_level: Annotated[float, typer.Option(help="The level of recommended_stock_level, between 0 and 1.")] = 0.95,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show a product's forecast: the total demand of the days to come, how sure it is, and what it is made of."""
    if not 0.0 < service_level < 1.0:
        raise typer.BadParameter("must be between 0 and 1", param_hint="--service-level")

    async def work() -> dict[str, Any]:
        async with services.open_sales(data_dir) as sales:
            return dict(
                await sales.forecasting.product(tenant, product, forecast_days=days, service_level=service_level)
            )

    answer = run(work)
    if as_json:
        print_json(answer)
        return
    notes, totals, levels = answer.pop("notes"), answer.pop("totals"), answer.pop("levels")
    terms = answer.pop("explanation")
    print_fields({name: value for name, value in answer.items() if name != "daily"}, as_json=False)
    _print_totals(totals, levels, days)
    out.print("\nWhat the mean is made of:")
    print_fields({f"  {term['term']}": f"{term['units']:+.2f}" for term in terms}, as_json=False)
    for note in notes:
        out.print(f"\nNote: {note}", markup=False)


@app.command()
def backtest(
    tenant: TenantOption,
    product: Annotated[list[str] | None, typer.Option(help="Only these products; may be repeated.")] = None,
    horizon: Annotated[int, typer.Option(min=1, max=180, help="Days ahead that are scored.")] = 28,
    origins: Annotated[int, typer.Option(min=1, max=26, help="How many past days are forecast from.")] = 3,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Forecast from past days with what was known then, and compare with what came. Stores nothing.

    Of a tenant with more than 2,000 products, a sample is used.
    """

    async def work() -> dict[str, Any]:
        with progress_bar("forecasting from past days"):
            async with services.open_sales(data_dir) as sales:
                return dict(
                    await sales.forecast_runs.backtest(
                        tenant, horizon=horizon, origins=origins, product_ids=frozenset(product or ())
                    )
                )

    answer = run(work)
    if as_json:
        print_json(answer)
        return
    out.print(f"{answer['products']} products, forecast from {', '.join(answer['origins'])}\n", markup=False)
    head = ("class", "days", "windows", "bias", "wape", "naive", "skill", "within .5", "within .95")
    rows = [_score_row(name, score) for name, scores in _groups(answer) for score in scores]
    print_table(head, rows)
    out.print(
        "\nbias and wape (error of the total) are shares of sales, skill is against the last week repeated; within .95 "
        "is met when .95 of totals are at most the .95 quantile."
    )


def _groups(answer: Mapping[str, Any]) -> list[tuple[str, Sequence[Mapping[str, Any]]]]:
    return [("all", answer["panel"]), *answer["classes"].items()]


def _score_row(name: str, score: Mapping[str, Any]) -> tuple[str, ...]:
    shares = [score["bias"], score["wape"], score["naive_wape"], score["skill"]]
    shares += [score["within"]["0.5"], score["within"]["0.95"]]
    return (
        name,
        str(score["days"]),
        str(score["windows"]),
        *("-" if each is None else f"{each:.3f}" for each in shares),
    )


def _print_totals(totals: Sequence[Mapping[str, Any]], levels: Sequence[float], last: int) -> None:
    head = ("first days", "mean", *(f"{level:g}" for level in _SHOWN_LEVELS))
    at = [levels.index(level) for level in _SHOWN_LEVELS]
    shown = {day for day in _SHOWN_DAYS if day <= last} | {last}
    rows = [
        (str(total["days"]), f"{total['mean']:.1f}", *(f"{total['quantiles'][j]:g}" for j in at))
        for total in totals
        if total["days"] in shown
    ]
    out.print("\nTotal demand of the first days, its mean and quantiles:")
    print_table(head, rows)
