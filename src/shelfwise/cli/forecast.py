"""``shelfwise forecast``: forecasts of a tenant's products."""

from typing import Any

import typer

from shelfwise.cli.console import AsJson, DataDir, TenantOption, out, print_json, progress_bar, run
from shelfwise.cli.services import open_sales

app = typer.Typer(no_args_is_help=True, help="Forecast demand.")


@app.callback()
def _noun() -> None:
    """Forecast demand."""


@app.command("run")
def run_forecasts(tenant: TenantOption, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Forecast every product of a tenant for its business date. Repeating it on the same data changes nothing."""

    async def work() -> dict[str, Any]:
        with progress_bar("products", quiet=as_json) as show:
            async with open_sales(data_dir) as sales:
                return dict(await sales.forecasting.run(tenant, progress=show))

    report = run(work)
    if as_json:
        print_json(report)
        return
    for name, value in report.items():
        out.print(f"{name:20}{value}", markup=False)
