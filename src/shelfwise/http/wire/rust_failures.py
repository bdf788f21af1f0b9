"""What the Rust client raises, in the terms of our tree."""

import re
from typing import Never

import pyqwest

from shelfwise.http.exceptions import (
    ConnectError,
    ConnectTimeout,
    LocalProtocolError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    Sent,
    WriteError,
)
from shelfwise.http.wire.base import without_header_value

# What the Rust client puts before the cause; it repeats the URL, with the values of its query.
_PREAMBLE = re.compile(
    r"^(Request failed: |Error reading content: )?(error sending request for url \(.*?\): )?(client error \(\w+\): )?"
)


def raise_mapped(error: Exception, *, answered: bool) -> Never:
    """Raises our exception for ``error``; ``answered``: the response's headers had arrived.

    Unsent is only what cannot have been processed: no connection, a malformed request, REFUSED_STREAM, and a stream
    above the last one that a graceful GOAWAY names. A GOAWAY with an error code does not say which streams it is
    about by the time it comes here, so there it is "maybe".
    """
    sent: Sent = "yes" if answered else "maybe"
    message = _PREAMBLE.sub("", str(error)) or type(error).__name__
    if isinstance(error, pyqwest.ConnectTimeout):
        raise ConnectTimeout(message) from error
    if isinstance(error, ConnectionError) and not answered:
        raise ConnectError(message) from error
    if isinstance(error, pyqwest.StreamError):
        if error.code is pyqwest.StreamErrorCode.REFUSED_STREAM and not answered:
            sent = "no"
        raise RemoteProtocolError(message, sent=sent) from error
    if isinstance(error, pyqwest.RemoteProtocolError):
        raise RemoteProtocolError(message, sent=sent) from error
    if isinstance(error, TimeoutError):
        raise ReadTimeout(message, sent=sent) from error
    if isinstance(error, pyqwest.WriteError) and not answered:
        raise WriteError(message, sent=sent) from error
    if isinstance(error, ValueError) and not answered:
        raise LocalProtocolError(without_header_value(message)) from None
    raise ReadError(message, sent=sent) from error
