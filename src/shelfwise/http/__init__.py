"""A resilient asynchronous HTTP client for calls between services, on httpx's API.

``HTTPClient`` is the general face; ``ServiceClient`` calls one service by route templates and returns bytes.
The library knows nothing about products or tenants, reads no environment and imports nothing else of shelfwise.
"""

from shelfwise.http.client import HTTPClient, RequestOptions
from shelfwise.http.exceptions import (
    BreakerOpen,
    BudgetExhausted,
    CloseError,
    ConnectError,
    ConnectTimeout,
    DeadlineExceeded,
    DecodingError,
    FailureKind,
    HTTPClientError,
    InvalidRoute,
    LocalProtocolError,
    PoolTimeout,
    ProxyError,
    ReadError,
    ReadTimeout,
    Reason,
    RemoteProtocolError,
    ResponseTooLarge,
    Sent,
    TooManyRedirects,
    UnsupportedProtocol,
    WireError,
    WriteError,
    WriteTimeout,
    failure_kind,
)
from shelfwise.http.instrumentation import CallInfo, Hooks, HookSet, LogHooks, NoHooks, PrometheusHooks
from shelfwise.http.policy import (
    BalancerPolicy,
    BreakerPolicy,
    BudgetPolicy,
    CachePolicy,
    DiscoveryPolicy,
    Policy,
    RetryPolicy,
)
from shelfwise.http.reply import CacheInfo, Reply
from shelfwise.http.routes import expand_route
from shelfwise.http.service import ServiceClient
from shelfwise.http.stats import ClientStats
from shelfwise.http.strategies.deadline import Deadline
from shelfwise.http.wire import RustWire, TransportWire, Wire, WireRequest, WireResponse

__all__ = [
    "BalancerPolicy",
    "BreakerOpen",
    "BreakerPolicy",
    "BudgetExhausted",
    "BudgetPolicy",
    "CacheInfo",
    "CachePolicy",
    "CallInfo",
    "ClientStats",
    "CloseError",
    "ConnectError",
    "ConnectTimeout",
    "Deadline",
    "DeadlineExceeded",
    "DecodingError",
    "DiscoveryPolicy",
    "FailureKind",
    "HTTPClient",
    "HTTPClientError",
    "HookSet",
    "Hooks",
    "InvalidRoute",
    "LocalProtocolError",
    "LogHooks",
    "NoHooks",
    "Policy",
    "PoolTimeout",
    "PrometheusHooks",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "Reason",
    "RemoteProtocolError",
    "Reply",
    "RequestOptions",
    "ResponseTooLarge",
    "RetryPolicy",
    "RustWire",
    "Sent",
    "ServiceClient",
    "TooManyRedirects",
    "TransportWire",
    "UnsupportedProtocol",
    "Wire",
    "WireError",
    "WireRequest",
    "WireResponse",
    "WriteError",
    "WriteTimeout",
    "expand_route",
    "failure_kind",
]
