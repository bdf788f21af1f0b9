"""Help is there for every noun, is quick, and a slip of the finger is answered with a suggestion."""

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from shelfwise.cli.main import NOUNS

HEAVY = ["litestar", "sqlalchemy", "alembic", "granian", "numpy", "pydantic_settings", "structlog", "pyqwest", "httpx2"]


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_has_help(empty_cli, noun):
    text = empty_cli.ok(noun, "--help")
    assert text.strip().startswith(f"Usage: shelfwise {noun}")
    assert NOUNS[noun][2].split(".")[0].split(";")[0].split(",")[0] in " ".join(text.split())


def test_help_of_every_noun_imports_no_framework():
    script = f"""
import contextlib, io, json, sys
from shelfwise.cli.main import NOUNS, app
found = {{}}
for arguments in ([], *([noun] for noun in NOUNS), ["tenant", "create"], ["import", "sales"], ["forecast", "run"]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        app([*arguments, "--help"])
    found[" ".join(arguments)] = [name for name in {HEAVY} if name in sys.modules]
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert len(found) == len(NOUNS) + 4
    assert {arguments: names for arguments, names in found.items() if names} == {}


def test_without_arguments_it_shows_every_noun(empty_cli):
    shown = empty_cli()
    assert [noun for noun in NOUNS if noun not in shown.out + shown.err] == []


def test_a_misspelt_noun_is_an_error_that_suggests_the_right_one(empty_cli):
    ended = empty_cli("doctr")
    assert ended.code == 2
    assert "Did you mean 'doctor'?" in " ".join(ended.err.split())


def test_it_says_its_version(empty_cli):
    assert empty_cli.ok("--version") == f"shelfwise {version('shelfwise')}\n"
