"""Fixtures for every test: real databases on both back ends."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.databases import PrivatePostgres, SqliteFiles, start_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """A private PostgreSQL server."""
    yield from start_postgres()


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> PrivatePostgres | SqliteFiles:
    """``await databases.fresh(migrations)`` gives MigrationUrls of a new migrated database, on both back ends."""
    return SqliteFiles(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture(scope="session", autouse=True)
def _no_templates_left() -> Iterator[None]:
    yield
    # Only this run's: another may be using its own.
    for path in Path(tempfile.gettempdir()).glob(f"shelfwise-template-{os.getpid()}-*"):
        path.unlink(missing_ok=True)
