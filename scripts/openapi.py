"""Writes the OpenAPI document of each service to docs/reference/openapi, or with --check says which is out of date."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from shelfwise.inventory.config import Settings
from shelfwise.inventory.main import create_app as create_inventory
from shelfwise.platform.apidocs import document
from shelfwise.sales.config import SalesSettings
from shelfwise.sales.main import create_app as create_sales

FOLDER = Path(__file__).parents[1] / "docs" / "reference" / "openapi"


def documents() -> dict[str, str]:
    """The text of each service's document, by the service's name."""
    with tempfile.TemporaryDirectory() as folder:
        known: Any = {"_env_file": None, "DATA_DIR": Path(folder), "ENVIRONMENT": "development"}
        apps = {"inventory": create_inventory(Settings(**known)), "sales": create_sales(SalesSettings(**known))}
        described = {name: document(app.asgi.litestar) for name, app in apps.items()}
    return {name: json.dumps(text, indent=2, sort_keys=True) + "\n" for name, text in described.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 when a document would change")
    check = parser.parse_args().check
    changed = []
    for name, text in documents().items():
        path = FOLDER / f"{name}.json"
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        changed.append(path.name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    state = "out of date, run `make openapi`" if check else "written"
    print(f"{', '.join(changed)}: {state}" if changed else "up to date")
    return int(check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
