"""``shelfwise plan``: what to order."""

from typing import Any

import msgspec
import typer

from shelfwise.cli.console import AsJson, DataDir, TenantOption, out, print_json, progress_bar, run
from shelfwise.cli.services import open_inventory

app = typer.Typer(no_args_is_help=True, help="Decide what to order.")


@app.callback()
def _noun() -> None:
    """Decide what to order."""


@app.command("run")
def run_plan(tenant: TenantOption, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Recommend for every active product of a tenant what to order today. Sales must be running."""

    async def work() -> dict[str, Any]:
        with progress_bar("products", quiet=as_json) as show:
            async with open_inventory(data_dir) as inventory:
                return msgspec.structs.asdict(await inventory.replenishment.run(tenant, progress=show))

    report = run(work)
    if as_json:
        print_json(report)
        return
    for name, value in report.items():
        out.print(f"{name:20}{value}", markup=False)
