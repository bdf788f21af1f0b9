"""The document's HTTPClient against real servers."""

import asyncio
import gc
import json
import logging
import os
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator

import httpx2
import pytest
import structlog

from fixtures.http_peers import echo_app, raw_peer
from fixtures.servers import RunningServer, running
from shelfwise.http import (
    CachePolicy,
    HTTPClient,
    LogHooks,
    NoHooks,
    Policy,
    TooManyRedirects,
    TransportWire,
    exceptions,
)
from shelfwise.http.testing import FaultProxy


@pytest.fixture(autouse=True)
async def _fresh() -> AsyncIterator[None]:
    HTTPClient.configure()
    yield
    await HTTPClient.aclose()
    HTTPClient.configure()


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    async with running(echo_app) as started:
        yield started


def mocked(handler, policy: Policy | None = None) -> None:
    HTTPClient.configure(policy, wire=lambda _: TransportWire(httpx2.MockTransport(handler)))


async def test_the_documents_get(server: RunningServer):
    response = await HTTPClient.get(
        url=server.url + "/data", headers={"Authorization": "Bearer token"}, params={"limit": 10}
    )
    assert isinstance(response, httpx2.Response)
    assert response.status_code == 200
    assert response.http_version == "HTTP/2"
    seen = response.json()
    assert (seen["method"], seen["path"], seen["query"]) == ("GET", "/data", "limit=10")
    assert ["authorization", "Bearer token"] in seen["headers"]
    assert response.raise_for_status() is response


async def test_the_documents_post(server: RunningServer):
    response = await HTTPClient.post(
        url=server.url + "/data", json={"key": "value"}, headers={"Content-Type": "application/json"}
    )
    seen = response.json()
    assert json.loads(seen["body"]) == {"key": "value"}
    assert [value for name, value in seen["headers"] if name == "content-type"] == ["application/json"]


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head"])
async def test_every_method_goes_out_as_itself(server: RunningServer, method: str):
    response = await getattr(HTTPClient, method)(url=server.url + "/m")
    assert response.status_code == 200
    assert response.request.method == method.upper()
    if method != "head":
        assert response.json()["method"] == method.upper()


async def test_content_and_raw_methods_are_sent_as_they_are(server: RunningServer):
    response = await HTTPClient.request("OPTIONS", server.url + "/x", content=b"abc")
    assert (response.json()["method"], response.json()["body"]) == ("OPTIONS", "abc")


@pytest.mark.parametrize(
    "options",
    [
        {"data": {"a": 1}}, {"auth": ("a", "b")}, {"header": {"a": "b"}}, {"headers": {5: "b"}}, {"headers": {b"a": "b"}},
        {"headers": {"a": b"b"}}, {"params": {"a": b"b"}}, {"params": {"a": {"b": 1}}}, {"content": 5}, {"content": ["a"]},
    ],
)  # fmt: skip
async def test_what_cannot_be_sent_as_it_is_meant_is_a_type_error_and_not_sent(options):
    asked: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200)

    mocked(handler)
    with pytest.raises(TypeError):
        await HTTPClient.post("http://a.test/", **options)
    assert asked == []


async def test_a_hundred_concurrent_calls_are_http2_on_one_connection(server: RunningServer):
    async with FaultProxy("127.0.0.1", server.port) as proxy:
        responses = await asyncio.gather(*(HTTPClient.get(url=proxy.url + "/p") for _ in range(100)))
        assert {response.http_version for response in responses} == {"HTTP/2"}
        assert proxy.accepted == 1


async def test_a_gzipped_answer_is_decoded_once(server: RunningServer):
    response = await HTTPClient.get(url=server.url + "/gzip?100")
    assert response.text == "y" * 100
    assert "content-encoding" not in response.headers


async def test_an_error_status_is_an_answer(server: RunningServer):
    response = await HTTPClient.get(url=server.url + "/status/404")
    assert response.status_code == 404
    with pytest.raises(httpx2.HTTPStatusError):
        response.raise_for_status()


async def test_a_refused_connection_is_httpx2s_connect_error_after_three_retries():
    async with raw_peer(lambda *_: asyncio.sleep(0)) as peer:
        url = peer.url
    with pytest.raises(httpx2.ConnectError) as caught:
        await HTTPClient.get(url=url + "/p")
    error = caught.value
    assert isinstance(error, exceptions.ConnectError)
    assert (error.sent, error.reason, error.attempts) == ("no", "attempts", 4)
    assert str(error.request.url) == url + "/p"


async def test_the_timeout_bounds_all_attempts_together(server: RunningServer):
    with pytest.raises(httpx2.TimeoutException) as caught:
        await HTTPClient.get(url=server.url + "/sleep?5", timeout=0.2)
    assert isinstance(caught.value, exceptions.DeadlineExceeded)


async def test_a_url_that_is_not_http_is_refused():
    for url in ("ftp://a/b", "no-scheme", "http:///x"):
        with pytest.raises(httpx2.UnsupportedProtocol):
            await HTTPClient.get(url=url)


async def test_an_answer_says_how_long_it_took_and_keeps_headers_beyond_ascii():
    mocked(lambda _: httpx2.Response(200, headers=[(b"x-one", "caf\xe9".encode())]))
    response = await HTTPClient.get("http://a.test/", headers={"x-two": "na\xefve"})
    assert response.elapsed.total_seconds() > 0
    assert (response.headers["x-one"], response.request.headers["x-two"]) == ("caf\xe9", "na\xefve")


async def test_a_header_that_is_no_text_is_refused_with_the_request_it_was_meant_for():
    mocked(lambda _: httpx2.Response(200))
    with pytest.raises(exceptions.LocalProtocolError) as caught:
        await HTTPClient.get("http://a.test/", headers={"x-one": "\ud800"})
    assert caught.value.request.url == "http://a.test/"


async def test_a_cached_answer_has_one_age():
    mocked(lambda _: httpx2.Response(200, headers={"age": "7"}), Policy(cache=CachePolicy()))
    await HTTPClient.get("http://a.test/")
    [age] = (await HTTPClient.get("http://a.test/")).headers.get_list("age")
    assert int(age) >= 7


async def test_a_port_that_none_can_be_is_an_invalid_url():
    for url in ("http://localhost:99999/", "http://localhost:0/"):
        with pytest.raises(httpx2.InvalidURL, match="port"):
            await HTTPClient.post(url=url)


async def test_redirects_are_followed_with_their_history():
    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/old":
            return httpx2.Response(301, headers={"location": "/new?x=1"})
        return httpx2.Response(200, text=str(request.url))

    mocked(handler)
    response = await HTTPClient.get(url="http://a.test/old")
    assert response.text == "http://a.test/new?x=1"
    assert [earlier.status_code for earlier in response.history] == [301]
    assert str(response.request.url) == "http://a.test/new?x=1"


async def test_another_origin_learns_neither_who_asks_nor_for_whom():
    seen: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if request.url.host == "a.test":
            return httpx2.Response(307, headers={"location": "http://b.test/x"})
        return httpx2.Response(200)

    mocked(handler)
    headers = {"Authorization": "t", "Cookie": "c", "X-Tenant-ID": "1", "Idempotency-Key": "k", "X-Other": "o"}
    await HTTPClient.post(url="http://a.test/", headers=headers, content=b"body")
    assert seen[1].headers["x-other"] == "o"
    assert {"authorization", "cookie", "x-tenant-id", "idempotency-key"}.isdisjoint(seen[1].headers)
    assert seen[1].content == b"body"


async def test_https_is_not_left_for_http_and_five_hops_are_enough():
    mocked(lambda request: httpx2.Response(302, headers={"location": f"http://b.test{request.url.path}x"}))
    with pytest.raises(TooManyRedirects, match="https to http"):
        await HTTPClient.get(url="https://a.test/")
    with pytest.raises(httpx2.TooManyRedirects):
        await HTTPClient.get(url="http://a.test/")


async def test_no_cookie_is_kept():
    seen: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, headers={"set-cookie": "a=b"})

    mocked(handler)
    for _ in range(2):
        await HTTPClient.get(url="http://a.test/")
    assert "cookie" not in seen[1].headers


async def test_the_cache_is_off_by_default_and_keeps_users_apart_when_on():
    asked = 0

    def handler(_: httpx2.Request) -> httpx2.Response:
        nonlocal asked
        asked += 1
        return httpx2.Response(200, text=str(asked))

    async def bodies() -> list[str]:
        tokens = ["one", "two", "one"]
        return [(await HTTPClient.get(url="http://a.test/", headers={"Authorization": token})).text for token in tokens]

    mocked(handler)
    assert await bodies() == ["1", "2", "3"]
    mocked(handler, Policy(cache=CachePolicy()))
    assert await bodies() == ["4", "5", "4"]
    hit = await HTTPClient.get(url="http://a.test/", headers={"Authorization": "one"})
    assert hit.headers["age"] == "0"
    assert hit.headers["cache-status"].startswith("shelfwise; hit")


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "X-Api-Key", "Proxy-Authorization", "X-User"])
async def test_whatever_header_says_who_asks_nobody_gets_anothers_cached_answer(name: str):
    mocked(lambda request: httpx2.Response(200, text=repr(request.headers.multi_items())), Policy(cache=CachePolicy()))
    texts = [
        (await HTTPClient.get("http://a.test/", headers=headers)).text
        for headers in ({name: "one"}, {name: "two"}, [(name, "one"), (name, "two")], [(name, "x"), (name, "two")], {})
    ]
    assert len(set(texts)) == 5


async def test_the_documents_log_lines(server: RunningServer, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, "shelfwise.http")
    url = server.url + "/data"
    await HTTPClient.get(url=url, headers={"Authorization": "Bearer secret"})
    lines = [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "shelfwise.http"]
    assert lines == [("DEBUG", f"GET request to {url}"), ("DEBUG", f"GET {url} - Status: 200")]
    assert "secret" not in caplog.text


async def test_the_documents_error_line_names_no_password(caplog: pytest.LogCaptureFixture):
    async with raw_peer(lambda *_: asyncio.sleep(0)) as peer:
        port = peer.port
    with pytest.raises(httpx2.ConnectError) as caught:
        await HTTPClient.get(url=f"http://user:password@127.0.0.1:{port}/p")
    errors = [r.getMessage() for r in caplog.records if r.name == "shelfwise.http" and r.levelname == "ERROR"]
    assert errors == [f"GET request failed: http://127.0.0.1:{port}/p - {caught.value}"]
    assert "password" not in caplog.text


async def test_structlog_hears_the_same_lines(server: RunningServer):
    with structlog.testing.capture_logs() as events:
        HTTPClient.configure(hooks=LogHooks(structlog.get_logger("shelfwise.http")))
        await HTTPClient.get(url=server.url + "/data")
    assert [event["event"] for event in events] == [
        f"GET request to {server.url}/data",
        f"GET {server.url}/data - Status: 200",
    ]


async def test_user_information_in_the_url_becomes_basic_authorization(server: RunningServer):
    url = server.url.replace("http://", "http://me:p%40ss@")
    seen = (await HTTPClient.get(url=url)).json()
    assert ["authorization", "Basic bWU6cEBzcw=="] in seen["headers"]


async def test_stats_tell_of_each_origin(server: RunningServer):
    await HTTPClient.get(url=server.url)
    stats = HTTPClient.stats()[server.url]
    assert (stats["calls"], stats["attempts"], stats["in_flight"]) == (1, 1, 0)
    assert stats["instances"][0]["breaker"] == "closed"
    assert stats["instances"][0]["latency_p50_seconds"]


def test_each_event_loop_has_its_own_connections():
    async def once() -> int:
        async with running(echo_app) as server:
            status = (await HTTPClient.get(url=server.url)).status_code
            await HTTPClient.aclose()
            return status

    HTTPClient.configure(hooks=NoHooks())
    assert [asyncio.run(once()) for _ in range(2)] == [200, 200]


def test_a_closed_event_loop_and_its_connections_are_let_go_of_when_the_next_one_begins():
    async def once() -> "weakref.ref[asyncio.AbstractEventLoop]":
        async with running(echo_app) as server:
            await HTTPClient.get(url=server.url + "/")
        return weakref.ref(asyncio.get_running_loop())

    first = asyncio.run(once())
    asyncio.run(once())
    gc.collect()
    assert first() is None


async def test_a_proxy_in_the_environment_is_not_used(server: RunningServer):
    script = (
        "import asyncio\n"
        "from shelfwise.http import HTTPClient\n"
        f"print(asyncio.run(HTTPClient.get(url='{server.url}/p')).status_code)\n"
    )
    proxy = "http://127.0.0.1:9"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        env={**os.environ, "HTTP_PROXY": proxy, "http_proxy": proxy, "ALL_PROXY": proxy},
        stdout=subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert (process.returncode, output.strip()) == (0, b"200")


async def test_a_proxy_that_is_set_is_used(server: RunningServer):
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nproxied")

    async with raw_peer(proxy) as peer:
        HTTPClient.configure(Policy(proxy=peer.url))
        assert (await HTTPClient.get(url=server.url + "/p")).text == "proxied"
    assert asked[0].startswith(f"GET {server.url}/p HTTP/1.1".encode())
