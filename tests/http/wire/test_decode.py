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


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(1, 50))
def test_a_gzip_body_of_several_members_comes_back_whole(members: list[bytes], piece: int):
    reader = BodyReader([("content-encoding", "gzip")], 2000)
    raw = b"".join(compressed(member, 31) for member in members)
    for start in range(0, len(raw), piece):
        reader.feed(raw[start : start + piece])
    assert reader.finish() == b"".join(members)


def test_what_follows_a_compressed_body_and_is_none_is_refused():
    reader = BodyReader([("content-encoding", "gzip")], 1000)
    with pytest.raises(DecodingError):
        reader.feed(compressed(b"abc", 31) + b"more")


def test_members_count_together_against_the_limit():
    reader = BodyReader([("content-encoding", "gzip")], 1000)
    with pytest.raises(ResponseTooLarge):
        reader.feed(compressed(b"x" * 600, 31) * 2)


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
    with pytest.raises(DecodingError, match="gzip, gzip"):
        BodyReader([("content-encoding", "gzip"), ("content-encoding", "gzip")], 1000)
    assert BodyReader([("content-encoding", "identity")], 1000).finish() == b""


def test_an_encoding_named_beside_identity_counts():
    reader = BodyReader([("content-encoding", "gzip"), ("content-encoding", "identity")], 1000)
    reader.feed(compressed(b"abc", 31))
    assert reader.finish() == b"abc"
