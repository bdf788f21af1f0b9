"""The log lines of the integration document."""

# ruff: noqa: G004 - the document gives the lines as f-strings, and a structlog logger does not interpolate

import logging
from typing import Protocol

from shelfwise.http.exceptions import HTTPClientError
from shelfwise.http.instrumentation.hooks import CacheStatus, CallInfo, NoHooks
from shelfwise.http.redaction import without_secrets
from shelfwise.http.strategies.breaker import BreakerState
from shelfwise.http.strategies.retry import Retry

LOGGER_NAME = "shelfwise.http"


class StructuredLogger(Protocol):
    """What a structlog logger and a standard one have in common."""

    def debug(self, event: str, /) -> object: ...

    def warning(self, event: str, /) -> object: ...

    def error(self, event: str, /) -> object: ...


class LogHooks(NoHooks):
    """Writes each call as the document does: debug on request and response, error on failure.

    The default logger is the standard library's ``shelfwise.http``, which structlog's standard-library bridge
    hears too; pass ``structlog.get_logger("shelfwise.http")`` to write through structlog alone. Neither headers
    nor bodies are ever written, nor the values of query parameters that are named after a credential.
    """

    def __init__(self, logger: StructuredLogger | None = None) -> None:
        standard = logging.getLogger(LOGGER_NAME)
        self._logger: StructuredLogger = standard if logger is None else logger
        self._standard = standard if logger is None else None

    def started(self, call: CallInfo) -> None:
        # Looked at in place, here and in finished(): every call comes by, and most write nothing.
        if self._standard is None or self._standard.isEnabledFor(logging.DEBUG):
            self._logger.debug(f"{call.method} request to {without_secrets(call.url)}")

    def finished(
        self,
        call: CallInfo,
        status: int,
        seconds: float,  # noqa: ARG002 - the event's signature
        attempts: int,  # noqa: ARG002
        cache: CacheStatus,  # noqa: ARG002
    ) -> None:
        if self._standard is None or self._standard.isEnabledFor(logging.DEBUG):
            self._logger.debug(f"{call.method} {without_secrets(call.url)} - Status: {status}")

    def failed(self, call: CallInfo, error: HTTPClientError, seconds: float) -> None:  # noqa: ARG002
        self._logger.error(f"{call.method} request failed: {without_secrets(call.url)} - {error}")

    def retrying(self, call: CallInfo, retry: Retry) -> None:
        if self._wants_debug():
            why = f"Retry after {retry.retry_class} in {retry.delay_seconds:.3f} s"
            self._logger.debug(f"{call.method} {without_secrets(call.url)} - {why}")

    def hedging(self, call: CallInfo) -> None:
        if self._wants_debug():
            self._logger.debug(f"{call.method} {without_secrets(call.url)} - Hedged at another instance")

    def breaker_changed(self, target: str, instance: str, state: BreakerState) -> None:
        self._logger.warning(f"Breaker of {target} at {instance} is {state}")

    def _wants_debug(self) -> bool:
        return self._standard is None or self._standard.isEnabledFor(logging.DEBUG)
