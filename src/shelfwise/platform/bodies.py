"""JSON bodies, decoded and validated in one strict step into the type that the handler names.

The framework decodes first and then converts leniently: ``"5"`` would pass for 5, and an amount would go through binary
floating point before it becomes a Decimal.
"""

import re
from functools import cache
from typing import Any

import msgspec
from litestar import Request
from litestar.types import Empty

from shelfwise.platform.problems import BadRequestError, InvalidError, UnsupportedMediaTypeError

_PLACE = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_NAMED_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`$", re.DOTALL)
_JSON_TYPE = re.compile(r"^application/(?:[\w.+-]+\+)?json$", re.IGNORECASE)


class TypedRequest(Request[Any, Any, Any]):
    """A request whose ``json()`` is a value of the handler's ``data`` type."""

    async def json(self) -> Any:  # noqa: ANN401  the handler's own type
        """Decodes the body.

        Raises:
            UnsupportedMediaTypeError: a Content-Type that is not JSON.
            BadRequestError: not JSON, or not UTF-8.
            InvalidError: JSON that the type does not allow; the field is named.
        """
        if self._json is Empty:
            field = self.route_handler.parsed_data_field
            media_type = self.headers.get("Content-Type", "application/json").partition(";")[0].strip()
            if not _JSON_TYPE.match(media_type):
                raise UnsupportedMediaTypeError("Send application/json.")
            self._json = decode(await self.body(), Any if field is None else field.annotation)
        return self._json


def decode(body: bytes, wanted: Any) -> Any:  # noqa: ANN401  any type that msgspec decodes, and a value of it
    """The value of a JSON text.

    Raises:
        BadRequestError: not JSON, or not UTF-8.
        InvalidError: JSON that the type does not allow; the field is named.
    """
    try:
        # The decoder would report a wrong type before it meets text that is none.
        body.decode()
        return _decoder(wanted).decode(body)
    except UnicodeDecodeError as error:
        raise BadRequestError("The body is not valid UTF-8.") from error
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except msgspec.DecodeError as error:
        raise BadRequestError(f"The body is not JSON: {error}") from error
    except RecursionError as error:
        raise BadRequestError("The body is nested too deeply.") from error


@cache
def _decoder(wanted: Any) -> "msgspec.json.Decoder[Any]":  # noqa: ANN401  any type that msgspec decodes
    return msgspec.json.Decoder(wanted)


def _invalid(message: str) -> InvalidError:
    """The field that is wrong; of a missing or unknown one msgspec says the parent's place."""
    place = _PLACE.match(message)
    reason, path = (place["reason"], place["path"] or "") if place else (message, "")
    named = _NAMED_FIELD.match(reason)
    if named:
        path = f"{path}.{named[1]}" if path else named[1]
    return InvalidError.of(path or "body", reason)
