import asyncio

import httpx2
import pytest

from fixtures.http_peers import echo_app
from shelfwise.http import TransportWire, WireRequest, exceptions

REQUEST = WireRequest("GET", "http://a.test/p?x=1", (("x-one", "1"),), b"")


async def test_an_asgi_application_is_asked_in_process():
    wire = TransportWire(httpx2.ASGITransport(echo_app))
    response = await wire.send(REQUEST, 2)
    seen = httpx2.Response(200, content=response.body).json()
    assert (response.status, seen["path"], seen["query"]) == (200, "/p", "x=1")


async def test_a_mock_that_hangs_ends_at_the_timeout():
    async def hang(_: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(30)
        raise AssertionError

    with pytest.raises(exceptions.ReadTimeout) as caught:
        await TransportWire(httpx2.MockTransport(hang)).send(REQUEST, 0.05)
    assert caught.value.sent == "maybe"


@pytest.mark.parametrize(
    ("raised", "sent"),
    [(httpx2.ConnectError("x"), "no"), (httpx2.ReadError("x"), "maybe"), (httpx2.PoolTimeout("x"), "no")],
)
async def test_a_transports_failures_are_ours(raised: httpx2.TransportError, sent: str):
    def fail(_: httpx2.Request) -> httpx2.Response:
        raise raised

    with pytest.raises(type(raised)) as caught:
        await TransportWire(httpx2.MockTransport(fail)).send(REQUEST, 1)
    assert isinstance(caught.value, exceptions.WireError)
    assert caught.value.sent == sent
    assert caught.value.__cause__ is raised


async def test_header_names_come_in_lower_case():
    wire = TransportWire(httpx2.MockTransport(lambda _: httpx2.Response(200, headers={"X-Mixed": "Case"})))
    assert ("x-mixed", "Case") in (await wire.send(REQUEST, 1)).headers
