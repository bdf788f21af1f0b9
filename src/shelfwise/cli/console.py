"""What the command line says and how it fails: results on standard output, everything else on standard error."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from shelfwise.cli.lazy import failures, telemetry

T = TypeVar("T")
ProgressCallback = Callable[[int, int], None]
ServiceName = Literal["inventory", "sales"]

#: Some rows, events or findings are not as they must be; everything else was done.
EXIT_PARTLY = 3

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
    err.print("[bold red]Error:[/]", end=" ")
    err.print(message, markup=False)
    raise typer.Exit(code)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turns the errors that a user can do something about into one line without a traceback."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        message = failures.explain(error)
        if message is None:
            raise
        fail(message)


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs asynchronous work to its end with clear errors; of the services' logs only errors are shown."""
    with clear_errors():
        telemetry.configure_logging(level="error", style="console", service="cli")
        return asyncio.run(work())


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    out.print(json.dumps(value, indent=2, default=str), markup=False)


def print_fields(fields: Mapping[str, object], *, as_json: bool, width: int = 24) -> None:
    """Names and values on standard output: a line each, or one JSON document."""
    if as_json:
        print_json(fields)
        return
    for name, value in fields.items():
        out.print(f"{name:{width}}{'-' if value is None else value}", markup=False)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns on standard output, the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        cells = [
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        out.print("  ".join(cells), markup=False)


def progress_display() -> Progress:
    """Bars on standard error."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=err)


@contextmanager
def progress_stages() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error for each stage; the callback takes (stage, done, total)."""
    with progress_display() as progress:
        tasks: dict[str, TaskID] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield update


@contextmanager
def progress_bar(label: str) -> Iterator[ProgressCallback]:
    """One bar on standard error; the callback takes (done, total)."""
    with progress_display() as progress:
        task = progress.add_task(label, total=None)

        def update(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield update
