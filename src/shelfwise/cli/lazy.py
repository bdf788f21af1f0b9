"""Modules that the nouns use, imported when something of theirs is first asked for: help need not wait for them."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shelfwise.cli import checks, failures, minting, services, serving, stock_requests
    from shelfwise.cli.demo import preparation, session
    from shelfwise.inventory.tenants import rules as tenant_rules
    from shelfwise.platform import audit, telemetry
    from shelfwise.sales.overrides import schemas as override_bodies
else:

    class _Module:
        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> object:
            return getattr(import_module(self._name), attribute)

    audit = _Module("shelfwise.platform.audit")
    checks = _Module("shelfwise.cli.checks")
    failures = _Module("shelfwise.cli.failures")
    minting = _Module("shelfwise.cli.minting")
    services = _Module("shelfwise.cli.services")
    serving = _Module("shelfwise.cli.serving")
    stock_requests = _Module("shelfwise.cli.stock_requests")
    preparation = _Module("shelfwise.cli.demo.preparation")
    session = _Module("shelfwise.cli.demo.session")
    tenant_rules = _Module("shelfwise.inventory.tenants.rules")
    override_bodies = _Module("shelfwise.sales.overrides.schemas")
    telemetry = _Module("shelfwise.platform.telemetry")

__all__ = [
    "audit",
    "checks",
    "failures",
    "minting",
    "override_bodies",
    "preparation",
    "services",
    "serving",
    "session",
    "stock_requests",
    "telemetry",
    "tenant_rules",
]
