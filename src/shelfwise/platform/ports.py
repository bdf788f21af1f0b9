"""Is a port free? Apart from the server, so that asking does not load it."""

import socket

from shelfwise.platform.settings import SettingsError


def check_port_free(host: str, port: int, flag: str) -> None:
    """Raises SettingsError, naming the flag, when something already listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} on {host} cannot be used ({error.strerror}). Choose another with {flag}."
            ) from error
