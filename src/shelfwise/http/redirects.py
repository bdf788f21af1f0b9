"""Which redirect is followed, and with what: pure rules, no I/O."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from shelfwise.http.exceptions import TooManyRedirects
from shelfwise.http.messages import WireRequest, header_value

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SEE_OTHER = 303
_MAY_BECOME_GET = frozenset({301, 302})
# What identifies the caller, or a request as one of a series, is nobody else's business.
_OWN_ORIGIN_ONLY = frozenset({"authorization", "cookie", "x-tenant-id", "idempotency-key"})
_OF_THE_BODY = frozenset({"content-type", "content-length", "content-encoding"})


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin:
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return Origin(parts.scheme, (parts.hostname or "").lower(), parts.port or default)


def next_hop(
    request: WireRequest, status: int, headers: Sequence[tuple[str, str]], *, hops_left: int
) -> WireRequest | None:
    """The request that the redirect asks for, or None when the answer is not a redirect.

    Raises:
        TooManyRedirects: no hop is left, or the redirect leads from https to http or to another scheme.
    """
    location = header_value(headers, "location")
    if status not in _REDIRECTS or location is None:
        return None
    if hops_left <= 0:
        raise TooManyRedirects("Too many redirects", sent="yes")
    url = urljoin(request.url, location).partition("#")[0]
    before, after = origin_of(request.url), origin_of(url)
    if after.scheme not in {"http", "https"} or not after.host:
        raise TooManyRedirects(f"A redirect leads to {after.scheme or 'no'}:, which is not HTTP", sent="yes")
    if before.scheme == "https" and after.scheme == "http":
        raise TooManyRedirects("A redirect from https to http is not followed", sent="yes")
    dropped: frozenset[str] = frozenset()
    if before != after:
        dropped = _OWN_ORIGIN_ONLY
    method, body = request.method, request.body
    if (status == _SEE_OTHER and method != "HEAD") or (status in _MAY_BECOME_GET and method == "POST"):
        method, body = "GET", b""
        dropped |= _OF_THE_BODY
    kept = [pair for pair in request.headers if pair[0].lower() not in dropped]
    return WireRequest(method, url, kept, body)
