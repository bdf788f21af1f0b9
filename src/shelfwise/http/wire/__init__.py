"""What puts bytes on a network, behind one narrow seam."""

import httpx2

from shelfwise.http.messages import HeaderPairs, WireRequest, WireResponse
from shelfwise.http.policy import Policy
from shelfwise.http.wire.asyncio_wire import AsyncioWire
from shelfwise.http.wire.base import Wire, WireUsage
from shelfwise.http.wire.rust import RustWire
from shelfwise.http.wire.transport import TransportWire

__all__ = [
    "AsyncioWire",
    "HeaderPairs",
    "RustWire",
    "TransportWire",
    "Wire",
    "WireRequest",
    "WireResponse",
    "WireUsage",
    "make_wire",
]


def make_wire(policy: Policy) -> Wire:
    """The wire that ``policy`` names, but the Rust one for asyncio's where there is a proxy.

    httpx2's speaks HTTP/1.1 only: its HTTP/2 does not survive cancelled calls.

    Raises:
        ValueError: the policy has certificates of its own, which the httpx2 wire would leave out.
    """
    if policy.wire == "asyncio" and policy.proxy is None:
        return AsyncioWire(policy)
    if policy.wire != "httpx2":
        return RustWire(policy)
    if policy.tls_ca_cert is not None or policy.tls_client_cert is not None:
        raise ValueError("wire: httpx2 trusts the system's authorities; give a TransportWire with your own transport")
    limits = httpx2.Limits(max_connections=policy.max_connections, max_keepalive_connections=policy.max_keepalive)
    transport = httpx2.AsyncHTTPTransport(http2=False, limits=limits, proxy=policy.proxy, trust_env=False)
    return TransportWire(
        transport, max_body_bytes=policy.max_body_bytes, connect_timeout_seconds=policy.connect_timeout_seconds
    )
