"""Tokens from the secret that the services share."""

from collections.abc import Iterable
from pathlib import Path

from shelfwise.cli.console import err, fail
from shelfwise.cli.settings import load
from shelfwise.platform.auth import PERSON_SCOPES, SCOPES, mint_token
from shelfwise.platform.settings import PlatformSettings, has_generated_secret, shared_secret
from shelfwise.platform.tenancy import check_tenant_id


def mint(
    tenants: list[str], *, subject: str, scopes: Iterable[str] | None, ttl_seconds: int, data_dir: Path | None
) -> str:
    """A token as ``shelfwise token`` prints it; scopes may hold several words each.

    Raises:
        SettingsError: the settings allow no token, or a weak one.
        InvalidError: a tenant's id is not well formed.
    """
    for name in tenants:
        check_tenant_id(name)
    granted = PERSON_SCOPES if not scopes else frozenset(word for entry in scopes for word in entry.split())
    if not granted or (granted - SCOPES):
        unknown = ", ".join(sorted(granted - SCOPES)) or "''"
        fail(f"unknown scope {unknown}. There are: {', '.join(sorted(SCOPES))}.", 2)
    settings = load(PlatformSettings, data_dir)
    will_be_generated = not has_generated_secret(settings.DATA_DIR)
    secret = shared_secret(settings)
    if secret is None:
        fail("tokens come from your identity provider here (AUTH_JWKS_URL is set and no AUTH_SECRET is).")
    if will_be_generated and has_generated_secret(settings.DATA_DIR):
        err.print(
            f"A new secret is in {settings.DATA_DIR}. Services take this token only if they use that folder: "
            "is it the right --data-dir?",
            markup=False,
        )
    return mint_token(
        secret,
        subject=subject,
        tenants=tenants,
        scopes=granted,
        ttl_seconds=ttl_seconds,
        audience=settings.AUTH_AUDIENCE,
        issuer=settings.AUTH_ISSUER,
    )
