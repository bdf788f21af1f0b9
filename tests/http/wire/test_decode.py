import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.http import DecodingError, ResponseTooLarge
from shelfwise.http.wire.decode import BodyReader


def compressed(data: bytes, wbits: int) -> bytes:
    compress = zlib.compressobj(wbits=wbits)
    return compress.compress(data) + compress.flush()


@given(st.binary(max_size=2000), st.integers(1, 50), st.sampled_from([("gzip", 31), ("deflate", 15), ("x-gzip", 31)]))
def test_any_body_in_any_pieces_comes_back_whole(data: bytes, piece: int, coding: tuple[str, int]):
    reader = BodyReader([("content-encoding", coding[0])], 2000)
    raw = compressed(data, coding[1])
    for start in range(0, len(raw), piece):
        reader.feed(raw[start : start + piece])
    assert reader.finish() == data


def test_a_bomb_is_stopped_at_the_limit_without_being_unpacked():
    reader = BodyReader([("content-encoding", "gzip")], 1000)
    with pytest.raises(ResponseTooLarge):
        reader.feed(compressed(b"\0" * 100_000_000, 31))


def test_an_announced_length_over_the_limit_is_refused_at_once():
    with pytest.raises(ResponseTooLarge):
        BodyReader([("content-length", "1001")], 1000)


def test_a_compressed_body_that_ends_early_is_refused():
    reader = BodyReader([("content-encoding", "gzip")], 1000)
    reader.feed(compressed(b"abc" * 50, 31)[:-4])
    with pytest.raises(DecodingError, match="early"):
        reader.finish()


def test_a_coding_that_was_not_asked_for_is_refused():
    with pytest.raises(DecodingError, match="br"):
        BodyReader([("content-encoding", "br")], 1000)
    assert BodyReader([("content-encoding", "identity")], 1000).finish() == b""
