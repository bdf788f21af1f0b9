#!/bin/sh
# Locks the dependencies: versions and hashes, no addresses. `scripts/lock.sh --upgrade` takes newer ones.
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
[ -x "$uv" ] || { echo "Run \`make setup-dev\` first: it installs uv." >&2; exit 1; }
compile() {
    output=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
        --no-annotate pyproject.toml "$@" --output-file "$output"
}
compile requirements/run.txt --group build "$@"
compile requirements/dev.txt --group dev --constraint requirements/run.txt "$@"
compile requirements/bench.txt --group bench --constraint requirements/dev.txt "$@"
