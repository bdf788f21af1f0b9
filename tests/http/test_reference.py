"""The reference names what the library has."""

from dataclasses import fields
from pathlib import Path

import shelfwise.http
from shelfwise.http import Policy
from shelfwise.http.exceptions import HTTPX2_EQUIVALENTS

REFERENCE = (Path(__file__).parents[2] / "docs" / "reference" / "http-client.md").read_text(encoding="utf-8")


def test_every_setting_is_in_the_reference():
    assert [field.name for field in fields(Policy) if f"`{field.name}`" not in REFERENCE] == []


def test_every_hook_and_failure_kind_is_in_the_reference():
    names = [name for name in shelfwise.http.__all__ if name.endswith("Hooks") and name not in {"Hooks", "NoHooks"}]
    kinds = {error.kind for error in HTTPX2_EQUIVALENTS.values()} | {"breaker_open", "overloaded"}
    assert [name for name in [*names, *kinds] if name not in REFERENCE] == []
