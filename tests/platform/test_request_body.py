"""What a request's ``receive`` brings when its connection is watched."""

import asyncio

import pytest

from shelfwise.platform.problems import PayloadTooLargeError
from shelfwise.platform.request_body import RequestBody

GONE = {"type": "http.disconnect"}


def part(body=b"", *, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


class Sent:
    """A server's ``receive``: what the test has sent, and nobody may wait twice at once."""

    def __init__(self, *messages):
        self.messages = asyncio.Queue()
        self.waiting = 0
        for message in messages:
            self.messages.put_nowait(message)

    async def __call__(self):
        assert self.waiting == 0, "two wait for the same connection"
        self.waiting += 1
        try:
            return await self.messages.get()
        finally:
            self.waiting -= 1


def body_of(sent, *, method="POST", http_version="1.1", **headers):
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return RequestBody({"method": method, "http_version": http_version}, named, sent, 10)


@pytest.mark.parametrize(
    ("request_", "watchable"),
    [
        ({"method": "GET"}, True),
        ({"method": "GET", "http_version": "2"}, True),
        ({"method": "POST"}, True),
        ({"method": "POST", "content_length": b"0"}, True),
        ({"method": "POST", "content_length": b"5"}, False),
        ({"method": "GET", "content_length": b"5"}, False),
        ({"method": "POST", "transfer_encoding": b"chunked"}, False),
        ({"method": "PUT", "http_version": "2"}, False),
    ],
)
async def test_a_request_that_promises_no_body_can_be_watched_at_once(request_, watchable):
    assert body_of(Sent(), **request_).can_be_watched() is watchable


async def test_a_body_is_read_whole_before_anybody_watches():
    sent = Sent(part(b"ab", more=True), part(b"cd"))
    body = body_of(sent, content_length=b"4")
    assert (await body())["body"] == b"ab"
    assert not body.can_be_watched()
    assert (await body())["body"] == b"cd"
    assert body.can_be_watched()


async def test_nobody_watches_while_the_application_waits_itself():
    sent = Sent()
    body = body_of(sent, method="GET")
    waiting = asyncio.create_task(body())
    await asyncio.sleep(0)
    assert not body.can_be_watched()
    sent.messages.put_nowait(part())
    assert await waiting == part()


async def test_the_application_is_told_of_an_empty_body_and_of_the_disconnect_also_while_watched():
    sent = Sent(part())
    body = body_of(sent, method="GET")
    watching = asyncio.create_task(body.disconnected())
    await asyncio.sleep(0)
    assert not body.can_be_watched(), "once is enough"
    assert await body() == part()
    asked = asyncio.create_task(body())
    await asyncio.sleep(0)
    assert not asked.done()
    sent.messages.put_nowait(GONE)
    assert await asked == GONE
    await watching


async def test_a_body_over_the_limit_is_refused_and_the_rest_is_thrown_away():
    sent = Sent(part(b"x" * 11, more=True), part(b"y"))
    with pytest.raises(PayloadTooLargeError):
        await body_of(sent, transfer_encoding=b"chunked")()
    assert sent.messages.empty()
