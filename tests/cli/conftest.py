"""A command line with a folder of its own and no settings but those that a test gives."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from fixtures.cli import CommandLine
from shelfwise.cli.services import SERVICES, migrate
from shelfwise.inventory.config import Settings
from shelfwise.sales.config import SalesSettings


@pytest.fixture(scope="session")
def migrated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both databases at the newest revision; to be copied."""
    folder = tmp_path_factory.mktemp("migrated") / "data"
    for service in SERVICES:
        asyncio.run(migrate(service, folder))
    return folder


@pytest.fixture
def empty_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """With a data directory that is not there yet."""
    monkeypatch.chdir(tmp_path)
    for name in {*Settings.model_fields, *SalesSettings.model_fields} & os.environ.keys():
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "120")
    return CommandLine(tmp_path / "data")


@pytest.fixture
def cli(empty_cli: CommandLine, migrated_folder: Path) -> CommandLine:
    """With migrated databases."""
    shutil.copytree(migrated_folder, empty_cli.data_dir)
    return empty_cli
