"""What the pages point at is there: links, headings, commands and their options."""

import re
import shlex
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")


def identifier(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """Headings as GitHub makes anchors of them."""
    found = re.findall(r"^#+ +(.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=identifier)
def test_every_relative_link_leads_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@cache
def known_commands() -> dict[str, set[str]]:
    """Options of every command, by its path."""
    spec = spec_from_file_location("cli_reference", ROOT / "scripts" / "cli_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["cli_reference"] = module
    spec.loader.exec_module(module)
    found = {}
    for path, command in module.commands().items():
        options = {"--help"}
        for name, info, _, _ in module.parameters(command):
            options |= set() if module.is_argument(info) else set(module.flags(name, info))
        found[path.removeprefix("shelfwise ")] = options
    return found


def commands_in(page: Path) -> list[list[str]]:
    """The words after each ``shelfwise`` that is a command: in a code span, or in a fence of shell."""
    text = page.read_text(encoding="utf-8")
    shell = "".join(body for language, body in FENCE.findall(text) if language in {"", "sh", "console", "bash"})
    candidates = [*SPAN.findall(FENCE.sub("", text)), *shell.replace("\\\n", " ").splitlines()]
    calls = []
    for candidate in candidates:
        match = re.search(r"(?:^|[\s/($])shelfwise +([a-z].*)", candidate)
        if match and not candidate.lstrip().startswith("#"):
            calls.append(shlex.split(re.split(r"[)|;&#]", match[1])[0], posix=True))
    return calls


def problem(words: list[str]) -> str | None:
    """Why this is no command that there is; a path may be cut short, as in ``shelfwise tenant``."""
    known = known_commands()
    path = next((" ".join(words[:size]) for size in (3, 2, 1) if " ".join(words[:size]) in known), None)
    if path is None:
        spoken_of = any(f"{name} ".startswith(f"{' '.join(words)} ") for name in known)
        alternatives = set(words[1].split("|")) if len(words) > 1 else set()
        family = {name.partition(" ")[2] for name in known if name.startswith(f"{words[0]} ")}
        return None if spoken_of or (alternatives and alternatives <= family) else " ".join(words)
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known[path]]
    return f"{path}: {unknown}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=identifier)
def test_every_command_that_is_named_exists_with_its_options(page):
    assert [found for words in commands_in(page) if (found := problem(words))] == []


def test_commands_are_found_at_all_and_a_wrong_one_is_noticed():
    assert sum(len(commands_in(page)) for page in PAGES) > 20
    assert problem(["tenant", "create", "T"]) is None
    assert problem(["tenant", "destroy", "T"]) == "tenant destroy T"
    assert problem(["token", "--tenat", "T"]) == "token: ['--tenat']"
    assert problem(["fly"]) == "fly"


def test_settings_that_pages_name_exist():
    settings = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^\| `([A-Z0-9_]+)` ", settings, re.MULTILINE))
    prefixes = tuple(sorted({name.split("_")[0] + "_" for name in known if "_" in name}))
    named = {
        (identifier(page), name)
        for page in PAGES
        for name in re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", page.read_text(encoding="utf-8"))
        if name.startswith(prefixes)
    }
    assert {(page, name) for page, name in named if name not in known} == set()
