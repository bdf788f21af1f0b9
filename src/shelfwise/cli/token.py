"""``shelfwise token``: a token for curl and scripts, from the secret that the services share."""

from typing import Annotated

import typer

from shelfwise.cli.console import DataDir, clear_errors, fail, out
from shelfwise.cli.settings import load
from shelfwise.platform.auth import PERSON_SCOPES, SCOPES, mint_token
from shelfwise.platform.settings import PlatformSettings, shared_secret
from shelfwise.platform.tenancy import check_tenant_id

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
        settings = load(PlatformSettings, data_dir)
        for name in tenant:
            check_tenant_id(name)
        granted = frozenset(word for entry in scope or sorted(PERSON_SCOPES) for word in entry.split())
        if unknown := sorted(granted - SCOPES):
            fail(f"unknown scope {', '.join(unknown)}. There are: {', '.join(sorted(SCOPES))}.", 2)
        secret = shared_secret(settings)
        if secret is None:
            fail("tokens come from your identity provider here (AUTH_JWKS_URL is set and no AUTH_SECRET is).")
        out.print(
            mint_token(
                secret,
                subject=subject,
                tenants=tenant,
                scopes=granted,
                ttl_seconds=ttl,
                audience=settings.AUTH_AUDIENCE,
                issuer=settings.AUTH_ISSUER,
            ),
            markup=False,
        )
