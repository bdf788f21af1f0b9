"""Whom a wire has talked to, and how many connections to them are open."""

import ipaddress
from urllib.parse import urlsplit

import psutil

_MAX_PEERS = 1024
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Peers:
    """The peers of a wire, by origin (``https://host:port``); bounded: the first known is the first forgotten."""

    def __init__(self) -> None:
        self._addresses: dict[str, tuple[str | None, int]] = {}

    def add(self, origin: str) -> None:
        if origin in self._addresses:
            return
        parts = urlsplit(origin)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        self._addresses[origin] = (_literal(parts.hostname or ""), port)
        if len(self._addresses) > _MAX_PEERS:
            del self._addresses[next(iter(self._addresses))]

    def open_connections(self) -> int | None:
        """The established TCP connections of this process to these peers; None where the system does not tell.

        A peer known by name is recognised by its port, since the wire's own resolver does not say where it went.
        """
        wanted = set(self._addresses.values())
        if not wanted:
            return 0
        try:
            sockets = psutil.Process().net_connections(kind="tcp")
        except (psutil.Error, OSError):
            return None
        return sum(
            bool(socket.raddr)
            and socket.status == psutil.CONN_ESTABLISHED
            and ((_literal(socket.raddr.ip), socket.raddr.port) in wanted or (None, socket.raddr.port) in wanted)
            for socket in sockets
        )


def _literal(host: str) -> str | None:
    """``host`` as an address in one spelling, or None for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
