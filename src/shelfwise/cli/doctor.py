"""``shelfwise doctor``: is everything as it must be, and if not, what to do."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from shelfwise.cli.console import AsJson, DataDir, out, print_json
from shelfwise.cli.services import SERVICES, ServiceName, migrations_of
from shelfwise.cli.settings import load
from shelfwise.http import HTTPClient, HTTPClientError
from shelfwise.inventory.config import Settings as InventorySettings
from shelfwise.platform.database import DatabaseUrlError
from shelfwise.platform.migrate import current_revision, head_revision, role_warnings
from shelfwise.platform.settings import PlatformSettings, SettingsError, shared_secret
from shelfwise.sales.config import SalesSettings

_ANSWER_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``advice`` says what to do when it is not as it must be."""

    what: str
    ok: bool
    found: str
    advice: str = ""


def doctor(
    data_dir: DataDir = None,
    as_json: AsJson = False,
    service: Annotated[ServiceName | None, typer.Option(help="Look at one service only.")] = None,
) -> None:
    """Check settings, databases and whether the services answer; say what to do about what is found."""
    chosen = SERVICES if service is None else (service,)
    findings = asyncio.run(_examine(data_dir, chosen))
    if as_json:
        print_json([{"what": f.what, "ok": f.ok, "found": f.found, "advice": f.advice} for f in findings])
    else:
        for finding in findings:
            mark = "[green]ok  [/]" if finding.ok else "[bold red]look[/]"
            out.print(f"{mark} {finding.what}: {finding.found}")
            if finding.advice:
                out.print(f"     {finding.advice}", markup=False)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


async def _examine(data_dir: Path | None, services: tuple[ServiceName, ...]) -> list[Finding]:
    findings = [_settings(data_dir)]
    if not findings[0].ok:
        return findings
    checks: list[Callable[[], Awaitable[Finding]]] = []
    for name in services:
        checks += [_database_check(name, data_dir), _answer_check(name, data_dir)]
    try:
        findings += [await check() for check in checks]
    finally:
        await HTTPClient.aclose()
    return findings


def _settings(data_dir: Path | None) -> Finding:
    try:
        settings = load(PlatformSettings, data_dir)
        load(InventorySettings, data_dir)
        load(SalesSettings, data_dir)
        secret = shared_secret(settings)
    except ValidationError as error:
        names = ", ".join(".".join(map(str, entry["loc"])) for entry in error.errors())
        return Finding("settings", ok=False, found=f"not valid: {names}", advice="See docs/reference/settings.md.")
    except SettingsError as error:
        return Finding("settings", ok=False, found="tokens cannot be verified", advice=str(error))
    how = "shared secret" if secret is not None else "the identity provider's key set"
    return Finding("settings", ok=True, found=f"{settings.ENVIRONMENT}; tokens by {how}")


def _database_check(name: ServiceName, data_dir: Path | None) -> Callable[[], Awaitable[Finding]]:
    async def check() -> Finding:
        what = f"{name} database"
        try:
            migrations, urls = migrations_of(name, data_dir)
            revision = await current_revision(migrations, urls.database)
            warnings = await role_warnings(urls.database)
        except (SQLAlchemyError, DatabaseUrlError, OSError) as error:
            advice = "Check the URL, that the server runs, and the role's password."
            return Finding(what, ok=False, found=f"cannot be reached ({type(error).__name__})", advice=advice)
        if revision != head_revision(migrations):
            return Finding(what, ok=False, found=f"at revision {revision}", advice="Run `shelfwise migrate`.")
        if warnings:
            return Finding(what, ok=False, found=f"at revision {revision}", advice=" ".join(warnings))
        return Finding(what, ok=True, found=f"at revision {revision}")

    return check


def _answer_check(name: ServiceName, data_dir: Path | None) -> Callable[[], Awaitable[Finding]]:
    async def check() -> Finding:
        if name == "sales":
            url, setting = load(InventorySettings, data_dir).SALES_SERVICE_URL, "SALES_SERVICE_URL"
        else:
            url, setting = load(SalesSettings, data_dir).INVENTORY_SERVICE_URL, "INVENTORY_SERVICE_URL"
        advice = f"Start it with `shelfwise serve {name}`, or set {setting} to where it is."
        try:
            response = await HTTPClient.get(f"{url}/health/ready", timeout=_ANSWER_SECONDS)
        except HTTPClientError as error:
            return Finding(f"{name} at {url}", ok=False, found=f"no answer ({type(error).__name__})", advice=advice)
        ready = response.status_code == 200
        found = f"answers over {response.http_version}" if ready else f"answers {response.status_code}"
        return Finding(
            f"{name} at {url}", ok=ready, found=found, advice="" if ready else "It starts or drains; ask again."
        )

    return check
