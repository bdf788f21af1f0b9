"""Who is asking: JSON Web Tokens to principals, and service tokens for background work.

Algorithms are pinned by how a service is configured: HS256 with a shared secret, or RS256, ES256 and EdDSA with the
identity provider's key set. A token's own header never chooses between the two families.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt import PyJWK

from shelfwise.platform.problems import ForbiddenError, UnauthenticatedError, UnavailableError

SCOPES = frozenset({"inventory:read", "inventory:write", "sales:read", "sales:write", "ops:read", "service"})
#: What ``shelfwise token`` grants unless told otherwise: everything a person may do.
PERSON_SCOPES = SCOPES - {"service"}
_ASYMMETRIC = ["RS256", "ES256", "EdDSA"]
_CACHE_SECONDS = 60.0
_CACHE_SIZE = 4096
_JWKS_REFETCH_SECONDS = 30.0
_LEEWAY_SECONDS = 10

Clock = Callable[[], float]
FetchJson = Callable[[str], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. ``token`` is what may be forwarded; it never appears in ``repr``."""

    subject: str
    tenants: frozenset[str]
    scopes: frozenset[str]
    token: "BearerToken"

    @property
    def is_service(self) -> bool:
        return "service" in self.scopes

    def require(self, scope: str) -> None:
        """Raises ForbiddenError, naming the scope, unless the token grants it."""
        if scope not in self.scopes:
            raise ForbiddenError(f"This needs the scope {scope!r}, which the token does not grant.")

    def require_tenant(self, tenant_id: str, *, any_tenant: bool = False) -> None:
        """Raises ForbiddenError unless the token is for that tenant; a service token passes where routes say so."""
        if tenant_id in self.tenants or (any_tenant and self.is_service):
            return
        raise ForbiddenError(f"The token is not for tenant {tenant_id!r}.")


class BearerToken:
    """A raw token that shows itself only when asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "BearerToken(***)"


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must satisfy. Exactly one of ``secret`` and ``jwks_url`` may be None."""

    secret: str | None
    jwks_url: str | None = None
    issuer: str | None = None
    audience: str = "shelfwise"
    tenant_claim: str = "tenant_id"
    tenants_claim: str = "tenants"
    scope_claim: str = "scope"
    default_scopes: frozenset[str] = frozenset()


class TokenVerifier:
    """Verifies tokens and remembers the good ones by hash, for a minute at most."""

    def __init__(self, rules: TokenRules, *, fetch_json: FetchJson | None = None, clock: Clock = time.time) -> None:
        self._rules = rules
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()
        self._keys = None if rules.jwks_url is None else _KeySet(rules.jwks_url, fetch_json, clock)

    async def verify(self, token: str) -> Principal:
        """The principal of a token.

        Raises:
            UnauthenticatedError: not a good token.
            ForbiddenError: good, but without any scope that Shelfwise knows.
            UnavailableError: the identity provider's keys cannot be had.
        """
        digest = _digest(token)
        known = self._known.get(digest)
        now = self._clock()
        if known is not None and now < known[0]:
            return known[1]
        claims = await self._decode(token)
        principal = self._principal(claims, token)
        self._known[digest] = (min(now + _CACHE_SECONDS, float(claims["exp"])), principal)
        self._known.move_to_end(digest)
        while len(self._known) > _CACHE_SIZE:
            self._known.popitem(last=False)
        return principal

    def remembered(self, token: str) -> Principal | None:
        """The principal of a token that was verified within the last minute; None otherwise."""
        known = self._known.get(_digest(token))
        return known[1] if known is not None and self._clock() < known[0] else None

    async def _decode(self, token: str) -> dict[str, Any]:
        rules = self._rules
        try:
            header = jwt.get_unverified_header(token)
            key, algorithms = await self._key(header)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=algorithms,
                audience=rules.audience,
                issuer=rules.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "sub", "aud"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise UnauthenticatedError(
                "The token has expired. Get a new one, for example with `shelfwise token`."
            ) from error
        except (jwt.PyJWTError, ValueError) as error:
            raise UnauthenticatedError(f"The token is not valid: {_reason(error)}.") from error
        return claims

    async def _key(self, header: Mapping[str, Any]) -> tuple[Any, list[str]]:
        if header.get("alg") == "HS256" and self._rules.secret is not None:
            return self._rules.secret, ["HS256"]
        if self._keys is not None:
            return await self._keys.key(str(header.get("kid", ""))), _ASYMMETRIC
        raise jwt.InvalidAlgorithmError("algorithm not accepted")

    def _principal(self, claims: Mapping[str, Any], token: str) -> Principal:
        rules = self._rules
        tenants = claims.get(rules.tenants_claim, [])
        names = {str(name) for name in tenants} if isinstance(tenants, list) else set()
        if isinstance(claims.get(rules.tenant_claim), str):
            names.add(claims[rules.tenant_claim])
        granted = claims.get(rules.scope_claim, "")
        words = granted if isinstance(granted, list) else str(granted).split()
        scopes = SCOPES.intersection(str(word) for word in words) or rules.default_scopes
        if not scopes:
            raise ForbiddenError(f"The token grants none of the scopes {', '.join(sorted(SCOPES))}.")
        return Principal(str(claims["sub"]), frozenset(names), frozenset(scopes), BearerToken(token))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _reason(error: Exception) -> str:
    match error:
        case jwt.InvalidAudienceError():
            return "its audience is another"
        case jwt.InvalidIssuerError():
            return "its issuer is another"
        case jwt.MissingRequiredClaimError():
            return f"the claim {error.claim!r} is missing"
        case jwt.InvalidSignatureError():
            return "its signature does not match"
        case jwt.InvalidAlgorithmError():
            return "its algorithm is not accepted"
        case _:
            return "it cannot be read"


class _KeySet:
    """The identity provider's keys, fetched when an unknown key id appears, at most once per 30 s."""

    def __init__(self, url: str, fetch_json: FetchJson | None, clock: Clock) -> None:
        if fetch_json is None:
            raise ValueError("AUTH_JWKS_URL needs a way to fetch it.")
        self._url = url
        self._fetch_json = fetch_json
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> Any:  # noqa: ANN401  cryptography's key types have no common name
        async with self._lock:
            if kid not in self._keys and self._clock() - self._fetched_at >= _JWKS_REFETCH_SECONDS:
                await self._fetch()
        if kid not in self._keys:
            raise jwt.InvalidKeyError("unknown key id")
        return self._keys[kid].key

    async def _fetch(self) -> None:
        self._fetched_at = self._clock()
        try:
            document = await self._fetch_json(self._url)
            keys = [entry for entry in document.get("keys", []) if entry.get("use", "sig") == "sig"]
            # A symmetric key in a public key set would let anyone who reads it sign.
            self._keys = {
                str(entry.get("kid", "")): PyJWK.from_dict(dict(entry)) for entry in keys if entry.get("kty") != "oct"
            }
        except (jwt.PyJWTError, OSError, ValueError, TypeError, AttributeError) as error:
            raise UnavailableError("The identity provider's keys cannot be had.", retry_after_seconds=30) from error


def mint_token(
    secret: str,
    *,
    subject: str,
    tenants: list[str],
    scopes: frozenset[str],
    ttl_seconds: float,
    audience: str = "shelfwise",
    issuer: str | None = None,
    now: float | None = None,
) -> str:
    """An HS256 token for the tenants, valid from now for ``ttl_seconds``."""
    issued = time.time() if now is None else now
    claims: dict[str, Any] = {
        "sub": subject,
        "aud": audience,
        "iat": int(issued),
        "nbf": int(issued),
        "exp": int(issued + ttl_seconds),
        "scope": " ".join(sorted(scopes)),
        "tenants": tenants,
    }
    if issuer is not None:
        claims["iss"] = issuer
    return jwt.encode(claims, secret, algorithm="HS256")
