"""``shelfwise``: every noun in one place. A noun's module is imported only when it is used, so that help is quick."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    # Typer carries its own copy of click and names its types nowhere else.
    from typer._click.core import Command, Context

#: Noun: (module, name in it, what it is for).
NOUNS = {
    "demo": ("shelfwise.cli.demo.command", "demo", "Start both services on a year of real sales."),
    "serve": ("shelfwise.cli.serve", "serve", "Serve one service until SIGTERM or Ctrl-C."),
    "migrate": ("shelfwise.cli.migrate", "migrate", "Bring the databases to this version's schema."),
    "tenant": ("shelfwise.cli.tenant", "app", "Create, show and change tenants."),
    "import": ("shelfwise.cli.imports", "app", "Import products, sales, promotions and a calendar from CSV files."),
    "forecast": ("shelfwise.cli.forecast", "app", "Forecast demand."),
    "plan": ("shelfwise.cli.plan", "app", "Decide what to order."),
    "stock": ("shelfwise.cli.stock", "app", "Show, count, correct, move and rebuild stock."),
    "token": ("shelfwise.cli.token", "token", "Print a token, and only the token."),
    "inbox": ("shelfwise.cli.inbox", "app", "Sales events that Inventory could not apply."),
    "doctor": ("shelfwise.cli.doctor", "doctor", "Check settings, databases and the services; say what to do."),
}


class LazyGroup(TyperGroup):
    """Has a stand-in for each noun, enough for help and suggestions, and loads the noun when it is called."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  handed on to Typer as they are
        super().__init__(**options)
        self.commands = {name: TyperCommand(name, help=purpose) for name, (_, _, purpose) in NOUNS.items()}

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name) if found is not None and name is not None else found, rest


def load(name: str) -> Command:
    """The noun's own command, with its options."""
    module, attribute, _ = NOUNS[name]
    noun: Any = getattr(import_module(module), attribute)
    if isinstance(noun, typer.Typer):
        return typer.main.get_command(noun)
    alone = typer.Typer(add_completion=False)
    alone.command(name)(noun)
    return typer.main.get_command(alone)


app = typer.Typer(
    name="shelfwise",
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"shelfwise {version('shelfwise')}")
        raise typer.Exit


@app.callback()
def main(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What to order, how much, when and why: two services and their command line."""
