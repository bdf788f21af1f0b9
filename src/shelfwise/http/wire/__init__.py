"""What puts bytes on a network, behind one narrow seam."""

from shelfwise.http.messages import HeaderPairs, WireRequest, WireResponse
from shelfwise.http.wire.base import Wire
from shelfwise.http.wire.rust import RustWire
from shelfwise.http.wire.transport import TransportWire

__all__ = ["HeaderPairs", "RustWire", "TransportWire", "Wire", "WireRequest", "WireResponse"]
