from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.http import InvalidRoute, expand_route
from shelfwise.http.routes import encode_query, sorted_query

ROUTE = "/api/sales/products/{product_id}/analytics"


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."} and text.isprintable()))
def test_any_part_stays_one_segment_and_comes_back_whole(part: str):
    path = expand_route(ROUTE, {"product_id": part})
    segments = path.split("/")
    assert len(segments) == 6
    assert unquote(segments[4]) == part
    assert path.isascii()
    assert not set(path) & set("?# ")


@pytest.mark.parametrize("parts", [{}, {"id": "a"}, {"product_id": "a", "more": "b"}, {"product_id": ".."}])
def test_missing_foreign_superfluous_and_dotted_parts_are_refused(parts: dict[str, str]):
    with pytest.raises(InvalidRoute):
        expand_route(ROUTE, parts)


@pytest.mark.parametrize("route", ["a/b", "/a/../b", "/a?x=1", "/a#b", "/a/{bad", "/a/{Bad}", "/./a"])
def test_a_route_is_a_plain_path(route: str):
    with pytest.raises(InvalidRoute):
        expand_route(route, {})


def test_a_query_leaves_none_out_repeats_lists_and_spells_booleans():
    assert encode_query({"a": 1, "b": None, "c": [1, "x y"], "d": True, "e": 0.5}) == "a=1&c=1&c=x%20y&d=true&e=0.5"
    assert encode_query(None) == ""


def test_sorting_makes_equal_queries_the_same():
    assert sorted_query("b=2&a=1") == sorted_query("a=1&b=2")
