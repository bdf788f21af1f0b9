"""``shelfwise doctor``: is everything as it must be, and if not, what to do."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from shelfwise.cli.console import AsJson, DataDir, ServiceName, clear_errors, out, print_json
from shelfwise.cli.lazy import checks, services


def doctor(
    data_dir: DataDir = None,
    as_json: AsJson = False,
    service: Annotated[ServiceName | None, typer.Option(help="Look at one service only.")] = None,
) -> None:
    """Check settings, databases and whether the services answer; say what to do about what is found.

    Changes nothing. Exit code 1 when something needs a look.
    """
    with clear_errors():
        findings = asyncio.run(checks.examine(data_dir, services.SERVICES if service is None else (service,)))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            out.print("[green]ok  [/]" if finding.ok else "[bold red]look[/]", end=" ")
            out.print(f"{finding.what}: {finding.found}", markup=False)
            if finding.advice:
                out.print(f"     {finding.advice}", markup=False)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)
