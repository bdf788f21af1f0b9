"""What the command line says and how it fails: results on standard output, everything else on standard error."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from shelfwise.platform.problems import ProblemError
from shelfwise.platform.settings import SettingsError
from shelfwise.platform.telemetry import configure_logging

T = TypeVar("T")
ProgressCallback = Callable[[int, int], None]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of the databases and the generated secret.", envvar="DATA_DIR"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
TenantOption = Annotated[str, typer.Option("--tenant", "-t", help="The tenant's id.")]


def fail(message: str, code: int = 1) -> NoReturn:
    """Says what went wrong on standard error and ends the command."""
    err.print(f"[bold red]Error:[/] {message}", markup=True)
    raise typer.Exit(code)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turns the errors that a user can do something about into one line without a traceback."""
    try:
        yield
    except ValidationError as error:
        names = ", ".join(f"{'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in error.errors())
        fail(f"a setting is not valid: {names}")
    except SettingsError as error:
        fail(str(error))
    except ProblemError as error:
        fail(error.detail)
    except OSError as error:
        fail(f"{error.filename or 'system'}: {error.strerror or error}")


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs asynchronous work to its end with clear errors; only warnings of the services are shown."""
    configure_logging(level="warning", style="console", service="cli")
    with clear_errors():
        return asyncio.run(work())


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    out.print(json.dumps(value, indent=2, default=str), markup=False)


@contextmanager
def progress_bar(label: str, *, quiet: bool = False) -> Iterator[ProgressCallback]:
    """A bar on standard error; the callback takes (done, total)."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, disable=quiet) as progress:
        task = progress.add_task(label, total=None)

        def update(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield update
