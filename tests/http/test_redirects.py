import pytest
from msgspec.structs import replace

from shelfwise.http import TooManyRedirects, WireRequest, exceptions
from shelfwise.http.redirects import next_hop

POST = WireRequest("POST", "http://a.test/x", (("Authorization", "t"), ("Content-Type", "a/b"), ("x-y", "z")), b"body")


def hop(request: WireRequest, status: int, location: str, hops_left: int = 5) -> WireRequest | None:
    return next_hop(request, status, [("location", location)], hops_left=hops_left)


@pytest.mark.parametrize("status", [200, 300, 304, 400])
def test_other_statuses_are_answers(status: int):
    assert hop(POST, status, "/y") is None


def test_a_redirect_without_a_location_is_an_answer():
    assert next_hop(POST, 302, [], hops_left=5) is None


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_becomes_a_get_without_its_body(status: int):
    following = hop(POST, status, "/y")
    assert following == WireRequest("GET", "http://a.test/y", [("Authorization", "t"), ("x-y", "z")], b"")


@pytest.mark.parametrize("status", [307, 308])
def test_method_and_body_stay(status: int):
    following = hop(POST, status, "y?a=1#fragment")
    assert following == WireRequest("POST", "http://a.test/y?a=1", list(POST.headers), b"body")


@pytest.mark.parametrize("location", ["http://b.test/", "https://a.test/", "http://a.test:8080/"])
def test_another_host_scheme_or_port_is_another_origin(location: str):
    following = hop(POST, 307, location)
    assert following is not None
    assert [name for name, _ in following.headers] == ["Content-Type", "x-y"]


@pytest.mark.parametrize("name", ["Cookie", "Proxy-Authorization", "X-Api-Key", "X-Auth-Token", "Idempotency-Key"])
def test_another_origin_is_told_nothing_that_says_who_asks(name: str):
    request = replace(POST, headers=((name, "secret"), ("x-y", "z")))
    following = hop(request, 307, "http://b.test/")
    assert following is not None
    assert following.headers == [("x-y", "z")]
    assert hop(request, 307, "/y") == replace(request, url="http://a.test/y", headers=list(request.headers))


def test_the_default_port_spelled_out_is_the_same_origin():
    following = hop(POST, 307, "http://A.test:80/y")
    assert following is not None
    assert ("Authorization", "t") in following.headers


@pytest.mark.parametrize("location", ["file:///etc/passwd", "javascript:x", "ftp://a.test/"])
def test_another_scheme_is_not_followed(location: str):
    with pytest.raises(TooManyRedirects):
        hop(POST, 302, location)


@pytest.mark.parametrize(
    "location", ["http://[bad/", "http://b.test:99999/", "http://b.test:x/", "http://\x01/", "http://user@/"]
)
def test_what_is_no_url_is_the_peers_protocol_error(location: str):
    with pytest.raises(exceptions.RemoteProtocolError) as caught:
        hop(POST, 302, location)
    assert caught.value.sent == "yes"


def test_user_information_in_a_location_goes_nowhere():
    following = hop(POST, 307, "http://user:word@b.test/y")
    assert following == WireRequest("POST", "http://b.test/y", [("Content-Type", "a/b"), ("x-y", "z")], b"body")


def test_the_last_hop_is_the_last():
    with pytest.raises(TooManyRedirects):
        hop(POST, 302, "/y", hops_left=0)
