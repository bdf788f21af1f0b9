"""Reads what a target may be: URLs, a name in DNS, or a file that lists URLs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

Scheme = Literal["static", "dns", "dns+srv", "file"]
_FORMS = "http(s)://host:port[,...], dns://host:port, dns+srv://_service._tcp.name or file:///path"


@dataclass(frozen=True, slots=True)
class Target:
    """``origin`` names the target in cache keys and logs; ``addresses`` are those known without looking anything up.

    ``lookup`` is the DNS name or the file's path, ``port`` that of the DNS form.
    """

    scheme: Scheme
    origin: str
    base_path: str = ""
    addresses: tuple[str, ...] = ()
    lookup: str = ""
    port: int = 0


def parse_target(text: str) -> Target:
    """The target that ``text`` names.

    Raises:
        ValueError: it is none of the four forms; the message says what is wrong.
    """
    scheme = text.partition("://")[0]
    match scheme:
        case "dns":
            return _dns(text)
        case "dns+srv":
            name = text.partition("://")[2]
            if not name or "/" in name or ":" in name or "@" in name:
                raise ValueError(f"The target {text!r} must be dns+srv://_service._tcp.name, without port and path")
            return Target("dns+srv", f"http://{name}", lookup=name)
        case "file":
            path = unquote(urlsplit(text).path)
            if urlsplit(text).netloc or not path:
                raise ValueError(f"The target {text!r} must be file:///path/of/the/file")
            return Target("file", f"http://{Path(path).name}", lookup=path)
        case _:
            return _static(text)


def origin_of(url: str) -> tuple[str, str]:
    """Origin and path of one base URL.

    Raises:
        ValueError: not an http(s) URL with nothing but an origin and a path.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ValueError(f"The target must be {_FORMS}; URLs are http:// or https:// without user information")
    if not _has_valid_port(parts):
        raise ValueError("The port of a target is a number from 1 to 65535")
    if parts.query or parts.fragment:
        raise ValueError("The target is a base URL: it has no query and no fragment")
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")


def _has_valid_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _static(text: str) -> Target:
    found = [origin_of(url) for url in text.split(",")]
    if len({path for _, path in found}) > 1:
        raise ValueError("All URLs of a target must have the same path")
    if len({origin.partition("://")[0] for origin, _ in found}) > 1:
        raise ValueError("The URLs of a target must be all http:// or all https://")
    addresses = tuple(dict.fromkeys(origin for origin, _ in found))
    return Target("static", addresses[0], found[0][1], addresses)


def _dns(text: str) -> Target:
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or port is None or parts.path.strip("/") or parts.username is not None:
        raise ValueError(f"The target {text!r} must be dns://host:port")
    return Target("dns", f"http://{parts.hostname}:{port}", lookup=parts.hostname, port=port)
