"""A wire that answers by script."""

import asyncio
from collections.abc import Callable, Iterable

from shelfwise.http.exceptions import ReadTimeout
from shelfwise.http.messages import HeaderPairs, WireRequest, WireResponse
from shelfwise.http.testing.clock import FakeClock
from shelfwise.http.wire.base import Wire

Step = WireResponse | Exception | float
"""One exchange: an answer, a failure, or a silence of so many seconds before the next step is taken."""


def respond(
    status: int = 200, body: bytes = b"", headers: HeaderPairs = (), *, http_version: str = "HTTP/2"
) -> WireResponse:
    return WireResponse(status, tuple(headers), body, http_version)


class ScriptedWire(Wire):
    """A wire that answers by script: each send takes the next step; ``requests`` keeps what was sent.

    A silence moves ``clock`` on, and past the attempt's timeout it ends in ReadTimeout. After the last step,
    ``then`` answers (by default the script's end is an error of the test).
    """

    def __init__(
        self,
        steps: Iterable[Step] = (),
        *,
        then: Callable[[WireRequest], Step] | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self._steps = list(steps)
        self._then = then
        self._clock = clock
        self.requests: list[WireRequest] = []
        self.closed = False

    async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109 - the seam
        self.requests.append(request)
        await asyncio.sleep(0)
        step = self._next(request)
        if isinstance(step, float | int):
            if self._clock is None:
                raise AssertionError("A silence in the script needs the clock that it passes on")
            if step >= timeout:
                self._clock.advance(timeout)
                raise ReadTimeout(f"No answer within {timeout:.3g} s", sent="maybe")
            self._clock.advance(step)
            step = self._next(request)
        if isinstance(step, WireResponse):
            return step
        if isinstance(step, Exception):
            raise step
        raise AssertionError("Two silences in a row in the script")

    def _next(self, request: WireRequest) -> Step:
        if self._steps:
            return self._steps.pop(0)
        if self._then is None:
            raise AssertionError(f"The script has no answer left for {request.method} {request.url}")
        return self._then(request)

    async def aclose(self) -> None:
        self.closed = True
