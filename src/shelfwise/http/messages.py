"""Requests and responses as plain values: what travels between the pipeline, its strategies and a wire."""

from collections.abc import Sequence
from typing import NamedTuple

HeaderPairs = Sequence[tuple[str, str]]


class WireRequest(NamedTuple):
    """One request, complete: an absolute URL without user information, and all headers but framing ones."""

    method: str
    url: str
    headers: HeaderPairs
    body: bytes


class WireResponse(NamedTuple):
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
