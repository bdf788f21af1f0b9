"""Routes that may be repeated: from a request to its identity, from a stored answer to a response."""

from typing import Any

import msgspec
from litestar import Request, Response

from shelfwise.platform.guards import principal_of, tenant_of
from shelfwise.platform.idempotency import RequestIdentity, StoredAnswer


async def identity_of(request: Request[Any, Any, Any], route: str) -> RequestIdentity | None:
    """What makes the request the same request, when it carries an Idempotency-Key.

    Raises:
        InvalidError: the key is empty or too long.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    return RequestIdentity.of(
        tenant_id=tenant_of(request),
        subject=principal_of(request).subject,
        route=route,
        key=key,
        # The path too: one key must not mean two orders.
        payload=request.url.path.encode() + b"\n" + await request.body(),
    )


def stored_response(stored: StoredAnswer) -> Response[Any]:
    """The answer as it was given the first time."""
    return Response(msgspec.Raw(stored.body), status_code=stored.status, media_type="application/json")
