"""``shelfwise inbox``: sales events that could not be applied."""

from typing import TYPE_CHECKING

import typer

from shelfwise.cli.console import EXIT_PARTLY, AsJson, DataDir, TenantOption, err, out, print_json, run
from shelfwise.cli.lazy import services

if TYPE_CHECKING:
    from shelfwise.contracts.events import EventsAnswer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Sales events that Inventory could not apply.")


@app.callback()
def _noun() -> None:
    """Sales events that Inventory could not apply."""


@app.command()
def retry(tenant: TenantOption, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Take the rejected events again, once what they lacked is there. What still cannot be applied stays."""

    async def work() -> "EventsAnswer":
        async with services.open_inventory(data_dir) as inventory:
            return await inventory.inbox.retry(tenant)

    answer = run(work)
    if as_json:
        print_json(answer)
    else:
        counts = f"applied {answer['applied']}, before opening {answer['before_opening']}"
        out.print(f"{counts}, still rejected {len(answer['rejected'])}", markup=False)
        for event in answer["rejected"]:
            err.print(f"{event['event_id']}: {event['reason']}", markup=False)
    if answer["rejected"]:
        raise typer.Exit(EXIT_PARTLY)
