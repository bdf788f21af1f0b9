"""Content decoding with a bound, so that a small body cannot become a large one in memory."""

import zlib

from shelfwise.http.exceptions import DecodingError, ResponseTooLarge
from shelfwise.http.messages import HeaderPairs

ACCEPT_ENCODING = "gzip, deflate"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class BodyReader:
    """Collects one response body, decoded, and refuses to grow past ``max_bytes``."""

    __slots__ = ("_announced", "_arrived", "_chunks", "_inflate", "_max_bytes", "_size")

    def __init__(self, headers: HeaderPairs, max_bytes: int) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._max_bytes = max_bytes
        self._inflate = None
        self._arrived = 0
        self._announced = -1
        for name, value in headers:
            if name == "content-length" and value.isdigit():
                length = int(value)
                if length > max_bytes:
                    raise self._too_large()
                if self._announced < 0:
                    self._announced = length
            elif name == "content-encoding":
                self._inflate = _inflater(value)

    @property
    def whole(self) -> bool:
        """Whether every byte that Content-Length announced is here."""
        return self._arrived == self._announced

    @property
    def cut_short(self) -> bool:
        """Whether fewer bytes are here than Content-Length announced."""
        return self._arrived < self._announced

    def feed(self, chunk: bytes) -> None:
        self._arrived += len(chunk)
        if self._inflate is not None:
            try:
                chunk = self._inflate.decompress(chunk, self._max_bytes - self._size + 1)
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

    def _too_large(self) -> ResponseTooLarge:
        return ResponseTooLarge(f"The body is larger than {self._max_bytes} bytes", sent="yes")


def _inflater(encoding: str) -> "zlib._Decompress | None":
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return None
    if name in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(_GZIP_OR_ZLIB)
    raise DecodingError(f"The body has a content encoding that was not asked for: {name}", sent="yes")
