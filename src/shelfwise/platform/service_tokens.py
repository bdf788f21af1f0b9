"""Tokens for background work: minted from the shared secret, or by OAuth 2 client credentials (RFC 6749, 4.4)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from shelfwise.platform.auth import mint_token
from shelfwise.platform.problems import UnavailableError

_TTL_SECONDS = 300.0
_REFRESH_BEFORE_SECONDS = 60.0

PostForm = Callable[[str, Mapping[str, str]], Awaitable[Mapping[str, Any]]]


class ServiceTokens(Protocol):
    """Gives a token with the scope ``service`` that is still good for a while."""

    async def token(self) -> str: ...


class MintedServiceTokens:
    """From the secret that both services share; accepted for any tenant, on routes marked service only."""

    def __init__(
        self,
        secret: str,
        *,
        subject: str,
        audience: str,
        issuer: str | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secret = secret
        self._subject = subject
        self._audience = audience
        self._issuer = issuer
        self._clock = clock
        self._current: tuple[float, str] | None = None

    async def token(self) -> str:
        now = self._clock()
        if self._current is None or now > self._current[0] - _REFRESH_BEFORE_SECONDS:
            token = mint_token(
                self._secret,
                subject=self._subject,
                tenants=[],
                scopes=frozenset({"service"}),
                ttl_seconds=_TTL_SECONDS,
                audience=self._audience,
                issuer=self._issuer,
                now=now,
            )
            self._current = (now + _TTL_SECONDS, token)
        return self._current[1]


class ClientCredentialsTokens:
    """From the identity provider's token endpoint; refreshed a minute before it expires."""

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        client_secret: str,
        audience: str,
        post_form: PostForm,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "audience": audience,
            "scope": "service",
        }
        self._post_form = post_form
        self._clock = clock
        self._current: tuple[float, str] | None = None
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        async with self._lock:
            now = self._clock()
            if self._current is None or now > self._current[0] - _REFRESH_BEFORE_SECONDS:
                answer = await self._post_form(self._url, self._form)
                token = answer.get("access_token")
                if not isinstance(token, str):
                    raise UnavailableError("The token endpoint gave no access_token.", retry_after_seconds=30)
                self._current = (now + float(answer.get("expires_in", _TTL_SECONDS)), token)
            return self._current[1]
