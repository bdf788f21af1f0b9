"""``shelfwise forecast``: forecasts of a tenant's products."""

from typing import Any

import typer

from shelfwise.cli.console import AsJson, DataDir, TenantOption, print_fields, progress_stages, run
from shelfwise.cli.lazy import services

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Forecast demand.")


@app.callback()
def _noun() -> None:
    """Forecast demand."""


@app.command("run")
def run_forecasts(tenant: TenantOption, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Forecast every product of a tenant for its business date. Repeating it on the same data changes nothing."""

    async def work() -> dict[str, Any]:
        with progress_stages() as show:
            async with services.open_sales(data_dir) as sales:
                return dict(await sales.forecast_runs.run(tenant, progress=show))

    print_fields(run(work), as_json=as_json)
