"""Errors as RFC 9457 problem documents.

Every error that a service answers with is one of these classes; its status and stable ``type`` stand on the class
and one handler (``shelfwise.platform.web``) turns it into ``application/problem+json``::

    ProblemError
    +-- BadRequestError 400          malformed: JSON, UTF-8, duplicate headers
    +-- UnauthenticatedError 401
    +-- ForbiddenError 403
    |   +-- TenantNotSetUpError      the token is good, the tenant is unknown here
    +-- NotFoundError 404            also for another tenant's id
    +-- MethodNotAllowedError 405
    +-- ConflictError 409
    |   +-- IdempotencyMismatchError the key was used with another payload
    |   +-- InProgressError          the same request is being handled
    +-- PayloadTooLargeError 413
    +-- UnsupportedMediaTypeError 415
    +-- InvalidError 422             parses, but is not valid; names each field
    +-- UnavailableError 503         try again, with Retry-After
    +-- DeadlineExceededError 504    the time that the caller gave is up
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:shelfwise:problem:"


class FieldProblem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one field: its name as sent, where it was (``body query path header``), and why."""

    field: str
    message: str
    source: str = ""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The document that a client receives (RFC 9457 members, then ours)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str = ""
    errors: tuple[FieldProblem, ...] = ()


class ProblemError(Exception):
    """Root of every error that has an HTTP answer."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def document(self, request_id: str = "") -> Problem:
        """The problem document of this error."""
        return Problem(
            type=TYPE_PREFIX + self.slug,
            title=self.title,
            status=self.status,
            detail=self.detail,
            request_id=request_id,
            errors=self.errors,
        )


class BadRequestError(ProblemError):
    status, slug, title = 400, "malformed", "Malformed request"


class UnauthenticatedError(ProblemError):
    status, slug, title = 401, "unauthenticated", "Authentication needed"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="shelfwise"'})


class ForbiddenError(ProblemError):
    status, slug, title = 403, "forbidden", "Not allowed"


class TenantNotSetUpError(ForbiddenError):
    slug, title = "tenant_not_set_up", "Tenant not set up"

    def __init__(self, tenant_id: str) -> None:
        super().__init__(
            f"Tenant {tenant_id!r} is not set up in this service. Create it with "
            f"`shelfwise tenant create {tenant_id}`; Sales learns of it from Inventory within a second when both run."
        )


class NotFoundError(ProblemError):
    status, slug, title = 404, "not_found", "Not found"


class MethodNotAllowedError(ProblemError):
    status, slug, title = 405, "method_not_allowed", "Method not allowed"


class ConflictError(ProblemError):
    status, slug, title = 409, "conflict", "Conflict"


class IdempotencyMismatchError(ConflictError):
    slug, title = "idempotency_key_reused", "Idempotency-Key used with another payload"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with another payload. Use a new key for a new request.")


class InProgressError(ConflictError):
    slug, title = "in_progress", "The same request is being handled"

    def __init__(self) -> None:
        super().__init__(
            "A request with this Idempotency-Key is being handled. Try again shortly.",
            headers={"Retry-After": "1"},
        )


class PayloadTooLargeError(ProblemError):
    status, slug, title = 413, "too_large", "Payload too large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body is larger than {limit_bytes} bytes. Send it in smaller parts.")


class UnsupportedMediaTypeError(ProblemError):
    status, slug, title = 415, "unsupported_media_type", "Unsupported media type"


class InvalidError(ProblemError):
    status, slug, title = 422, "invalid", "Not valid"

    @classmethod
    def of(cls, field: str, message: str, source: str = "body") -> "InvalidError":
        """One field that is not valid."""
        return cls(f"{field}: {message}", errors=[FieldProblem(field, message, source)])


class UnavailableError(ProblemError):
    status, slug, title = 503, "unavailable", "Unavailable for the moment"

    def __init__(self, detail: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_seconds)})


class DeadlineExceededError(ProblemError):
    status, slug, title = 504, "deadline_exceeded", "The caller's time is up"

    def __init__(self) -> None:
        super().__init__("The time that grpc-timeout gave is up. What was not committed by then is rolled back.")
