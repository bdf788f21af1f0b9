"""``shelfwise demo``: from an empty folder to four ``curl`` calls that work."""

from pathlib import Path
from typing import Annotated

import typer

from shelfwise.cli.console import clear_errors
from shelfwise.cli.lazy import session

ALL_PRODUCTS = 500
DEFAULT_FOLDER = Path("shelfwise-demo")


def demo(
    data_dir: Annotated[Path, typer.Option(help="Folder of the demo's databases and logs.")] = DEFAULT_FOLDER,
    inventory_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Inventory.")] = 5000,
    sales_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Sales.")] = 5001,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser when ready.")] = True,
    reset: Annotated[bool, typer.Option("--reset", help="Throw the demo's data away and load afresh.")] = False,
    products: Annotated[
        int, typer.Option(min=1, max=ALL_PRODUCTS, help="When loading, load only so many of the products: quicker.")
    ] = ALL_PRODUCTS,
) -> None:
    """Start both services on a year of real sales and show what they say. Ctrl-C stops both.

    The sales are an extract of UCI Online Retail (Daqing Chen, CC BY 4.0); stock, suppliers and lead times are
    simulated from them. A second tenant, tenant-1, is simulated throughout. Settings of the environment and of .env
    do not reach the demo, but for LOG_LEVEL and LOG_FORMAT: it touches nothing but its own folder.
    """
    with clear_errors():
        code = session.run(
            data_dir, {"inventory": inventory_port, "sales": sales_port}, products, browser=browser, reset=reset
        )
    raise typer.Exit(code)
