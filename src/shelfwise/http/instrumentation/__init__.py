"""What can be seen of the client from outside."""

from shelfwise.http.instrumentation.hooks import CallInfo, Hooks, HookSet, NoHooks
from shelfwise.http.instrumentation.logs import LogHooks, StructuredLogger
from shelfwise.http.instrumentation.opentelemetry import OpenTelemetryTracing
from shelfwise.http.instrumentation.prometheus import PrometheusHooks
from shelfwise.http.instrumentation.tracing import AttemptSpan, CallSpan, NoTracing, Tracing

__all__ = [
    "AttemptSpan",
    "CallInfo",
    "CallSpan",
    "HookSet",
    "Hooks",
    "LogHooks",
    "NoHooks",
    "NoTracing",
    "OpenTelemetryTracing",
    "PrometheusHooks",
    "StructuredLogger",
    "Tracing",
]
