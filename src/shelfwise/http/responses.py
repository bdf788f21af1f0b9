"""``httpx2.Response`` and ``httpx2.Request``, built when somebody looks.

Building both costs about five times what a call costs otherwise, and most callers ask for status, content and JSON.
"""

from datetime import timedelta

import httpx2

from shelfwise.http.messages import HeaderPairs, WireRequest
from shelfwise.http.reply import Reply

# The body is decoded already; the headers of its encoded form would have it decoded twice.
_OF_THE_ENCODED_BODY = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class Response(httpx2.Response):
    """The answer to one request. An ``httpx2.Response`` in every respect, set up on the first look at most of it.

    ``status_code`` and ``content``, and with them ``json()``, are there at once; any other attribute, and setting
    one, first runs httpx2's own set-up. The body came decoded and whole: its headers of the encoded form are left out,
    ``num_bytes_downloaded`` is 0, and ``next_request`` None even where redirects are not followed.
    """

    def __init__(
        self, reply: Reply, request: WireRequest, history: "list[httpx2.Response]", elapsed_seconds: float
    ) -> None:
        # Past __setattr__, and without httpx2's set-up: that is _set_up's.
        self.__dict__["status_code"] = reply.status
        self.__dict__["_pending"] = (reply, request, history, elapsed_seconds)

    @property
    def content(self) -> bytes:
        pending = self.__dict__.get("_pending")
        return super().content if pending is None else pending[0].body

    def __getattr__(self, name: str) -> object:
        """Only what httpx2's set-up has not set yet comes here."""
        if not self._set_up():
            raise AttributeError(name)
        return getattr(self, name)

    def __setattr__(self, name: str, value: object) -> None:
        self._set_up()
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, object]:
        self._set_up()
        return super().__getstate__()

    def _set_up(self) -> bool:
        """Runs httpx2's own set-up unless it ran before."""
        pending = self.__dict__.pop("_pending", None)
        if pending is None:
            return False
        reply, request, history, elapsed_seconds = pending
        replaced = frozenset() if request.method == "HEAD" else _OF_THE_ENCODED_BODY
        if reply.cache.status in {"hit", "stale"}:
            replaced |= {"age"}
        headers = [pair for pair in reply.headers if pair[0] not in replaced]
        if reply.cache.status in {"hit", "stale"}:
            headers.append(("age", str(int(reply.cache.age_seconds))))
            headers.append(("cache-status", reply.cache.cache_status()))
        super().__init__(
            reply.status,
            headers=_encoded(headers),
            content=reply.body,
            request=as_httpx2(request),
            extensions={"http_version": reply.http_version.encode("ascii")},
            history=history,
        )
        self.elapsed = timedelta(seconds=elapsed_seconds)
        return True


def as_httpx2(request: WireRequest) -> httpx2.Request:
    """The request as httpx2 would have it."""
    return httpx2.Request(request.method, request.url, headers=_encoded(request.headers), content=request.body or None)


def _encoded(headers: HeaderPairs) -> list[tuple[bytes, bytes]]:
    """As UTF-8, where httpx2 would insist on ASCII; a request with a header that is no text at all was not sent."""
    return [(name.encode(errors="replace"), value.encode(errors="replace")) for name, value in headers]
