import socket

import pytest

from shelfwise.http.wire.peers import Peers


@pytest.fixture
def connected():
    """A connection of this process to itself, and the port that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listener.accept()
            with accepted:
                yield port


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_the_end_that_called_is_counted_and_the_end_that_answers_is_not(connected: int, host: str):
    peers = Peers()
    peers.add(f"http://{host}:{connected}")
    assert peers.open_connections() == 1


@pytest.mark.parametrize("origin", ["http://127.0.0.2:{}", "http://127.0.0.1", "https://127.0.0.1:1"])
def test_connections_to_others_are_not_counted(connected: int, origin: str):
    peers = Peers()
    peers.add(origin.format(connected))
    assert peers.open_connections() == 0


def test_the_first_of_too_many_peers_is_forgotten(connected: int):
    peers = Peers()
    peers.add(f"http://127.0.0.1:{connected}")
    for port in range(1024):
        peers.add(f"http://127.0.0.3:{port + 1}")
    assert peers.open_connections() == 0
    peers.add(f"http://127.0.0.1:{connected}")
    assert peers.open_connections() == 1
