"""Route templates whose parts can never change the route."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote

from shelfwise.http.exceptions import InvalidRoute

QueryValue = str | int | float | bool | None
QueryParams = Mapping[str, QueryValue | Iterable[QueryValue]]
_PART = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
# What quote() would leave as it is (RFC 3986, section 2.3), told faster.
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]+").fullmatch
_DOT_SEGMENTS = frozenset({".", ".."})


def expand_route(template: str, parts: Mapping[str, str]) -> str:
    """The path of ``template`` with each ``{name}`` replaced by its part as one percent-encoded segment.

    ``expand_route("/products/{product_id}/analytics", {"product_id": "a/b"})`` is ``/products/a%2Fb/analytics``.

    Raises:
        InvalidRoute: a part is missing, superfluous, empty, ``.`` or ``..``.
    """
    literals, names = _compile(template)
    if len(parts) != len(set(names)):
        raise InvalidRoute(f"{template} takes the parts {sorted(set(names))}, not {sorted(parts)}")
    path = [literals[0]]
    for name, literal in zip(names, literals[1:], strict=True):
        part = parts.get(name)
        if not part or part in _DOT_SEGMENTS:
            raise InvalidRoute(f"The part {name!r} of {template} must be a name, not {part!r}")
        path.append(_quoted(part))
        path.append(literal)
    return "".join(path)


@lru_cache(maxsize=1024)
def _compile(template: str) -> tuple[list[str], list[str]]:
    if not template.startswith("/"):
        raise InvalidRoute(f"A route begins with a slash: {template!r}")
    if any(segment in _DOT_SEGMENTS for segment in template.split("/")):
        raise InvalidRoute(f"A route has no dot segments: {template!r}")
    pieces = _PART.split(template)
    literals, names = pieces[::2], pieces[1::2]
    if any(character in literal for literal in literals for character in "{}?#"):
        raise InvalidRoute(f"A route is a path with parts in braces, without a query: {template!r}")
    return literals, names


def encode_query(params: QueryParams | None) -> str:
    """``params`` as a query string: None is left out, a list is repeated, booleans are true and false."""
    if not params:
        return ""
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        values = value if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
        pairs.extend((name, _text(item)) for item in values if item is not None)
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)


def sorted_query(query: str) -> str:
    """The same query with its pairs in one order, for comparing."""
    return "&".join(sorted(query.split("&"))) if "&" in query else query


def _quoted(text: str) -> str:
    return text if _UNRESERVED(text) else quote(text, safe="")


def _text(value: QueryValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
