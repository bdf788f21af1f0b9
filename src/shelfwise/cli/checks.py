"""What ``shelfwise doctor`` looks at. Looking changes nothing: it makes no file, no secret and no schema."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from shelfwise.cli.console import ServiceName
from shelfwise.cli.failures import explain
from shelfwise.cli.services import is_missing_file, migrations_of
from shelfwise.cli.settings import load
from shelfwise.http import CachePolicy, HTTPClientError, NoHooks, Policy, ServiceClient
from shelfwise.inventory.config import Settings as InventorySettings
from shelfwise.platform.auth import mint_token
from shelfwise.platform.database import DatabaseUrlError
from shelfwise.platform.migrate import current_revision, head_revision, role_warnings
from shelfwise.platform.settings import PlatformSettings, SettingsError, has_generated_secret, shared_secret
from shelfwise.sales.config import SalesSettings

_ANSWER_SECONDS = 3.0
_TOKEN_SECONDS = 60
#: Routes that verify a token whatever the settings; without a tenant they answer 403 to a good one.
_VERIFYING_ROUTES: dict[ServiceName, str] = {"inventory": "/api/inventory/dashboard", "sales": "/api/sales/summary"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``advice`` says what to do when it is not as it must be."""

    what: str
    ok: bool
    found: str
    advice: str = ""


async def examine(data_dir: Path | None, services: tuple[ServiceName, ...]) -> list[Finding]:
    """Settings first; databases and answers only when the settings can be read."""
    findings = [_settings(data_dir)]
    if not findings[0].ok:
        return findings
    checks: list[Callable[[], Awaitable[Finding]]] = []
    for name in services:
        checks += [_database_check(name, data_dir), _answer_check(name, data_dir)]
    return [*findings, *[await check() for check in checks]]


def _settings(data_dir: Path | None) -> Finding:
    try:
        settings = load(PlatformSettings, data_dir)
        load(InventorySettings, data_dir)
        load(SalesSettings, data_dir)
        secret = _secret(settings)
    except SettingsError as error:
        return Finding("settings", ok=False, found="tokens cannot be verified", advice=str(error))
    except ValueError as error:  # pydantic's errors of a value, and of one that is no JSON
        found = explain(error) or str(error)
        return Finding("settings", ok=False, found=found, advice="See docs/reference/settings.md.")
    if secret is not None:
        how = "tokens by shared secret"
    elif settings.AUTH_JWKS_URL is not None:
        how = "tokens by the identity provider's key set"
    else:
        how = f"a secret for tokens will be made in {settings.DATA_DIR} at the first start"
    return Finding("settings", ok=True, found=f"{settings.ENVIRONMENT}; {how}")


def _secret(settings: PlatformSettings) -> str | None:
    """The shared secret where there is one already."""
    configured = settings.AUTH_SECRET is not None or settings.AUTH_SECRET_FILE is not None
    if configured or settings.ENVIRONMENT == "production" or has_generated_secret(settings.DATA_DIR):
        return shared_secret(settings)
    return None


def _database_check(name: ServiceName, data_dir: Path | None) -> Callable[[], Awaitable[Finding]]:
    async def check() -> Finding:
        what = f"{name} database"
        try:
            migrations, urls = migrations_of(name, data_dir)
            if is_missing_file(urls.database):
                advice = "Run `shelfwise migrate`, or give the --data-dir of a database that there is."
                return Finding(what, ok=False, found="is not there yet", advice=advice)
            revision = await current_revision(migrations, urls.database)
            warnings = await role_warnings(urls.database)
        except DatabaseUrlError as error:
            return Finding(what, ok=False, found="its URL is not valid", advice=str(error))
        except (SQLAlchemyError, OSError) as error:
            kind = type(getattr(error, "orig", None) or error).__name__
            advice = f"Check {name.upper()}_DATABASE_URL, that the server runs, and the role's password."
            return Finding(what, ok=False, found=f"cannot be reached ({kind})", advice=advice)
        if revision != head_revision(migrations):
            found = "has no schema yet" if revision is None else f"at revision {revision}"
            return Finding(what, ok=False, found=found, advice="Run `shelfwise migrate`.")
        if warnings:
            advice = f"{' '.join(warnings)} Let {name.upper()}_DATABASE_URL name a plain role."
            return Finding(what, ok=False, found=f"at revision {revision}", advice=advice)
        return Finding(what, ok=True, found=f"at revision {revision}")

    return check


def _answer_check(name: ServiceName, data_dir: Path | None) -> Callable[[], Awaitable[Finding]]:
    async def check() -> Finding:
        if name == "sales":
            url, setting = load(InventorySettings, data_dir).SALES_SERVICE_URL, "SALES_SERVICE_URL"
        else:
            url, setting = load(SalesSettings, data_dir).INVENTORY_SERVICE_URL, "INVENTORY_SERVICE_URL"
        what = f"{name} at {url}"
        policy = Policy(cache=CachePolicy(enabled=False)).for_service(
            call_timeout_seconds=_ANSWER_SECONDS, attempt_timeout_seconds=_ANSWER_SECONDS
        )
        try:
            async with ServiceClient(url, policy, hooks=NoHooks(), name=name) as client:
                response = await client.call("GET", "/health/ready")
                refused = await _refuses_our_token(client, _VERIFYING_ROUTES[name], data_dir)
        except ValueError as error:
            return Finding(what, ok=False, found="cannot be read", advice=f"Set {setting}: {error}.")
        except HTTPClientError as error:
            advice = f"Start it with `shelfwise serve {name}`, or set {setting} to where it is."
            return Finding(what, ok=False, found=f"no answer ({type(error).__name__})", advice=advice)
        if response.status != 200:
            found = f"answers {response.status}"
            return Finding(what, ok=False, found=found, advice="It starts or drains; ask again.")
        if refused:
            advice = "It has another secret: let all use the same AUTH_SECRET, AUTH_SECRET_FILE or --data-dir."
            return Finding(what, ok=False, found="refuses this folder's tokens", advice=advice)
        return Finding(what, ok=True, found=f"answers over {response.http_version}")

    return check


async def _refuses_our_token(client: ServiceClient, route: str, data_dir: Path | None) -> bool:
    settings = load(PlatformSettings, data_dir)
    secret = _secret(settings)
    if secret is None:
        return False
    token = mint_token(
        secret,
        subject="doctor",
        tenants=[],
        scopes=frozenset({"service"}),
        ttl_seconds=_TOKEN_SECONDS,
        audience=settings.AUTH_AUDIENCE,
        issuer=settings.AUTH_ISSUER,
    )
    headers = {"Authorization": f"Bearer {token}"}
    return (await client.call("GET", route, headers=headers)).status == 401
