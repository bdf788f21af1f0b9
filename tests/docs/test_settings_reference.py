"""docs/reference/settings.md names every setting with its default, its limits and its choices."""

import json
import re
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from shelfwise.inventory.config import Settings
from shelfwise.platform.settings import PlatformSettings
from shelfwise.sales.config import SalesSettings

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
SECTIONS = {"Both services": PlatformSettings, "Inventory": Settings, "Sales": SalesSettings}


def rows(section: str) -> dict[str, tuple[str, str]]:
    """Default and meaning by name."""
    (text,) = re.findall(rf"^## {section}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    found = ROW.findall(text)
    assert len({name for name, _, _ in found}) == len(found)
    return {name: (default, meaning) for name, default, meaning in found}


def shown(field: FieldInfo) -> str:
    """The default as the page writes it."""
    value = field.get_default(call_default_factory=True)
    if value is None or value == "":
        return "none" if value is None else "empty"
    if isinstance(value, list | bool):
        return f"`{json.dumps(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def own(section: str) -> dict[str, FieldInfo]:
    fields = SECTIONS[section].model_fields
    shared = {} if section == "Both services" else PlatformSettings.model_fields
    return {name: field for name, field in fields.items() if name not in shared}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_is_there_with_its_default_and_no_other(section):
    assert {name: default for name, (default, _) in rows(section).items()} == {
        name: shown(field) for name, field in own(section).items()
    }


@pytest.mark.parametrize("section", SECTIONS)
def test_limits_and_choices_are_told(section):
    missing = []
    for name, field in own(section).items():
        default, meaning = rows(section)[name]
        limits = [
            getattr(entry, kind) for entry in field.metadata for kind in ("ge", "gt", "le") if hasattr(entry, kind)
        ]
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        missing += [(name, limit) for limit in limits if not re.search(rf"\b{limit}\b", meaning)]
        missing += [(name, choice) for choice in choices if f"`{choice}`" not in default + meaning]
    assert missing == []
