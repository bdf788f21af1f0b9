"""The reference names what the library has."""

import re
from dataclasses import fields
from pathlib import Path

from prometheus_client import CollectorRegistry

import shelfwise.http
from shelfwise.http import Policy, PrometheusHooks
from shelfwise.http.exceptions import HTTPX2_EQUIVALENTS

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference" / "http-client.md").read_text(encoding="utf-8")
PRODUCTION = (DOCS / "how-to" / "run-in-production.md").read_text(encoding="utf-8")


def test_every_setting_is_in_the_reference():
    assert [field.name for field in fields(Policy) if f"`{field.name}`" not in REFERENCE] == []


def test_every_hook_and_failure_kind_is_in_the_reference():
    names = [name for name in shelfwise.http.__all__ if name.endswith("Hooks") and name not in {"Hooks", "NoHooks"}]
    kinds = {error.kind for error in HTTPX2_EQUIVALENTS.values()} | {"breaker_open", "overloaded"}
    assert [name for name in [*names, *kinds] if name not in REFERENCE] == []


def metrics() -> dict[str, str]:
    """The type of each metric, by its whole name."""
    registry = CollectorRegistry()
    PrometheusHooks(registry)
    return {m.name + ("_total" if m.type == "counter" else ""): m.type for m in registry.collect()}


def test_every_metric_is_in_the_reference_under_its_whole_name():
    assert len(metrics()) > 20
    assert [name for name in metrics() if f"`{name.removeprefix('http_client_')}`" not in REFERENCE] == []


def test_the_queries_for_production_ask_for_metrics_that_there_are():
    series = {name for name, kind in metrics().items() if kind != "histogram"}
    for name, kind in metrics().items():
        if kind == "histogram":
            series |= {f"{name}_{part}" for part in ("bucket", "count", "sum")}
    asked = set(re.findall(r"http_client_[a-z_]+[a-z]", PRODUCTION))
    assert len(asked) > 10
    assert asked - series == set()


def test_every_attribute_of_a_span_is_in_the_reference():
    source = (Path(shelfwise.http.__file__).parent / "instrumentation" / "opentelemetry.py").read_text(encoding="utf-8")
    attributes = set(re.findall(r'"((?:http|url|server|network|error|service|shelfwise)\.[a-z_.]+)"', source))
    assert "http.request.resend_count" in attributes
    assert [name for name in sorted(attributes) if f"`{name}`" not in REFERENCE] == []
