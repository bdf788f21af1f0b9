"""``shelfwise serve inventory|sales``: one service in this process."""

from typing import Annotated

import typer

from shelfwise.cli.console import DataDir, ServiceName, clear_errors
from shelfwise.cli.lazy import serving


def serve(
    service: Annotated[ServiceName, typer.Argument(help="Which service.")],
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: HOST, 127.0.0.1.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port. Default: INVENTORY_PORT, 5000, or SALES_PORT, 5001."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve one service until SIGTERM or Ctrl-C.

    In development the database is migrated first; in production `shelfwise migrate` does that, as the owner.
    """
    with clear_errors():
        serving.serve(service, host=host, port=port, data_dir=data_dir)
