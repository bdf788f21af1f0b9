"""Bodies that arrive as streams: their media types, and the file inside a form."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request
from litestar.exceptions import InternalServerException
from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from shelfwise.platform.problems import BadRequestError, InvalidError, UnsupportedMediaTypeError

CSV_TYPES = frozenset({"text/csv", "application/csv", "application/octet-stream"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})


class BrokenOffError(BadRequestError):
    """The client went away before the end of its body; nobody reads the answer."""

    def __init__(self) -> None:
        super().__init__("The body broke off before its end. Send it again.")


async def received(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """The body as it arrives.

    Raises:
        BrokenOffError: the client went away. The framework reports that as an error of the server, which it is not.
    """
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException as error:
        raise BrokenOffError from error


def check_media_type(content_type: str | None, accepted: frozenset[str], advice: str) -> None:
    """Raises UnsupportedMediaTypeError, with the advice, for any other media type."""
    if _media_type(content_type) not in accepted:
        raise UnsupportedMediaTypeError(advice)


def csv_stream(content_type: str | None, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes of a CSV that is the body itself, or the one file of a multipart form.

    Raises:
        UnsupportedMediaTypeError: neither of the two.
        BadRequestError: the form's boundary is missing or too long.
    """
    if _media_type(content_type) != "multipart/form-data":
        check_media_type(content_type, CSV_TYPES, "Send text/csv, or multipart/form-data with one file.")
        return body
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise BadRequestError("The multipart body names no boundary.")
    form = _Form()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.begin,
                "on_header_field": form.name,
                "on_header_value": form.value,
                "on_headers_finished": form.headers_end,
                "on_part_data": form.data,
            },
        )
    except FormParserError as error:
        raise BadRequestError("The multipart body's boundary is too long.") from error
    return _file_of(form, parser, body)


async def _file_of(form: "_Form", parser: MultipartParser, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in body:
        try:
            parser.write(chunk)
        except MultipartParseError as error:
            raise BadRequestError("The multipart body cannot be read.") from error
        for part in form.take():
            yield part
    if not form.found:
        raise InvalidError.of("file", "the form has no file")


class _Form:
    """Collects what belongs to the first part that is a file; other fields are ignored."""

    def __init__(self) -> None:
        self.found = False
        self._is_file = False
        self._header = b""
        self._value = b""
        self._taken: list[bytes] = []

    def begin(self) -> None:
        self._is_file, self._header, self._value = False, b"", b""

    def name(self, data: bytes, start: int, end: int) -> None:
        if self._value:
            self._header, self._value = b"", b""
        self._header += data[start:end]

    def value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        if self._header.lower() == b"content-disposition" and b"filename" in self._value and not self.found:
            self._is_file = True

    def headers_end(self) -> None:
        self.found = self.found or self._is_file

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._taken.append(data[start:end])

    def take(self) -> list[bytes]:
        taken, self._taken = self._taken, []
        return taken


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()
