"""Physical lines of a stream of bytes, in bounded memory."""

from typing import NamedTuple

MAX_LINE_BYTES = 1024 * 1024


class Line(NamedTuple):
    """One line without its end. ``data`` is None when it was longer than any line may be."""

    number: int
    data: bytes | None


class LineSplitter:
    """Cuts chunks into lines, numbered from 1. A line over the limit is dropped as it arrives and reported as None."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._rest = b""
        self._dropping = False
        self._number = 0

    def feed(self, chunk: bytes) -> list[Line]:
        """The lines that the chunk completes."""
        parts = (self._rest + chunk).split(b"\n")
        self._rest = parts.pop()
        lines = []
        for part in parts:
            if not self._number or self._dropping or len(part) > self._max_line_bytes or part.endswith(b"\r"):
                lines.append(self._line(part))
            else:
                self._number += 1
                lines.append(Line(self._number, part))
        if len(self._rest) > self._max_line_bytes:
            self._rest, self._dropping = b"", True
        return lines

    def finish(self) -> list[Line]:
        """The last line, when the stream did not end with a line end."""
        return [self._line(self._rest)] if self._rest or self._dropping else []

    def _line(self, data: bytes) -> Line:
        self._number += 1
        if self._dropping or len(data) > self._max_line_bytes:
            self._dropping = False
            return Line(self._number, None)
        if self._number == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        return Line(self._number, data[:-1] if data.endswith(b"\r") else data)
