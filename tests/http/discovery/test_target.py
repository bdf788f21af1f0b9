"""What a target may be."""

import pytest

from shelfwise.http.discovery.target import parse_target


def test_urls_are_their_own_instances():
    target = parse_target("http://a:1/base/, http://b:2/base")
    assert (target.origin, target.base_path, target.addresses) == ("http://a:1", "/base", ("http://a:1", "http://b:2"))


def test_names_and_files_are_looked_up():
    assert (parse_target("dns://sales.test:5001").lookup, parse_target("dns://sales.test:5001").port) == (
        "sales.test",
        5001,
    )
    assert parse_target("dns+srv://_sales._tcp.test").lookup == "_sales._tcp.test"
    assert parse_target("file:///etc/a%20b").lookup == "/etc/a b"


@pytest.mark.parametrize(
    "text",
    [
        "", "sales", "ftp://a", "http://", "http://u:p@a", "http://a?x=1", "http://a#f", "http://a,", "http://a/x,http://b/y",
        "http://a,https://b", "dns://a", "dns://a:x", "dns://:5", "dns://a:5/path", "dns+srv://", "dns+srv://a:5",
        "dns+srv://a/b", "file://", "file://host/path", "http://a:99999", "http://a:0", "http://a:x",
    ],
)  # fmt: skip
def test_anything_else_says_what_is_wrong(text):
    with pytest.raises(ValueError, match=r"target|URL"):
        parse_target(text)
