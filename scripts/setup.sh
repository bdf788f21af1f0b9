#!/bin/sh
# Makes .venv from the hashed requirements: `scripts/setup.sh run` to use Shelfwise, `dev` to work on it.
# `bench` makes .venv-bench, to measure it beside its peers; one of them replaces urllib3 in the environment that it
# is installed in, which is no place for the tests.
# Needs nothing but Python 3.11 or newer. Does nothing when nothing has changed.
set -eu
cd "$(dirname "$0")/.."
kind=${1:-run}
requirements=requirements/$kind.txt
venv=.venv
[ "$kind" = bench ] && venv=.venv-bench

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s' "$name"
            return
        fi
    done
    say "Shelfwise needs Python 3.11 or newer, and none was found."
    say "Install it (Debian 12, Ubuntu 24.04: \`apt-get install python3 python3-venv\`; macOS: \`brew install python\`),"
    say "or name it: \`make setup PYTHON=/path/to/python3.11\`."
    exit 1
}

fingerprint() {
    cat "$requirements" pyproject.toml scripts/setup.sh | cksum
    pwd
}

stamp=$venv/.shelfwise-$kind
# What serves the tests serves running too.
reached=no
for each in run dev bench; do
    [ "$each" = "$kind" ] && reached=yes
    if [ "$reached" = yes ] && [ -f "$venv/.shelfwise-$each" ] &&
        [ "$(cat "$venv/.shelfwise-$each")" = "$(requirements=requirements/$each.txt && fingerprint)" ]; then
        exit 0
    fi
done

python=$(find_python)
if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    say "This Python lacks venv or ensurepip. On Debian or Ubuntu: \`apt-get install python$version-venv\`."
    exit 1
fi
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "Making $venv with $("$python" --version) ..."
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi
rm -f "$stamp"
say "Installing $requirements (once; hashes are checked) ..."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
    --requirement "$requirements"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
fingerprint >"$stamp"
say "Ready: $venv"
