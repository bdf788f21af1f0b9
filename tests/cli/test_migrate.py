"""The databases are made and brought up to date, and everything else says so when they are not."""

import sqlite3

import pytest

NEEDS_DATABASE = [
    ["tenant", "show", "acme"],
    ["tenant", "create", "acme"],
    ["import", "products", "file.csv", "-t", "acme"],
    ["import", "sales", "file.csv", "-t", "acme"],
    ["forecast", "run", "-t", "acme"],
    ["plan", "run", "-t", "acme"],
    ["inbox", "retry", "-t", "acme"],
]


def test_migrating_makes_both_databases_and_again_changes_nothing(empty_cli):
    first = empty_cli("migrate")
    assert (first.code, first.out) == (0, "")
    assert first.err == "inventory: at the newest revision\nsales: at the newest revision\n"
    empty_cli.ok("tenant", "create", "acme")
    assert empty_cli("migrate") == first
    assert empty_cli("tenant", "show", "acme", "--json").json()["version"] == 1


def test_one_database_alone_can_be_migrated(empty_cli):
    empty_cli.ok("migrate", "sales")
    assert sorted(path.name for path in empty_cli.data_dir.glob("*.db")) == ["sales.db"]


@pytest.mark.parametrize("arguments", NEEDS_DATABASE, ids=" ".join)
@pytest.mark.parametrize("state", ["missing", "empty"])
def test_a_database_that_is_not_migrated_is_an_error_that_says_what_to_do(empty_cli, tmp_path, arguments, state):
    (tmp_path / "file.csv").write_text("order_id\n")
    if state == "empty":
        empty_cli.data_dir.mkdir()
        for name in ("inventory", "sales"):
            sqlite3.connect(empty_cli.data_dir / f"{name}.db").close()
    ended = empty_cli(*arguments)
    assert ended.code == 1
    assert "Run `shelfwise migrate`" in ended.error
    if state == "missing":
        assert not empty_cli.data_dir.exists()


def test_a_database_that_cannot_be_reached_is_one_line(empty_cli):
    ended = empty_cli("migrate", "sales", SALES_DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert ended.code == 1
    assert ended.error


def test_a_url_that_is_none_is_one_line(empty_cli):
    ended = empty_cli("migrate", "sales", SALES_DATABASE_URL="mysql://localhost/x")
    assert "'mysql' is not supported: use sqlite:/// or postgresql://." in ended.error
