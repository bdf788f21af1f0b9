"""Which redirect is followed, and with what: pure rules, no I/O."""

import re
from collections.abc import Sequence
from urllib.parse import urljoin

import httpx2

from shelfwise.http.exceptions import RemoteProtocolError, TooManyRedirects, UnsupportedProtocol
from shelfwise.http.messages import WireRequest, header_value
from shelfwise.http.requests import Location, locate

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SEE_OTHER = 303
_MAY_BECOME_GET = frozenset({301, 302})
# What identifies the caller, or a request as one of a series, is nobody else's business.
_OWN_ORIGIN_ONLY = re.compile(
    r"auth|cookie|token|api-?key|secret|session|credential|^(x-tenant-id|idempotency-key)$"
).search
_OF_THE_BODY = frozenset({"content-type", "content-length", "content-encoding"})


def next_hop(
    request: WireRequest, status: int, headers: Sequence[tuple[str, str]], *, hops_left: int
) -> WireRequest | None:
    """The request that the redirect asks for, or None when the answer is not a redirect.

    Raises:
        TooManyRedirects: no hop is left, or the redirect leads from https to http or to another scheme.
        RemoteProtocolError: it leads to what is no URL.
    """
    location = header_value(headers, "location")
    if status not in _REDIRECTS or location is None:
        return None
    if hops_left <= 0:
        raise TooManyRedirects("Too many redirects", sent="yes")
    before, after = locate(request.url), _locate(request.url, location)
    if before.origin.startswith("https:") and after.origin.startswith("http:"):
        raise TooManyRedirects("A redirect from https to http is not followed", sent="yes")
    dropped: frozenset[str] = frozenset()
    if before.origin != after.origin:
        dropped = frozenset(name for pair in request.headers if _OWN_ORIGIN_ONLY(name := pair[0].lower()))
    method, body = request.method, request.body
    if (status == _SEE_OTHER and method != "HEAD") or (status in _MAY_BECOME_GET and method == "POST"):
        method, body = "GET", b""
        dropped |= _OF_THE_BODY
    kept = [pair for pair in request.headers if pair[0].lower() not in dropped]
    return WireRequest(method, after.url, kept, body)


def _locate(url: str, location: str) -> Location:
    """Where ``location``, read relative to ``url``, is: without user information, which is nobody's to hand out."""
    try:
        joined = urljoin(url, location)
        scheme = httpx2.URL(joined).scheme
        if scheme not in {"http", "https"}:
            raise TooManyRedirects(f"A redirect leads to {scheme or 'no'}:, which is not HTTP", sent="yes")
        return locate(joined)
    except (ValueError, httpx2.InvalidURL, UnsupportedProtocol) as error:
        raise RemoteProtocolError("A redirect leads to what is no URL", sent="yes") from error
