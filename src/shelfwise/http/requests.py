"""What HTTPClient's arguments become: a request for the wire, and for whom it is."""

import base64
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypedDict
from urllib.parse import unquote

import httpx2

from shelfwise.http.exceptions import UnsupportedProtocol
from shelfwise.http.messages import WireRequest, header_value
from shelfwise.http.routes import QueryParams, encode_query

HeaderMapping = Mapping[str, str] | Sequence[tuple[str, str]]
# The wire frames the message and names the host itself.
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})

_MAX_PORT = 65535


class RequestOptions(TypedDict, total=False):
    """What may be said of a request. ``timeout`` is the time of all attempts together, in seconds.

    ``safe`` declares that a POST changes nothing, so that it may be retried.
    """

    headers: HeaderMapping | None
    params: QueryParams | None
    json: object
    content: str | bytes | None
    timeout: float | None
    safe: bool


_OPTIONS = RequestOptions.__optional_keys__


class Location(NamedTuple):
    """A URL in parts, as a wire needs them: encoded, and without user information or fragment."""

    origin: str
    path: str
    query: str
    authorization: str | None

    @property
    def url(self) -> str:
        url = self.origin + self.path
        return f"{url}?{self.query}" if self.query else url


class Addressed(NamedTuple):
    """A request and where it goes; ``partition`` says for which tenant."""

    location: Location
    request: WireRequest
    partition: str


def build_request(method: str, url: str, options: RequestOptions) -> Addressed:
    """The request that ``options`` describe.

    Raises:
        UnsupportedProtocol: the URL does not begin with http:// or https:// or names no host.
        httpx2.InvalidURL: it cannot be read.
        TypeError: an option is unknown, a header is no text, or the content neither text nor bytes.
    """
    if not options.keys() <= _OPTIONS:
        # httpx2 takes more: to leave out data= or auth= without a word would send something else.
        raise TypeError(f"Unknown options: {', '.join(sorted(options.keys() - _OPTIONS))}")
    location = locate(str(url))
    query = encode_query(options.get("params"))
    if query:
        location = location._replace(query=f"{location.query}&{query}" if location.query else query)
    headers, body = _headers(options.get("headers")), b""
    names = {name for name, _ in headers}
    if options.get("content") is not None:
        body = _content(options["content"])
    elif options.get("json") is not None:
        # As httpx2 encodes it: compact, as UTF-8, and without the NaN that JSON does not have.
        text = json.dumps(options["json"], ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        body = text.encode()
        if "content-type" not in names:
            headers.append(("content-type", "application/json"))
    if location.authorization is not None and "authorization" not in names:
        headers.append(("authorization", location.authorization))
    return address(WireRequest(method.upper(), location.url, headers, body), location)


def address(request: WireRequest, location: Location | None = None) -> Addressed:
    """``request`` with where it goes and for which tenant."""
    where = location if location is not None else locate(request.url)
    partition = header_value(request.headers, "x-tenant-id") or ""
    return Addressed(where, request, partition)


@lru_cache(maxsize=1024)
def locate(url: str) -> Location:
    """``url`` normalised as httpx2 does and taken apart; user information becomes Basic authorization."""
    parsed = httpx2.URL(url)
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise UnsupportedProtocol("The URL must begin with http:// or https:// and name a host")
    if parsed.port is not None and not 0 < parsed.port <= _MAX_PORT:
        raise httpx2.InvalidURL(f"The port of a URL is from 1 to {_MAX_PORT}, not {parsed.port}")
    authorization = None
    if parsed.userinfo:
        # Out of the URL, so that it reaches no log line, no message and no metric.
        name, _, password = parsed.userinfo.decode("ascii").partition(":")
        credentials = f"{unquote(name)}:{unquote(password)}".encode()
        authorization = f"Basic {base64.b64encode(credentials).decode('ascii')}"
    path, _, query = parsed.raw_path.decode("ascii").partition("?")
    return Location(f"{parsed.scheme}://{parsed.netloc.decode('ascii')}", path or "/", query, authorization)


def _headers(headers: HeaderMapping | None) -> list[tuple[str, str]]:
    """Header pairs with lower-case names, without those that are the wire's own."""
    if not headers:
        return []
    pairs: list[tuple[str, str]] = []
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"The header {name!r} must be text, not {type(value).__name__}")
        if (lowered := name.lower()) not in _FRAMING:
            pairs.append((lowered, value))
    return pairs


def _content(content: str | bytes | None) -> bytes:
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, bytes):
        return content
    raise TypeError(f"The content must be text or bytes, not {type(content).__name__}")
