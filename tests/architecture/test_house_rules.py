"""The lines of the house that import-linter cannot see."""

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
FEATURE_ORDER = [
    "errors", "rules", "models", "tables", "repository", "schemas", "service", "endpoints", "pages", "tasks",
]  # fmt: skip


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def relative(path: Path) -> str:
    return path.relative_to(ROOT / "src").as_posix()


def test_queries_are_written_only_in_repositories():
    offenders = []
    for path in SOURCES:
        name = relative(path)
        # The platform's tables (outbox, idempotency keys) are its own repositories.
        if re.search(r"/platform/|/migrations/|repository|tables\.py$", name):
            continue
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in {"sa.select", "sa.insert", "sa.update", "sa.delete", "sa.text", "select", "insert_into"}:
                offenders.append(f"{name}:{node.lineno} {called}")
    assert offenders == []


def test_rules_import_no_framework_and_do_no_io():
    forbidden = ("litestar", "sqlalchemy", "httpx2", "pydantic", "structlog", "asyncio", "shelfwise.platform.database")
    for path in SOURCES:
        if path.name == "rules.py" or "/http/strategies/" in relative(path):
            bad = [name for name in imported(path) if name.startswith(forbidden)]
            # A lock or an event of asyncio is what single-flight is made of; it waits, it does no I/O.
            if path.name == "coalesce.py":
                bad = [name for name in bad if not name.startswith("asyncio")]
            assert bad == [], relative(path)


def feature_of(module: str) -> tuple[str, str] | None:
    """(feature package, file) of ``shelfwise.<service>.<feature>.<file>``."""
    match = re.fullmatch(r"(shelfwise\.(?:sales|inventory)\.\w+)\.(\w+)(?:\.\w+)?", module)
    return (match[1], match[2]) if match and match[2] in FEATURE_ORDER else None


def test_a_features_file_imports_only_files_to_its_left():
    for path in SOURCES:
        module = relative(path).removesuffix(".py").replace("/", ".")
        here = feature_of(module)
        if here is None:
            continue
        for name in imported(path):
            there = feature_of(name)
            if there and there[0] == here[0] and there[1] != here[1]:
                assert FEATURE_ORDER.index(there[1]) < FEATURE_ORDER.index(here[1]), f"{module} imports {name}"


def test_a_feature_is_imported_by_others_only_through_its_service():
    public = {"service", "tables", "errors", "schemas", "models"}
    for path in SOURCES:
        module = relative(path).removesuffix(".py").replace("/", ".")
        here = re.match(r"shelfwise\.(sales|inventory)\.(\w+)\.", module)
        if here is None or here[2] == "migrations":
            continue
        for name in imported(path):
            there = feature_of(name)
            if there and not module.startswith(there[0] + "."):
                assert there[1] in public, f"{module} imports {name}"


def test_libraries_never_read_the_environment():
    for path in SOURCES:
        if "/cli/" in relative(path):
            continue
        text = path.read_text(encoding="utf-8")
        assert "os.environ" not in text, relative(path)
        assert "os.getenv" not in text, relative(path)


def test_files_stay_within_four_hundred_lines():
    long = {relative(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_nothing_unfinished_lands():
    word = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [relative(path) for path in SOURCES if word.search(path.read_text())] == []


@pytest.mark.parametrize("module", ["shelfwise.planning.demand", "shelfwise.http", "app.config"])
def test_a_public_module_imports_alone(module):
    importlib.import_module(module)


def test_the_lock_files_carry_hashes_and_no_addresses():
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "://" not in text, path.name
        pins = re.findall(r"^\S+==\S+.*$", text, re.MULTILINE)
        assert pins, path.name
        assert all(pin.endswith("\\") for pin in pins), "every pin is followed by its hashes"


def test_no_runtime_dependency_is_strong_copyleft():
    script = (
        "import importlib.metadata as m, json, sys\n"
        "print(json.dumps({d.metadata['Name'].lower(): ' '.join([d.metadata.get('License-Expression') or '', "
        "d.metadata.get('License') or ''][:200]) + ' '.join(c for c in d.metadata.get_all('Classifier') or [] "
        "if c.startswith('License')) for d in m.distributions()}))"
    )
    found = json.loads(
        subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    )
    runtime = re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "run.txt").read_text(), re.MULTILINE)
    copyleft = re.compile(r"\bA?GPL|\bLGPL|General Public", re.IGNORECASE)
    assert [name for name in runtime if copyleft.search(found.get(name.lower(), "")[:400])] == []
