"""What can be seen of the client from outside."""

from shelfwise.http.instrumentation.hooks import CallInfo, Hooks, HookSet, NoHooks
from shelfwise.http.instrumentation.logs import LogHooks, StructuredLogger
from shelfwise.http.instrumentation.prometheus import PrometheusHooks

__all__ = ["CallInfo", "HookSet", "Hooks", "LogHooks", "NoHooks", "PrometheusHooks", "StructuredLogger"]
