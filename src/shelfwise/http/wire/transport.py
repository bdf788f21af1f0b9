"""A wire over any httpx2 transport: MockTransport, ASGITransport, httpx2's own network transport."""

import asyncio

import httpx2

from shelfwise.http.exceptions import HTTPClientError, LocalProtocolError, ReadTimeout, from_httpx2
from shelfwise.http.messages import WireRequest, WireResponse
from shelfwise.http.policy import MEBIBYTE
from shelfwise.http.wire.base import Wire, WireUsage, without_header_value
from shelfwise.http.wire.decode import ACCEPT_ENCODING, BodyReader, is_bodiless


class TransportWire(Wire):
    """An ``httpx2.AsyncBaseTransport`` behind the :class:`Wire` seam.

    httpx2's network transport over HTTP/2 stops answering after about a hundred cancelled calls, so use it here
    with HTTP/1.1, and the Rust wire for HTTP/2.
    """

    def __init__(
        self,
        transport: httpx2.AsyncBaseTransport,
        *,
        max_body_bytes: int = 10 * MEBIBYTE,
        connect_timeout_seconds: float = 10.0,
    ) -> None:
        self._transport = transport
        self._max_body_bytes = max_body_bytes
        self._connect_timeout_seconds = connect_timeout_seconds
        self._streams = 0

    async def send(self, request: WireRequest, timeout: float) -> WireResponse:  # noqa: ASYNC109 - the seam
        progress = _Progress()
        self._streams += 1
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(request, timeout, progress)
        except TimeoutError:
            raise ReadTimeout(
                f"No answer within {timeout:.3g} s", sent="yes" if progress.answered else "maybe"
            ) from None
        except HTTPClientError:
            raise
        except httpx2.LocalProtocolError as error:
            raise LocalProtocolError(without_header_value(str(error))) from None
        except httpx2.RequestError as error:
            raise from_httpx2(error, answered=progress.answered) from error
        finally:
            self._streams -= 1

    def usage(self) -> WireUsage:
        return WireUsage(streams=self._streams)

    async def _exchange(
        self,
        request: WireRequest,
        timeout: float,  # noqa: ASYNC109
        progress: "_Progress",
    ) -> WireResponse:
        response = await self._transport.handle_async_request(self._outgoing(request, timeout))
        progress.answered = True
        try:
            headers = [(name.lower(), value) for name, value in response.headers.multi_items()]
            bodiless = is_bodiless(request.method, response.status_code)
            reader = BodyReader(headers, self._max_body_bytes, bodiless=bodiless)
            # The stream itself: aiter_raw() refuses a response that was made from bytes and so is read already.
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            async for chunk in response.stream:
                reader.feed(chunk)
        finally:
            await response.aclose()
        return WireResponse(response.status_code, headers, reader.finish(), response.http_version)

    def _outgoing(self, request: WireRequest, timeout_seconds: float) -> httpx2.Request:
        limits = dict.fromkeys(("read", "write", "pool"), timeout_seconds)
        limits["connect"] = min(timeout_seconds, self._connect_timeout_seconds)
        try:
            request.method.encode("ascii")
            outgoing = httpx2.Request(
                request.method,
                request.url,
                headers=[(name.encode("ascii"), value.encode()) for name, value in request.headers],
                content=request.body or None,
                extensions={"timeout": limits},
            )
        except (UnicodeError, httpx2.InvalidURL) as error:
            raise LocalProtocolError(str(error)) from error
        outgoing.headers.setdefault("accept-encoding", ACCEPT_ENCODING)
        return outgoing

    async def aclose(self) -> None:
        await self._transport.aclose()


class _Progress:
    """How far an exchange came before it failed."""

    __slots__ = ("answered",)

    def __init__(self) -> None:
        self.answered = False
