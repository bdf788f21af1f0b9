"""docs/reference/cli.md is what the command line itself says."""

import subprocess
import sys
from pathlib import Path

from shelfwise.cli.main import NOUNS

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date():
    command = [sys.executable, str(ROOT / "scripts" / "cli_reference.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_noun_and_every_long_option_of_its_help_is_on_the_page(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert [noun for noun in NOUNS if f"## shelfwise {noun}" not in page] == []
    for option in ("--data-dir", "--json", "--tenant", "--no-browser", "--products", "--history", "--unpin", "--ttl"):
        assert f"`{option}`" in page
