"""Header fields of requests and responses: what may be sent, and HPACK (RFC 7541) for HTTP/2.

Requests are encoded without the dynamic table and without Huffman's code: nothing is remembered from one to the next,
so nothing can be guessed from sizes, and a field costs two lengths and a join. Responses are decoded by the ``hpack``
library, once: a peer repeats its headers, and a block that reads only what the table holds means the same until the
table changes.
"""

import re
from typing import NamedTuple

import hpack
from hpack.table import HeaderTable

from shelfwise.http.exceptions import LocalProtocolError
from shelfwise.http.messages import HeaderPairs
from shelfwise.http.wire.decode import ACCEPT_ENCODING

MAX_HEADER_BYTES = 64 * 1024
_MAX_MEMO = 256
_MAX_MEMO_BLOCK_BYTES = 4096
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_RESPONSE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_BAD_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$")
#: They belong to one connection of HTTP/1.1; the wire writes its own.
FRAMING = frozenset(
    {"connection", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
_SENSITIVE = frozenset({"authorization", "cookie", "idempotency-key", "proxy-authorization", "x-api-key"})
_WITHOUT_INDEXING, _NEVER_INDEXED = 0x00, 0x10
_AUTHORITY, _METHOD, _PATH, _SCHEME = 1, 2, 4, 6  # the static table's places of the names
_INDEXED = {
    (_METHOD, "GET"): b"\x82",
    (_METHOD, "POST"): b"\x83",
    (_SCHEME, "http"): b"\x86",
    (_SCHEME, "https"): b"\x87",
}


class Origin(NamedTuple):
    """``authority`` is the URL's own spelling of host and port."""

    scheme: str
    authority: str


def check_target(method: str, target: str) -> None:
    """Refuses what would change the request's meaning once it is written.

    Raises:
        LocalProtocolError: the method is no token, or the target has a space, a control or a non-ASCII character.
    """
    if _NAME.fullmatch(method) is None:
        raise LocalProtocolError("The method is not a token")
    if not target or not target.isascii() or not target.isprintable() or " " in target:
        raise LocalProtocolError("The URL has characters that must be percent-encoded")


def checked_value(name: str, value: str) -> bytes:
    """The value as bytes.

    Raises:
        LocalProtocolError: it has control characters or ends in spaces, or cannot be encoded.
    """
    if value.isascii() and value.isprintable() and value.strip(" ") == value:
        return value.encode("ascii")
    if _BAD_IN_VALUE.search(value) is not None:
        raise LocalProtocolError(f"The header value of {name!r} has characters that are not allowed")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise LocalProtocolError(f"The value of the header {name!r} has characters that cannot be encoded") from None


def checked_name(name: str) -> str:
    """The name in lower case.

    Raises:
        LocalProtocolError: it is no token.
    """
    if _NAME.fullmatch(name) is None:
        raise LocalProtocolError(f"The header name {name!r} is not a token")
    return name.lower()


def _integer(value: int, prefix_bits: int, flags: int) -> bytes:
    """RFC 7541, section 5.1."""
    most = (1 << prefix_bits) - 1
    if value < most:
        return bytes((flags | value,))
    encoded = bytearray((flags | most,))
    value -= most
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _text(value: bytes) -> bytes:
    length = len(value)
    return (bytes((length,)) if length < 0x7F else _integer(length, 7, 0)) + value


def _pseudo(place: int, value: str) -> bytes:
    indexed = _INDEXED.get((place, value))
    return indexed if indexed is not None else _integer(place, 4, _WITHOUT_INDEXING) + _text(value.encode("ascii"))


class RequestEncoder:
    """Header blocks for requests of one origin; stateless but for what it need not compute again."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._prefixes: dict[str, bytes] = {}
        self._names: dict[str, bytes] = {}
        self._accept_encoding = self._name("accept-encoding") + _text(ACCEPT_ENCODING.encode())

    def block(self, method: str, target: str, headers: HeaderPairs, body_bytes: int) -> bytes:
        """The block of one request.

        Raises:
            LocalProtocolError: the request is malformed.
        """
        check_target(method, target)
        parts = [self._prefix(method), _pseudo(_PATH, target)]
        names = self._names
        asks_encoding = announces_length = False
        for name, value in headers:
            encoded = names.get(name)
            if encoded is None:
                encoded = self._name(name)
            if not encoded:
                continue
            if name == "accept-encoding":
                asks_encoding = True
            elif name == "content-length":
                announces_length = True
            parts += encoded, _text(checked_value(name, value))
        if not asks_encoding:
            parts.append(self._accept_encoding)
        if body_bytes and not announces_length:
            parts += self._name("content-length"), _text(b"%d" % body_bytes)
        return b"".join(parts)

    def _prefix(self, method: str) -> bytes:
        prefix = self._prefixes.get(method)
        if prefix is None:
            scheme, authority = self._origin
            pseudo = (_METHOD, method), (_SCHEME, scheme), (_AUTHORITY, authority)
            prefix = b"".join(_pseudo(place, value) for place, value in pseudo)
            if len(self._prefixes) < _MAX_MEMO:
                self._prefixes[method] = prefix
        return prefix

    def _name(self, name: str) -> bytes:
        """The field's first bytes, or nothing for a field that HTTP/2 has no use for."""
        lowered = checked_name(name)
        flags = _NEVER_INDEXED if lowered in _SENSITIVE else _WITHOUT_INDEXING
        encoded = b"" if lowered in FRAMING else bytes((flags,)) + _text(lowered.encode("ascii"))
        if len(self._names) < _MAX_MEMO:
            self._names[name] = encoded
        return encoded


class _WatchedTable(HeaderTable):
    """A dynamic table that tells when an entry is added, which may push others out."""

    changed = False

    def add(self, name: bytes, value: bytes) -> None:
        self.changed = True
        super().add(name, value)


class BadHeaders(Exception):  # noqa: N818 - it never leaves the connection
    """The block cannot be decoded, or is larger than allowed: the table's state is lost with it."""


class Fields(NamedTuple):
    """A decoded block: ``status`` None is a block without one (trailers), 0 one that no response may have."""

    status: int | None
    headers: tuple[tuple[str, str], ...]


class ResponseDecoder:
    """Decodes the header blocks of one connection, remembering those that leave the dynamic table as it is."""

    def __init__(self) -> None:
        self._decoder = hpack.Decoder(max_header_list_size=MAX_HEADER_BYTES)
        self._table = _WatchedTable()
        self._decoder.header_table = self._table
        self._memo: dict[bytes, Fields] = {}

    def decode(self, block: bytes) -> Fields:
        """What the block says.

        Raises:
            BadHeaders: it is malformed as HPACK, or too large.
        """
        known = self._memo.get(block)
        if known is not None:
            return known
        # A block that resizes the table begins with that (RFC 7541, section 4.2), and may empty it.
        self._table.changed = block[:1] >= b"\x20" and block[0] < 0x40
        try:
            raw = self._decoder.decode(block, raw=True)
        except (hpack.HPACKError, IndexError, ValueError) as error:
            raise BadHeaders(str(error)) from error
        fields = _fields([(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in raw])
        if self._table.changed or len(self._memo) >= _MAX_MEMO:
            self._memo.clear()
        if not self._table.changed and len(block) <= _MAX_MEMO_BLOCK_BYTES:
            self._memo[block] = fields
        return fields


def _fields(pairs: list[tuple[str, str]]) -> Fields:
    """RFC 9113, section 8.3.2: ``:status``, once and first, is the only pseudo-header of a response."""
    status: int | None = None
    if pairs and pairs[0][0] == ":status":
        digits = pairs.pop(0)[1]
        status = int(digits) if len(digits) == 3 and digits.isascii() and digits.isdigit() else 0
    for name, value in pairs:
        if _RESPONSE_NAME.fullmatch(name) is None or _BAD_IN_VALUE.search(value) is not None:
            return Fields(0, ())
    return Fields(status, tuple(pairs))
