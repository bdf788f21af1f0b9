"""``shelfwise token``: a token for curl and scripts, from the secret that the services share."""

from typing import Annotated

import typer

from shelfwise.cli.console import DataDir, clear_errors, out
from shelfwise.cli.lazy import minting

MAX_TTL_SECONDS = 366 * 24 * 3600


def token(
    tenant: Annotated[list[str], typer.Option("--tenant", "-t", help="A tenant the token is for; repeat for more.")],
    subject: Annotated[str, typer.Option(help="Who the token names.")] = "cli",
    scope: Annotated[
        list[str] | None, typer.Option(help="A scope to grant; repeat for more. Default: all but 'service'.")
    ] = None,
    ttl: Annotated[int, typer.Option(min=1, max=MAX_TTL_SECONDS, help="Seconds until it expires.")] = 8 * 3600,
    data_dir: DataDir = None,
) -> None:
    """Print a token, and only the token."""
    with clear_errors():
        out.print(minting.mint(tenant, subject=subject, scopes=scope, ttl_seconds=ttl, data_dir=data_dir), markup=False)
