"""Answers of Sales, decoded, and marked where an old one stands in for one that failed."""

from typing import Generic, TypeVar

import msgspec

from shelfwise.contracts.analytics import SalesData
from shelfwise.contracts.forecasts import DemandForecast
from shelfwise.http import Reply
from shelfwise.http.batches import BatchReply
from shelfwise.inventory.clients.errors import SalesUnavailableError, is_refusal, refusal, unavailable

T = TypeVar("T")


class Answer(Generic[T]):
    """A decoded answer; None for a 404. ``stale_seconds`` is its age when Sales could not be asked anew."""

    __slots__ = ("stale_seconds", "value")

    def __init__(self, value: T | None, stale_seconds: int | None) -> None:
        self.value = value
        self.stale_seconds = stale_seconds


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SalesUnavailableError("Bad answer") from error


def raise_failure(reply: BatchReply) -> None:
    """A refusal is one whatever is cached; any other failure only where nothing stands in for it."""
    failure = reply.failure
    if isinstance(failure, Reply):
        if reply.unanswered or is_refusal(failure):
            raise refusal(failure)
    elif reply.unanswered:
        raise SalesUnavailableError("Bad answer") if failure is None else unavailable(failure)


def sales_data_of(answer: Answer[SalesData]) -> SalesData:
    assert answer.value is not None
    if answer.stale_seconds is None:
        return answer.value
    return {**answer.value, "stale": True, "age_seconds": answer.stale_seconds}


def forecast_of(answer: Answer[DemandForecast]) -> DemandForecast:
    assert answer.value is not None
    if answer.stale_seconds is None:
        return answer.value
    return {**answer.value, "stale": True, "age_seconds": answer.stale_seconds}
