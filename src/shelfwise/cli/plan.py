"""``shelfwise plan``: what to order."""

from typing import Any

import msgspec
import typer

from shelfwise.cli.console import AsJson, DataDir, TenantOption, print_fields, progress_bar, run
from shelfwise.cli.lazy import services

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Decide what to order.")


@app.callback()
def _noun() -> None:
    """Decide what to order."""


@app.command("run")
def run_plan(tenant: TenantOption, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Recommend for every active product of a tenant what to order today. Sales must be running."""

    async def work() -> dict[str, Any]:
        with progress_bar("products") as show:
            async with services.open_inventory(data_dir) as inventory:
                return msgspec.structs.asdict(await inventory.replenishment.run(tenant, progress=show))

    print_fields(run(work), as_json=as_json)
