import inspect

import httpx2
import pyqwest
import pytest

from shelfwise.http import exceptions
from shelfwise.http.wire.rust_failures import raise_mapped


def subclasses(base: type) -> set[type]:
    found = set(base.__subclasses__())
    return found | {deeper for child in found for deeper in subclasses(child)}


def concrete_wire_errors_of_httpx2() -> list[type[httpx2.RequestError]]:
    abstract = {httpx2.TimeoutException, httpx2.NetworkError, httpx2.ProtocolError}
    not_of_the_wire = {httpx2.SSEError}  # its own API for streams of events, above the transport
    ours = subclasses(httpx2.TransportError) - abstract - not_of_the_wire
    return sorted(
        (e for e in {*ours, httpx2.DecodingError} if e.__module__.startswith("httpx2")), key=lambda e: e.__name__
    )


@pytest.mark.parametrize("error", concrete_wire_errors_of_httpx2())
def test_every_wire_error_of_httpx2_has_ours_of_the_same_name(error: type[httpx2.RequestError]):
    mapped = exceptions.from_httpx2(error("why"), answered=False)
    assert type(mapped).__name__ == error.__name__
    assert isinstance(mapped, error)
    assert str(mapped) == "why"


def test_an_answer_that_had_begun_means_that_the_request_was_sent():
    for error in concrete_wire_errors_of_httpx2():
        assert exceptions.from_httpx2(error("why"), answered=True).sent == "yes"


PYQWEST_ERRORS = [
    (pyqwest.ConnectTimeout("x"), exceptions.ConnectTimeout, "no"),
    (ConnectionError("x"), exceptions.ConnectError, "no"),
    (TimeoutError("x"), exceptions.ReadTimeout, "maybe"),
    (pyqwest.ReadError("x"), exceptions.ReadError, "maybe"),
    (pyqwest.WriteError("x"), exceptions.WriteError, "maybe"),
    (pyqwest.RemoteProtocolError("x"), exceptions.RemoteProtocolError, "maybe"),
    (pyqwest.StreamError("x", pyqwest.StreamErrorCode.REFUSED_STREAM), exceptions.RemoteProtocolError, "no"),
    (pyqwest.StreamError("x", pyqwest.StreamErrorCode.CANCEL), exceptions.RemoteProtocolError, "maybe"),
    (pyqwest.TooManyRedirects("x"), exceptions.ReadError, "maybe"),  # never raised: redirects are ours
    (ValueError("x"), exceptions.LocalProtocolError, "no"),
    (RuntimeError("x"), exceptions.ReadError, "maybe"),
]


@pytest.mark.parametrize(("error", "ours", "sent"), PYQWEST_ERRORS)
def test_every_error_of_the_rust_wire_has_ours(error: Exception, ours: type[exceptions.WireError], sent: str):
    with pytest.raises(exceptions.WireError) as caught:
        raise_mapped(error, answered=False)
    assert type(caught.value) is ours
    assert caught.value.sent == sent


def test_no_error_of_pyqwest_is_forgotten():
    exported = {
        getattr(pyqwest, name)
        for name in pyqwest.__all__
        if inspect.isclass(getattr(pyqwest, name)) and issubclass(getattr(pyqwest, name), Exception)
    }
    assert exported == {type(error) for error, _, _ in PYQWEST_ERRORS} & exported


def test_the_tree_is_drawn_in_the_docstring():
    ours = {e.__name__ for e in subclasses(exceptions.HTTPClientError)} | {"HTTPClientError", "InvalidRoute"}
    assert exceptions.__doc__ is not None
    assert {name for name in ours if name not in exceptions.__doc__} == set()


def test_every_exception_says_whether_it_was_sent_and_why_it_was_the_end():
    for error in subclasses(exceptions.HTTPClientError) - {exceptions.WireError}:
        made = error("why")
        assert isinstance(made, httpx2.HTTPError)
        assert (made.sent, made.reason) == ("no", "not_retryable")


def test_what_failed_at_bottom_is_named_through_the_policies_that_ended_it():
    refused = exceptions.ConnectError("refused")
    assert exceptions.failure_kind(exceptions.BudgetExhausted("x", last_error=refused)) == "connect"
    assert exceptions.failure_kind(exceptions.DeadlineExceeded("x")) == "timeout"
    assert exceptions.failure_kind(exceptions.BreakerOpen("x")) == "breaker_open"
    assert exceptions.failure_kind(ValueError("x")) == "network"
