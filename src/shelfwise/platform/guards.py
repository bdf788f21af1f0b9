"""Who may call a route: deny by default.

A route says what it needs by ``opt``: ``scope="sales:read"``, ``service=True`` for routes that a service token may call
for any tenant, ``ops=True`` for operators, or ``public=True``. A route that says nothing answers nobody.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from shelfwise.platform.auth import Principal, TokenVerifier
from shelfwise.platform.problems import ForbiddenError, UnauthenticatedError
from shelfwise.platform.tenancy import check_tenant_id

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]

PRINCIPAL = "shelfwise.principal"
TENANT = "shelfwise.tenant"


def access_guard(verifier: TokenVerifier, *, ops_public: bool) -> Guard:
    """The one guard of an application: verifies the token, the scope and the tenant that the route needs."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        needs = handler.opt
        if needs.get("public") or (needs.get("ops") and ops_public):
            return
        principal = await verifier.verify(_bearer(connection))
        connection.scope["state"][PRINCIPAL] = principal
        if needs.get("ops"):
            principal.require("ops:read")
            return
        scope = needs.get("scope")
        if needs.get("service"):
            principal.require("service") if scope is None else _require_either(principal, scope)
        elif isinstance(scope, str):
            principal.require(scope)
        else:
            raise ForbiddenError("This route answers nobody: it declares no scope.")
        tenant_id = connection.headers.get("X-Tenant-ID")
        if tenant_id is None:
            raise ForbiddenError("Say which tenant you mean with the header X-Tenant-ID.")
        check_tenant_id(tenant_id)
        principal.require_tenant(tenant_id, any_tenant=bool(needs.get("service")))
        connection.scope["state"][TENANT] = tenant_id

    return guard


def _require_either(principal: Principal, scope: str) -> None:
    if not principal.is_service:
        principal.require(scope)


def _bearer(connection: Connection) -> str:
    value = connection.headers.get("Authorization")
    if value is None:
        raise UnauthenticatedError("Send a token: `Authorization: Bearer <token>`.")
    kind, _, token = value.partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("The Authorization header must read `Bearer <token>`.")
    return token.strip()


def principal_of(connection: Connection) -> Principal:
    """The verified caller of a route that is not public."""
    principal: Principal = connection.scope["state"][PRINCIPAL]
    return principal


def tenant_of(connection: Connection) -> str:
    """The tenant that the caller named and may act for."""
    tenant_id: str = connection.scope["state"][TENANT]
    return tenant_id
