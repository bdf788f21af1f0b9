"""Content decoding with a bound, so that a small body cannot become a large one in memory."""

import zlib

from shelfwise.http.exceptions import DecodingError, ResponseTooLarge
from shelfwise.http.messages import HeaderPairs

ACCEPT_ENCODING = "gzip, deflate"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_BODILESS = frozenset({204, 304})


class BodyReader:
    """Collects one response body, decoded, and refuses to grow past ``max_bytes``.

    With ``bodiless`` the headers speak of a body that does not come: the answer is one to HEAD, or a 204 or 304.
    """

    __slots__ = ("_announced", "_arrived", "_chunks", "_inflate", "_max_bytes", "_size")

    def __init__(self, headers: HeaderPairs, max_bytes: int, *, bodiless: bool = False) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._max_bytes = max_bytes
        self._inflate = None
        self._arrived = 0
        self._announced = -1
        if bodiless:
            return
        encoding = ""
        for name, value in headers:
            if name == "content-length" and value.isdigit():
                length = int(value)
                if length > max_bytes:
                    raise self._too_large()
                if self._announced < 0:
                    self._announced = length
            elif name == "content-encoding":
                encoding = f"{encoding},{value}"
        if encoding:
            self._inflate = _inflater(encoding)

    @property
    def whole(self) -> bool:
        """Whether every byte that Content-Length announced is here."""
        return self._arrived == self._announced

    @property
    def cut_short(self) -> bool:
        """Whether fewer bytes are here than Content-Length announced."""
        return self._arrived < self._announced

    @property
    def overrun(self) -> bool:
        """Whether more bytes are here than Content-Length announced."""
        return 0 <= self._announced < self._arrived

    @property
    def announced(self) -> bool:
        """Whether Content-Length says how long the body is."""
        return self._announced >= 0

    def feed(self, chunk: bytes) -> None:
        self._arrived += len(chunk)
        if self._inflate is not None:
            try:
                chunk = self._inflated(chunk)
            except zlib.error as error:
                raise DecodingError(f"The body is not valid gzip or deflate: {error}", sent="yes") from error
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise self._too_large()
        self._chunks.append(chunk)

    def finish(self) -> bytes:
        if self._inflate is not None and self._chunks and not self._inflate.eof:
            raise DecodingError("The compressed body ends early", sent="yes")
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def _inflated(self, chunk: bytes) -> bytes:
        """``chunk`` decoded, as far as the limit; a gzip body is any number of members (RFC 1952, section 2.2)."""
        assert self._inflate is not None
        pieces: list[bytes] = []
        room = self._max_bytes - self._size + 1
        while chunk and room > 0:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
            pieces.append(self._inflate.decompress(chunk, room))
            room -= len(pieces[-1])
            chunk = self._inflate.unused_data
        return b"".join(pieces)

    def _too_large(self) -> ResponseTooLarge:
        return ResponseTooLarge(f"The body is larger than {self._max_bytes} bytes", sent="yes")


def _inflater(encoding: str) -> "zlib._Decompress | None":
    """What undoes ``encoding``, a list of codings as Content-Encoding has it."""
    names = [name for part in encoding.split(",") if (name := part.strip().lower()) not in {"", "identity"}]
    if not names:
        return None
    if names[0] in {"gzip", "x-gzip", "deflate"} and len(names) == 1:
        return zlib.decompressobj(_GZIP_OR_ZLIB)
    raise DecodingError(f"The body has a content encoding that was not asked for: {', '.join(names)}", sent="yes")


def is_bodiless(method: str, status: int) -> bool:
    """Whether an answer has no body, whatever its headers say (RFC 9110, section 6.4.1)."""
    return method == "HEAD" or status in _BODILESS
