"""What the demo refuses before it starts anything."""

import socket

import pytest

from fixtures.servers import free_port


@pytest.mark.parametrize("service", ["inventory", "sales"])
def test_a_taken_port_is_an_error_that_names_the_flag(empty_cli, tmp_path, service):
    ports = {"inventory": free_port(), "sales": free_port()}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports[service]))
        taken.listen()
        flags = [part for name, port in ports.items() for part in (f"--{name}-port", str(port))]
        ended = empty_cli("demo", "--data-dir", "folder", *flags)
    assert ended.code == 1
    assert ended.error.startswith(f"Port {ports[service]}")
    assert f"--{service}-port" in ended.error
    assert not (tmp_path / "folder").exists()


def test_one_port_for_both_is_an_error(empty_cli):
    ended = empty_cli("demo", "--inventory-port", "5100", "--sales-port", "5100")
    assert (ended.code, "two ports" in ended.error) == (1, True)


@pytest.mark.parametrize("more", [[], ["--reset"]])
def test_a_folder_that_is_no_demo_is_refused_and_untouched(empty_cli, tmp_path, more):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "inventory.db").write_text("mine")
    ports = ["--inventory-port", str(free_port()), "--sales-port", str(free_port())]
    ended = empty_cli("demo", "--data-dir", "mine", *ports, *more)
    assert ended.code == 1
    assert "--data-dir" in ended.error
    assert [(path.name, path.read_text()) for path in (tmp_path / "mine").iterdir()] == [("inventory.db", "mine")]


@pytest.mark.parametrize("products", ["0", "501", "many"])
def test_an_impossible_number_of_products_exits_2(empty_cli, products):
    assert empty_cli("demo", "--products", products).code == 2
