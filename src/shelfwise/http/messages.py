"""Requests and responses as plain values: what travels between the pipeline, its strategies and a wire.

Structs and not named tuples: one of each is made in every attempt, at a third of the price.
"""

from collections.abc import Sequence

import msgspec

from shelfwise.http.redaction import without_secrets

HeaderPairs = Sequence[tuple[str, str]]


class WireRequest(msgspec.Struct, frozen=True):
    """One request, complete: an absolute URL without user information, and all headers but framing ones."""

    method: str
    url: str
    headers: HeaderPairs
    body: bytes

    def __repr__(self) -> str:
        """Without what may be secret: in a traceback with its variables it would reach a log."""
        names = ", ".join(name for name, _ in self.headers)
        return f"<WireRequest {self.method} {without_secrets(self.url)}, headers {names}, {len(self.body)} bytes>"


class WireResponse(msgspec.Struct, frozen=True):
    """One response, complete: header names in lower case, body decoded, ``http_version`` as in HTTP/2."""

    status: int
    headers: HeaderPairs
    body: bytes
    http_version: str


def header_value(headers: HeaderPairs, name: str) -> str | None:
    """The first value of the lower-case ``name`` among pairs with lower-case names."""
    for key, value in headers:
        if key == name:
            return value
    return None
