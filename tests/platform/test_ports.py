"""A port that is taken is named with the flag that changes it."""

import socket

import pytest

from shelfwise.platform.ports import check_port_free
from shelfwise.platform.settings import SettingsError


def test_a_taken_port_is_an_error_that_names_the_flag():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="--sales-port"):
            check_port_free("127.0.0.1", taken.getsockname()[1], "--sales-port")
