"""A service that cannot start says why in one line."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from fixtures.servers import free_port


@pytest.mark.parametrize("service", ["inventory", "sales"])
def test_production_without_a_way_to_verify_tokens_is_refused(empty_cli, service):
    ended = empty_cli("serve", service, "--port", str(free_port()), ENVIRONMENT="production")
    assert ended.code == 1
    assert ended.error.startswith("No way to verify tokens: set AUTH_SECRET or AUTH_SECRET_FILE")
    assert not list(empty_cli.data_dir.glob("auth-secret"))


def test_production_with_a_weak_secret_is_refused(empty_cli):
    ended = empty_cli("serve", "sales", "--port", str(free_port()), ENVIRONMENT="production", AUTH_SECRET="secret")
    assert (ended.code, ended.error.startswith("AUTH_SECRET is weak")) == (1, True)


@pytest.mark.parametrize("service", ["inventory", "sales"])
def test_a_taken_port_names_the_flag(empty_cli, service):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = empty_cli("serve", service, "--port", port)
    assert ended.code == 1
    assert f"Port {port}" in ended.error
    assert "--port" in ended.error


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SALES_PORT", "abc", "SALES_PORT: Input should be a valid integer"),
        ("SALES_PORT", "70000", "SALES_PORT: Input should be less than or equal to 65535"),
        ("ENVIRONMENT", "prod", "ENVIRONMENT: Input should be 'development' or 'production'"),
        ("DRAIN_SECONDS", "-1", "DRAIN_SECONDS: "),
        ("ALLOWED_HOSTS", "a.example", '"ALLOWED_HOSTS"'),
        ("AUTH_SECRET_FILE", "nowhere", "AUTH_SECRET_FILE nowhere"),
    ],
)
def test_a_setting_that_is_not_valid_is_named_in_one_line(empty_cli, name, value, message):
    ended = empty_cli("serve", "sales", **{"SALES_PORT": str(free_port()), name: value})
    assert ended.code == 1
    assert message in ended.error


def test_two_secrets_are_refused_in_one_line(empty_cli):
    ended = empty_cli("serve", "sales", AUTH_SECRET="x" * 40, AUTH_SECRET_FILE="file")
    assert ended.error == "a setting is not valid. Set AUTH_SECRET or AUTH_SECRET_FILE, not both."


def test_an_unknown_service_exits_2(empty_cli):
    assert empty_cli("serve", "finance").code == 2


def test_a_service_says_what_it_serves_from_and_where_once_it_takes_calls(tmp_path):
    port = str(free_port())
    command = [sys.executable, "-m", "shelfwise.cli", "serve", "sales", "--port", port, "--data-dir", str(tmp_path)]
    env = {**os.environ, "LOG_FORMAT": "json", "DRAIN_SECONDS": "0"}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = {}
        for line in process.stdout:
            entry = json.loads(line)
            said[entry["event"]] = entry
            if entry["event"] == "server.listening":
                break
        with urllib.request.urlopen(said["server.listening"]["url"] + "/health/live") as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert said["server.starting"]["database"] == f"sqlite:///{tmp_path / 'sales.db'}"
    assert said["server.listening"]["documentation"] == f"http://127.0.0.1:{port}/docs"
    assert process.returncode == 0
