"""The doctor finds what is wrong, says what to do, and changes nothing."""

import asyncio

import pytest

from fixtures.cli import CommandLine
from fixtures.pairs import service_pair
from fixtures.servers import free_port
from shelfwise.inventory.tables import MIGRATIONS as INVENTORY
from shelfwise.sales.tables import MIGRATIONS as SALES

WHAT = ["settings", "inventory database", "inventory at", "sales database", "sales at"]


@pytest.fixture
def nobody():
    """URLs at which no service answers."""
    return {f"{name}_SERVICE_URL": f"http://127.0.0.1:{free_port()}" for name in ("SALES", "INVENTORY")}


def findings(ended):
    return {finding["what"].partition(" at ")[0]: finding for finding in ended.json()}


def test_without_databases_it_says_migrate_and_makes_nothing(empty_cli, nobody):
    ended = empty_cli("doctor", "--json", **nobody)
    assert ended.code == 1
    found = findings(ended)
    assert found["settings"]["ok"]
    for name in ("inventory", "sales"):
        assert found[f"{name} database"]["found"] == "is not there yet"
        assert "shelfwise migrate" in found[f"{name} database"]["advice"]
        assert found[name]["found"] == "no answer (ConnectError)"
        assert f"shelfwise serve {name}" in found[name]["advice"]
    assert not empty_cli.data_dir.exists()


def test_for_people_it_prints_a_line_for_each_and_the_advice(cli, nobody, caplog):
    ended = cli("doctor", "--service", "sales", **nobody)
    assert ended.code == 1
    assert ended.out.startswith("ok   settings: development;")
    assert "ok   sales database: at revision" in ended.out
    assert "look sales at http" in ended.out
    assert "set SALES_SERVICE_URL to where it is" in ended.out
    assert "inventory" not in ended.out
    assert caplog.messages == []  # a service that is not there is a finding, said once


@pytest.mark.parametrize(
    ("env", "found", "advice"),
    [
        ({"SALES_PORT": "abc"}, "SALES_PORT", "settings.md"),
        ({"ALLOWED_HOSTS": "x"}, "ALLOWED_HOSTS", "settings.md"),
        ({"ENVIRONMENT": "production"}, "tokens cannot be verified", "AUTH_SECRET"),
        ({"AUTH_SECRET": "short"}, "tokens cannot be verified", "weak"),
    ],
)
def test_settings_that_cannot_serve_are_all_it_looks_at(cli, nobody, env, found, advice):
    ended = cli("doctor", "--json", **{**nobody, **env})
    assert ended.code == 1
    (only,) = ended.json()
    assert found in only["found"]
    assert advice in only["advice"]


def test_a_url_that_is_none_and_a_server_that_is_not_there_are_told_apart(cli, nobody):
    urls = {"SALES_DATABASE_URL": "nonsense", "INVENTORY_DATABASE_URL": "postgresql://x@127.0.0.1:9/x"}
    found = findings(cli("doctor", "--json", **nobody, **urls))
    assert found["sales database"]["found"] == "its URL is not valid"
    assert found["inventory database"]["found"].startswith("cannot be reached")
    assert "INVENTORY_DATABASE_URL" in found["inventory database"]["advice"]


def test_a_serving_role_that_bypasses_row_level_security_is_found(cli, nobody, postgres):
    inventory, sales = asyncio.run(postgres.fresh(INVENTORY)), asyncio.run(postgres.fresh(SALES))
    superuser = postgres.url("postgres", inventory.database.rpartition("/")[2])
    urls = {"INVENTORY_DATABASE_URL": superuser, "SALES_DATABASE_URL": sales.database}
    found = findings(cli("doctor", "--json", **nobody, **urls))
    assert found["sales database"]["ok"]
    assert not found["inventory database"]["ok"]
    assert "superuser" in found["inventory database"]["advice"]


def test_an_empty_postgresql_database_says_migrate(cli, nobody, postgres):
    asyncio.run(postgres.execute("DROP DATABASE IF EXISTS doctor_empty", "CREATE DATABASE doctor_empty"))
    url = postgres.url("shelfwise_serving", "doctor_empty")
    found = findings(cli("doctor", "--json", **nobody, SALES_DATABASE_URL=url))
    assert found["sales database"]["found"] == "has no schema yet"
    assert found["sales database"]["advice"] == "Run `shelfwise migrate`."


@pytest.mark.long
def test_all_is_well_when_both_serve_and_another_secret_is_found(cli, tmp_path):
    with service_pair(tmp_path / "pair") as pair:
        well = CommandLine(pair.data_dir)("doctor", "--json", **pair.env)
        assert [entry["what"].partition(" http")[0] for entry in well.json()] == WHAT
        assert all(entry["ok"] and entry["advice"] == "" for entry in well.json()), well
        assert well.code == 0
        cli.ok("token", "-t", "x")
        found = findings(cli("doctor", "--json", **{**pair.env, "DATA_DIR": str(cli.data_dir)}))
    for name in ("inventory", "sales"):
        assert found[name]["found"] == "refuses this folder's tokens"
        assert "AUTH_SECRET" in found[name]["advice"]
