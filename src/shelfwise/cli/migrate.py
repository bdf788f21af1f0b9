"""``shelfwise migrate``: bring the databases to this version's schema."""

from typing import Annotated, Literal

import typer

from shelfwise.cli.console import DataDir, ServiceName, err, run
from shelfwise.cli.lazy import services

Which = Literal["inventory", "sales", "all"]


def migrate(
    service: Annotated[Which, typer.Argument(help="Whose database.")] = "all",
    data_dir: DataDir = None,
) -> None:
    """Bring the databases to this version's schema. Safe to repeat."""
    chosen: tuple[ServiceName, ...] = services.SERVICES if service == "all" else (service,)

    async def work() -> None:
        for name in chosen:
            await services.migrate(name, data_dir)
            err.print(f"{name}: at the newest revision")

    run(work)
