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
    literals, names, distinct = _compile(template)
    if len(parts) != distinct:
        raise InvalidRoute(f"{template} takes the parts {sorted(set(names))}, not {sorted(parts)}")
    path = literals[0]
    for index, name in enumerate(names, 1):
        part = parts.get(name)
        if not part or part in _DOT_SEGMENTS:
            raise InvalidRoute(f"The part {name!r} of {template} must be a name, not {part!r}")
        path += (part if _UNRESERVED(part) else quote(part, safe="")) + literals[index]
    return path


@lru_cache(maxsize=1024)
def _compile(template: str) -> tuple[list[str], list[str], int]:
    """The literal pieces of the template, the names between them, and how many different names these are."""
    if not template.startswith("/"):
        raise InvalidRoute(f"A route begins with a slash: {template!r}")
    if any(segment in _DOT_SEGMENTS for segment in template.split("/")):
        raise InvalidRoute(f"A route has no dot segments: {template!r}")
    pieces = _PART.split(template)
    literals, names = pieces[::2], pieces[1::2]
    if any(character in literal for literal in literals for character in "{}?#"):
        raise InvalidRoute(f"A route is a path with parts in braces, without a query: {template!r}")
    return literals, names, len(set(names))


def encode_query(params: QueryParams | None) -> str:
    """``params`` as a query string: None is left out, a list is repeated, booleans are true and false.

    Raises:
        TypeError: a value is bytes or a mapping, which have no one spelling.
    """
    if not params:
        return ""
    pairs: list[str] = []
    for name, value in params.items():
        if type(value) is str or type(value) is int:  # by far the most, and told without asking for an interface
            pairs.append(f"{_quoted(name)}={_quoted(str(value))}")
            continue
        if isinstance(value, bytes | bytearray | memoryview | Mapping):
            raise TypeError(f"The parameter {name!r} must be text, a number or a list, not {type(value).__name__}")
        values = value if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
        pairs.extend(f"{_quoted(name)}={_quoted(_text(item))}" for item in values if item is not None)
    return "&".join(pairs)


def sorted_query(query: str) -> str:
    """The same query with its pairs in one order, for comparing."""
    return "&".join(sorted(query.split("&"))) if "&" in query else query


def _quoted(text: str) -> str:
    return text if _UNRESERVED(text) else quote(text, safe="")


def _text(value: QueryValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
