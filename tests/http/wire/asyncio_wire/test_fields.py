"""Header fields: HPACK beside the ``hpack`` library's other half, and what is refused before it is written."""

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.http import LocalProtocolError
from shelfwise.http.wire.asyncio_wire.fields import Fields, Origin, RequestEncoder, ResponseDecoder

NAMES = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789-_"), min_size=1, max_size=40)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=300)
ORIGIN = Origin("https", "sales.example:5001")
PSEUDO = [(":method", "GET"), (":scheme", "https"), (":authority", "sales.example:5001"), (":path", "/x")]


def decoded(block: bytes) -> list[tuple[str, str]]:
    raw = hpack.Decoder().decode(block, raw=True)
    return [(bytes(name).decode(), bytes(value).decode()) for name, value in raw]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=10))
def test_a_request_is_decoded_to_what_was_encoded(headers: list[tuple[str, str]]):
    framing = {"connection", "host", "keep-alive", "te", "trailer", "upgrade", "transfer-encoding", "proxy-connection"}
    headers = [("accept-encoding", "br"), *((name, value) for name, value in headers if name not in framing)]
    encoder = RequestEncoder(ORIGIN)
    for _ in range(2):
        assert decoded(encoder.block("GET", "/x", headers, 0)) == [*PSEUDO, *headers]


def test_a_secret_is_marked_never_to_be_indexed():
    block = RequestEncoder(ORIGIN).block("GET", "/x", [("Authorization", "Bearer t"), ("x-one", "1")], 0)
    marked = [type(field) is hpack.NeverIndexedHeaderTuple for field in hpack.Decoder().decode(block)]
    assert marked == [False, False, False, False, True, False, False]


def test_what_belongs_to_a_connection_of_http1_is_left_out_and_the_rest_is_added_when_missing():
    headers = [("Connection", "close"), ("Host", "other"), ("transfer-encoding", "chunked")]
    found = decoded(RequestEncoder(ORIGIN).block("POST", "/", headers, 12))
    assert found[4:] == [("accept-encoding", "gzip, deflate"), ("content-length", "12")]


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET\r\n", "/", []),
        ("", "/", []),
        ("GET", "/a b", []),
        ("GET", "/\r\nx: y", []),
        ("GET", "/é", []),
        ("GET", "/", [("x", "a\r\nb: c")]),
        ("GET", "/", [("x", "a\0")]),
        ("GET", "/", [("x", " a")]),
        ("GET", "/", [("x", "\ud800")]),
        ("GET", "/", [("x y", "a")]),
        ("GET", "/", [("", "a")]),
        ("GET", "/", [(":path", "/other")]),
    ],
)
def test_what_would_change_the_meaning_of_the_request_is_refused(
    method: str, target: str, headers: list[tuple[str, str]]
):
    with pytest.raises(LocalProtocolError) as caught:
        RequestEncoder(ORIGIN).block(method, target, headers, 0)
    assert caught.value.sent == "no"


BLOCKS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from(["date", "etag", "x"]), st.sampled_from(["1", "2", "3" * 200])), max_size=4),
        st.one_of(st.none(), st.sampled_from([0, 64, 300, 4096])),
    ),
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(BLOCKS)
def test_remembered_blocks_never_answer_for_another_state_of_the_table(
    blocks: list[tuple[list[tuple[str, str]], int | None]],
):
    """The encoder inserts, evicts and resizes as it likes; repeats are frequent."""
    encoder, decoder = hpack.Encoder(), ResponseDecoder()
    for headers, size in blocks:
        if size is not None:
            encoder.header_table_size = size
        fields = [(":status", "200"), *headers]
        assert decoder.decode(encoder.encode(fields)) == Fields(200, tuple(headers))


def test_a_table_that_is_emptied_and_filled_anew_makes_old_blocks_mean_what_they_say_now():
    decoder = ResponseDecoder()
    insert, repeat, empty = b"\x40\x01a\x01", b"\xbe", b"\x20\x3f\xe1\x1f"  # sizes 0, then 4096
    decoder.decode(b"\x88" + insert + b"1")
    assert decoder.decode(b"\x88" + repeat).headers == (("a", "1"),)
    decoder.decode(empty + b"\x88" + insert + b"2")
    assert decoder.decode(b"\x88" + repeat).headers == (("a", "2"),)
