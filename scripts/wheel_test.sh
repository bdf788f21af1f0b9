#!/bin/sh
# Builds the wheel, installs it alone into an empty environment and uses it as a stranger would.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/python -m build --wheel --no-isolation --outdir "$work/dist" . >"$work/build.log" 2>&1 ||
    { cat "$work/build.log" >&2; exit 1; }
wheel=$(ls "$work"/dist/*.whl)
size=$(wc -c <"$wheel")
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
    --requirement requirements/run.txt
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$wheel"
cd "$work"
"$work/venv/bin/shelfwise" --version
"$work/venv/bin/shelfwise" --help >/dev/null
"$work/venv/bin/python" -I - <<'PYTHON'
from importlib.resources import files

import app.clients.sales_client
import app.config
import app.services.inventory_service
import app.utils.http_client
import shelfwise.inventory.main
import shelfwise.sales.main

for name in ("sales", "inventory"):
    versions = files(f"shelfwise.{name}") / "migrations" / "versions"
    assert any(entry.name.endswith(".py") for entry in versions.iterdir()), f"{name}: no migrations in the wheel"
data = files("shelfwise.sample") / "data"
assert any(entry.name.startswith("online_retail") for entry in data.iterdir()), "no sample data in the wheel"
assert (files("shelfwise.platform") / "static" / "swagger-ui-bundle.js.gz").is_file(), "no docs assets in the wheel"
PYTHON
DATA_DIR="$work/data" "$work/venv/bin/shelfwise" migrate >/dev/null
DATA_DIR="$work/data" "$work/venv/bin/shelfwise" tenant create smoke --currency EUR --time-zone Europe/Berlin >/dev/null
DATA_DIR="$work/data" "$work/venv/bin/shelfwise" tenant show smoke --json | grep -q Europe/Berlin
echo "wheel of $size bytes: installed alone, migrated and used"
