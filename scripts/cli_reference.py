"""Writes docs/reference/cli.md from the commands' own signatures; ``--check`` only says whether it is up to date."""

import inspect
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from shelfwise.cli.main import NOUNS

REFERENCE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
HEAD = """# The command line

<!-- Written by scripts/cli_reference.py from the commands themselves. -->

Results go to standard output, everything else (progress, errors, advice) to standard error.
`--json` prints one JSON document. `--help` works everywhere.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | not done; one line says why and what to do |
| 2 | the command itself is not right: an unknown option, scope or value |
| 3 | done in part: some rows or events were refused, each is named; the others are recorded |
"""

Command = Callable[..., None]


def reference() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(section(path, command) for path, command in commands().items())])


def commands() -> dict[str, Command]:
    """Every command by its path, such as ``shelfwise tenant show``."""
    found: dict[str, Command] = {}
    for noun, (module, attribute, _) in NOUNS.items():
        what = getattr(import_module(module), attribute)
        if not isinstance(what, typer.Typer):
            found[f"shelfwise {noun}"] = what
            continue
        found |= commands_of(f"shelfwise {noun}", what)
    return found


def commands_of(path: str, group: typer.Typer) -> dict[str, Command]:
    """Every command of a group, and of the groups inside it."""
    found: dict[str, Command] = {}
    for info in group.registered_commands:
        assert info.callback is not None
        found[f"{path} {info.name or info.callback.__name__}"] = info.callback
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        found |= commands_of(f"{path} {inner.name}", inner.typer_instance)
    return found


def section(path: str, command: Command) -> str:
    """Usage, purpose, and a table of arguments and options."""
    given = list(parameters(command))
    arguments = [
        name.upper() if needed else f"[{name.upper()}]" for name, info, _, needed in given if is_argument(info)
    ]
    usage = " ".join([path, *arguments, "[OPTIONS]"])
    purpose = "\n".join(inspect.cleandoc(command.__doc__ or "").splitlines())
    table = "\n".join(row(*parameter, hint) for parameter, hint in zip(given, hints(command), strict=True))
    return (
        f"## {path}\n\n```\n{usage}\n```\n\n{purpose}\n\n"
        f"| argument or option | default | meaning |\n|---|---|---|\n{table}\n"
    )


def parameters(command: Command) -> Iterator[tuple[str, ArgumentInfo | OptionInfo, object, bool]]:
    """Name, what Typer is told of it, default, and whether it must be given."""
    signature = inspect.signature(command).parameters
    for name, hint in get_type_hints(command, include_extras=True).items():
        if name != "return":
            default = signature[name].default
            needed = default is inspect.Parameter.empty
            yield name, hint.__metadata__[0], None if needed else default, needed


def hints(command: Command) -> Iterator[object]:
    """The plain type of each parameter."""
    return (hint for name, hint in get_type_hints(command).items() if name != "return")


def is_argument(info: ArgumentInfo | OptionInfo) -> bool:
    """Given by its place instead of its name."""
    return isinstance(info, ArgumentInfo)


def row(name: str, info: ArgumentInfo | OptionInfo, default: object, needed: bool, hint: object) -> str:  # noqa: FBT001  a row of parameters()
    """One line of the table."""
    names = [name.upper()] if is_argument(info) else flags(name, info)
    meaning = [info.help or ""]
    choices = [choice for kind in (hint, *get_args(hint)) if get_origin(kind) is Literal for choice in get_args(kind)]
    if choices:
        meaning.append(f"One of {', '.join(f'`{choice}`' for choice in choices)}.")
    if info.min is not None:
        meaning.append(f"From {info.min} to {info.max}.")
    if info.envvar:
        meaning.append(f"Also by the setting `{info.envvar}`.")
    shown = "needed" if needed else default_of(default, names)
    return f"| {', '.join(f'`{entry}`' for entry in names)} | {shown} | {' '.join(meaning)} |"


def flags(name: str, info: ArgumentInfo | OptionInfo) -> list[str]:
    """The option's names. In ``Annotated`` Typer keeps the first one where a default stood in its older style."""
    given = [str(entry) for entry in (info.default, *(info.param_decls or ())) if str(entry).startswith("-")]
    return [part for entry in given or [f"--{name.replace('_', '-')}"] for part in entry.split("/")]


def default_of(default: object, names: list[str]) -> str:
    """The default as it would be written; a flag that is off has none."""
    if default is None or default is False:
        return ""
    return f"`{names[0]}`" if default is True else f"`{default}`"


if __name__ == "__main__":
    page = reference()
    if "--check" not in sys.argv[1:]:
        REFERENCE.write_text(page, encoding="utf-8")
    elif REFERENCE.read_text(encoding="utf-8") != page:
        sys.exit(f"{REFERENCE} is not up to date: run {__file__}")
